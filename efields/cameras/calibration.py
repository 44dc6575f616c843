"""What a source says about a camera, whether that is plausible, and the camera for a sensor of a given size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from efields.cameras.intrinsics import Intrinsics, check_plausible
from efields.errors import InputError
from efields.geometry.camera import Camera

LENSES = "none, radtan (plumb_bob) or equidistant"
_MODELS = {
    "none": "none", "null": "none", "ideal": "none", "nodistortion": "none",
    "": "plumb_bob", "radtan": "plumb_bob", "radtan8": "plumb_bob", "pinholeradtan": "plumb_bob",
    "pinholeradtan8": "plumb_bob", "radialtangential": "plumb_bob", "plumbbob": "plumb_bob", "brown": "plumb_bob",
    "brownconrady": "plumb_bob", "rationalpolynomial": "plumb_bob", "rational": "plumb_bob", "opencv": "plumb_bob",
    "pinhole": "plumb_bob", "simplepinhole": "plumb_bob", "simpleradial": "plumb_bob", "radial": "plumb_bob",
    "perspective": "plumb_bob", "standard": "plumb_bob",
    "equidistant": "equidistant", "equi": "equidistant", "fisheye": "equidistant", "opencvfisheye": "equidistant",
    "pinholeequi": "equidistant", "pinholeequidistant": "equidistant", "kb": "equidistant", "kb4": "equidistant",
    "kannalabrandt": "equidistant", "kannalabrandt4": "equidistant", "kannalabrandt8": "equidistant",
}  # fmt: skip
"""Names of lens models, as their tools write them, in small letters and digits, to ours; unnamed is OpenCV's usual."""


@dataclass(frozen=True)
class Calibration:
    """What a source says about a camera."""

    pinhole: Intrinsics
    """Focal lengths and principal point in pixels, pixel centres at integers."""
    model: str = ""
    """Lens model in the words of the source."""
    distortion: tuple[float, ...] = ()
    """Its parameters."""
    size: tuple[int, int] | None = None
    """Columns and rows, if the source gives them."""
    bayer: str = ""
    """Colour filters."""
    notes: tuple[str, ...] = ()
    """What was assumed, one sentence each."""


def lens_of(name: str) -> str | None:
    """efields' name of a lens model; None for one that it does not have."""
    return _MODELS.get(re.sub(r"[^a-z0-9]", "", name.lower()))


def fitted(
    found: Calibration, width: int, height: int, scale: bool, where: str | Path
) -> tuple[Camera, tuple[str, ...]]:
    """The camera on a sensor of this size, and what was assumed, one sentence each.

    Raises `InputError` for a lens that efields does not have, another size, skew, and what can be no camera in pixels.
    """
    model, distortion, notes = _lens(found, where)
    pinhole = found.pinhole
    columns, rows = found.size or (width, height)
    notes = found.notes + pinhole.notes + notes + pinhole.check_skew(rows, where)
    notes += check_plausible(pinhole, model, columns, rows, found.size is not None, where)
    fx, fy, cx, cy = pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy
    if found.size is None:
        notes += ("The calibration does not state its image size: that of the sensor is assumed.",)
    elif (columns, rows) != (width, height):
        sizes = f"the calibration is for {columns} x {rows} pixels, the sensor has {width} x {height}"
        if not scale:
            do = (
                "give the sensor's own, or its size where that is assumed (--width, --height), or scale it: "
                "--scale-camera (supplied.scale_camera = true)"
            )
            raise InputError(sizes, where, do)
        if abs(columns * height - rows * width) > max(columns, rows):
            raise InputError(
                f"{sizes}, with another aspect ratio",
                where,
                "a calibration of a cropped or rotated image cannot be scaled",
            )
        notes += (f"The calibration is scaled from {columns} x {rows} to {width} x {height} pixels.",)
        sx, sy = width / columns, height / rows
        # Scaling preserves pixel corners, which are at half integers.
        fx, fy, cx, cy = fx * sx, fy * sy, (cx + 0.5) * sx - 0.5, (cy + 0.5) * sy - 0.5
    try:
        camera = Camera(width, height, fx, fy, cx, cy, distortion_model=model, distortion=distortion, bayer=found.bayer)  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(error.what, where, error.do) from None
    return camera, notes


def _lens(found: Calibration, where: str | Path) -> tuple[str, tuple[float, ...], tuple[str, ...]]:
    """Lens model and its parameters in our words, and a note where the model was not named."""
    model, distortion = lens_of(found.model), found.distortion
    if model is None:
        raise InputError(f"distortion model '{found.model}' is unknown", where, f"calibrate with {LENSES}")
    if model == "none" and any(distortion):
        what = f"says that there is no distortion ('{found.model}') but has distortion parameters"
        raise InputError(what, where, f"name the distortion model: {LENSES}")
    if model == "none" or (model == "plumb_bob" and not any(distortion)):
        return "none", (), ()
    if model == "plumb_bob" and len(distortion) > 5:
        if any(distortion[5:]):
            raise InputError(
                f"has {len(distortion)} distortion parameters", where, "calibrate with k1 k2 p1 p2 k3 alone"
            )
        distortion = distortion[:5]
    if model == "equidistant" and len(distortion) > 4 and not any(distortion[4:]):
        distortion = distortion[:4]
    unnamed = "The calibration does not name its lens model: radtan (k1 k2 p1 p2 k3) is assumed."
    return model, distortion, (unnamed,) if not found.model else ()
