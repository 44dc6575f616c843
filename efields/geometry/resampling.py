"""The camera of an image that was cropped, rotated or made coarser.

`efields.events.resampling` does the same to events. A mirrored image has no camera: no pinhole sees a scene mirrored.
"""

from __future__ import annotations

from dataclasses import replace

from efields.geometry.camera import Camera


def cropped(camera: Camera, x0: int, y0: int, width: int, height: int) -> Camera:
    """The camera of the `width` x `height` pixels from (x0, y0) on; a Bayer pattern moves along."""
    bayer = _bayer(camera, [(x0 + x, y0 + y) for y in (0, 1) for x in (0, 1)])
    return replace(camera, width=width, height=height, cx=camera.cx - x0, cy=camera.cy - y0, bayer=bayer)


def turned(camera: Camera, turns: int) -> Camera:
    """The camera of the image rotated clockwise by quarter turns: its axes rotate about z, and poses with them."""
    for _ in range(turns % 4):
        bayer = _bayer(camera, [(y, camera.height - 1 - x) for y in (0, 1) for x in (0, 1)])
        distortion = camera.distortion
        if camera.distortion_model == "plumb_bob" and distortion:
            # The tangential part is 2 x (p . x) + p r^2 for the vector p = (p2, p1), which rotates like a point.
            k1, k2, p1, p2, *more = distortion
            distortion = (k1, k2, p2, -p1, *more)
        camera = Camera(
            width=camera.height,
            height=camera.width,
            fx=camera.fy,
            fy=camera.fx,
            cx=camera.height - 1 - camera.cy,
            cy=camera.cx,
            distortion_model=camera.distortion_model,
            distortion=distortion,
            bayer=bayer,
        )
    return camera


def coarser(camera: Camera, factor: int) -> Camera:
    """The camera whose pixels are blocks of `factor` x `factor`, smaller at the borders; no Bayer pattern survives."""
    return replace(
        camera,
        width=-(-camera.width // factor),
        height=-(-camera.height // factor),
        fx=camera.fx / factor,
        fy=camera.fy / factor,
        # Scaling preserves pixel corners, which are at half integers.
        cx=(camera.cx + 0.5) / factor - 0.5,
        cy=(camera.cy + 0.5) / factor - 0.5,
        bayer="",
    )


def _bayer(camera: Camera, sources: list[tuple[int, int]]) -> str:
    """The pattern whose pixels (0, 0), (1, 0), (0, 1), (1, 1) were those columns and rows."""
    return "".join(camera.bayer[2 * (y % 2) + x % 2] for x, y in sources) if camera.bayer else ""
