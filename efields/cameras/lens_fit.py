"""A lens from a map of undistorted positions: the camera whose distortion the map undoes.

Datasets store, for each raw pixel, where it lies in the undistorted image (`rectify_map`, `ev_map`), and the pinhole
of that image. The raw pixel of each bearing is then known, and the distortion is fitted to all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from efields.errors import InputError
from efields.geometry.camera import Camera


def camera_from_map(
    undistorted: Float[np.ndarray, "h w 2"], pinhole: Float64[np.ndarray, "4"], bayer: str = "", where: str = ""
) -> tuple[Camera, float]:
    """The camera of the raw pixels, and the largest error of the fit in pixels.

    `undistorted[y, x]` is the position (x, y) of raw pixel (x, y) in the undistorted image of `pinhole` (fx, fy, cx,
    cy), in the pixels of that image. plumb_bob and equidistant are tried. Raises `InputError` for a map of another
    shape, one that is not finite, and one that no lens explains to 2 pixels.
    """
    if undistorted.ndim != 3 or undistorted.shape[2] != 2 or min(undistorted.shape[:2]) < 2:
        raise InputError(f"the map has shape {undistorted.shape}, not rows x columns x 2", where)
    fx, fy, cx, cy = (float(v) for v in pinhole)
    plane = (undistorted.reshape(-1, 2).astype(np.float64) - (cx, cy)) / (fx, fy)
    if not np.isfinite(plane).all() or np.abs(plane).max() > 100:
        raise InputError("the map contains positions that are not finite or far outside", where, "copy it again")
    height, width = undistorted.shape[:2]
    y, x = (axis.reshape(-1).astype(np.float64) for axis in np.mgrid[0:height, 0:width])
    some = slice(None, None, max(1, len(x) // 20_000))
    best: tuple[float, Camera] | None = None
    for model, count in (("plumb_bob", 5), ("equidistant", 4)):
        try:
            camera = _fitted(model, count, plane[some], x[some], y[some], (width, height, fx, fy, cx, cy), bayer)
        except (InputError, ValueError, np.linalg.LinAlgError):
            continue
        shown = camera.project(np.concatenate([plane, np.ones((len(plane), 1))], axis=1))
        error = float(np.abs(shown - np.stack([x, y], axis=1)).max())
        if np.isfinite(error) and (best is None or error < best[0] - 1e-6):
            best = error, camera
    if best is None or best[0] > 2:
        raise InputError(
            "no lens model explains the map to 2 pixels", where, "check that map and calibration belong together"
        )
    return best[1], best[0]


def _fitted(
    model: Any, count: int, plane: np.ndarray, x: np.ndarray, y: np.ndarray, start: tuple[Any, ...], bayer: str
) -> Camera:
    """Least squares over focal lengths, principal point and the numbers of the lens."""
    from scipy.optimize import least_squares

    width, height, *pinhole = start
    points = np.concatenate([plane, np.ones((len(plane), 1))], axis=1)

    def camera(numbers: np.ndarray) -> Camera:
        fx, fy, cx, cy, *lens = (float(number) for number in numbers)
        return Camera(width, height, fx, fy, cx, cy, model, tuple(lens), bayer)

    def error(numbers: np.ndarray) -> np.ndarray:
        return (camera(numbers).project(points) - np.stack([x, y], axis=1)).reshape(-1)

    scale = np.array([*(abs(v) + 1 for v in pinhole), *(0.1,) * count])
    found = least_squares(error, np.array([*pinhole, *(0.0,) * count]), x_scale=scale, max_nfev=60)
    return camera(found.x)
