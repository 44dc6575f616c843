"""Intrinsics from bare numbers: `fx fy cx cy` with distortion, or a camera matrix of any shape.

A camera matrix shows itself by its zeros and its one, in 3x3, 3x4 (projection) and 4x4; so nine numbers of a matrix are
never taken for `fx fy cx cy k1 k2 p1 p2 k3`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from efields.errors import InputError
from efields.formats.text.numbers import Rows, number_rows, shape_of
from efields.formats.text.tables import read_short_text

FORMS = "fx,fy,cx,cy[,k1,k2,p1,p2[,k3]], or a camera matrix of 3x3, 3x4 or 4x4 numbers"
_WIDEST = {"none": math.radians(140), "plumb_bob": math.radians(140), "equidistant": math.radians(250)}
"""Field of view beyond which a focal length cannot be in pixels."""
_SQUARE, _SQUARE_BARE = 2.05, 1.3
"""Largest ratio of the focal lengths along x and y; for bare numbers, whose order nothing else shows."""
SKEW_PX = 0.1
"""A skew that moves no pixel farther than this is ignored, and reported."""


@dataclass(frozen=True)
class Intrinsics:
    """Parameters of a camera, pixel centres as in their source."""

    fx: float
    """Focal length along x, pixels."""
    fy: float
    """Focal length along y, pixels."""
    cx: float
    """Principal point along x, pixels."""
    cy: float
    """Principal point along y, pixels."""
    distortion: tuple[float, ...] = ()
    """Distortion given with them; no model is named."""
    skew: float = 0.0
    """Entry of the camera matrix next to fx, pixels."""
    notes: tuple[str, ...] = ()
    """What was left out, one sentence each."""

    def check_skew(self, height: int, where: str | Path) -> tuple[str, ...]:
        """A note on a skew that moves no pixel of this many rows by much; `InputError` for one that does."""
        if not self.skew:
            return ()
        moved = abs(self.skew / self.fy) * max(abs(self.cy), abs(height - 1 - self.cy)) if self.fy else np.inf
        said = f"a skew of {self.skew:.6g}, which moves pixels by up to {moved:.2g} px"
        if not moved <= SKEW_PX:
            raise InputError(f"the camera matrix has {said}", where, "calibrate without skew: efields has none")
        return (f"The camera matrix has {said}: it is ignored.",)


def read_intrinsics(path: Path) -> Intrinsics:
    """The camera in a text file of numbers alone. Raises `InputError` for a missing file, words, and no camera."""
    if not path.exists():
        raise InputError("no such file", path, "copy the complete recording again")
    text = read_short_text(path, 1 << 20)
    rows = number_rows(text, path)
    if rows is None:
        raise InputError("contains something other than finite numbers", path, f"give {FORMS}")
    return intrinsics_of(rows, path)


def intrinsics_of(rows: Rows, where: str | Path) -> Intrinsics:
    """The camera that rows of numbers are. Raises `InputError` that names their shape where they are none."""
    flat = [value for row in rows for value in row]
    for height, width in ((3, 3), (3, 4), (4, 4)):
        beside = len(flat) - height * width
        if beside in (0, *((4, 5, 8) if width == 3 else ())) and _lined(rows, height, width):
            matrix = np.array(flat[: height * width]).reshape(height, width)
            if _is_camera_matrix(matrix):
                return _of_matrix(matrix, tuple(flat[height * width :]))
            if width == 3 and _is_camera_matrix(matrix.T):
                do = (
                    "transpose it, and subtract 1 from its principal point if it is MATLAB's, whose pixels count from 1"
                )
                raise InputError("contains the transpose of a camera matrix", where, do)
            if [len(row) for row in rows[:height]] == [width] * height or width == 4:
                what = f"{shape_of(rows)} are not a camera: a camera matrix is fx 0 cx, 0 fy cy, 0 0 1"
                raise InputError(what, where, f"give {FORMS}")
    lengths = [len(row) for row in rows]
    if len(flat) in (4, 8, 9) and lengths in ([len(flat)], [1] * len(flat), [4, len(flat) - 4]):
        return Intrinsics(*flat[:4], distortion=tuple(flat[4:]))
    raise InputError(f"{shape_of(rows)} are not a camera", where, f"give {FORMS}")


def _lined(rows: Rows, height: int, width: int) -> bool:
    """Whether rows begin with a matrix of this shape, line by line or in one row, and go on without regard of lines."""
    lengths = [len(row) for row in rows]
    return lengths[:height] == [width] * height or len(rows) == 1 or set(lengths) == {1}


def _is_camera_matrix(matrix: Float64[np.ndarray, "h w"]) -> bool:
    """Whether zeros and ones are where `K`, `[K 0]` or `[K 0; 0 1]` has them; the last column of 3x4 may be a shift."""
    k = matrix[:3, :3]
    if matrix.shape[0] == 4 and not ((matrix[3] == (0, 0, 0, 1)).all() and not matrix[:3, 3].any()):
        return False
    return bool(k[1, 0] == k[2, 0] == k[2, 1] == 0 and k[2, 2] == 1)


def _of_matrix(matrix: Float64[np.ndarray, "h w"], distortion: tuple[float, ...]) -> Intrinsics:
    (fx, skew, cx), (_, fy, cy) = matrix[:2, :3].tolist()
    notes = ()
    if matrix.shape[1] == 4 and matrix[:3, 3].any():
        notes = ("The last column of the projection matrix, the camera's offset from another, is ignored.",)
    return Intrinsics(fx, fy, cx, cy, distortion, skew, notes)


def check_plausible(
    pinhole: Intrinsics, model: str, columns: int, rows: int, sized: bool, where: str | Path
) -> tuple[str, ...]:
    """Notes on an odd principal point; `InputError` for numbers that are not a camera of this size in pixels."""
    fx, fy, cx, cy = pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy
    picture = f"{columns} x {rows} pixels"
    if not (fx > 0 and fy > 0):
        raise InputError(
            f"focal length fx, fy = {fx:g}, {fy:g}", where, "give pixels above 0, in the order fx, fy, cx, cy"
        )
    if max(fx / fy, fy / fx) > (_SQUARE if sized else _SQUARE_BARE):
        what = f"focal lengths of {fx:g} and {fy:g} px do not fit a camera with square pixels"
        raise InputError(what, where, "give the numbers in the order fx, fy, cx, cy, with decimal points")
    view = columns / fx if model == "equidistant" else 2 * math.atan(columns / fx / 2)
    if view > _WIDEST[model]:
        what = f"a focal length of {fx:g} px would see {math.degrees(view):.0f} degrees over {columns} columns"
        do = "give it in pixels: millimetres divided by the size of a pixel, or a fraction of the width times the width"
        raise InputError(what, where, do)
    if not (-0.5 <= cx <= columns - 0.5 and -0.5 <= cy <= rows - 0.5):
        what = f"the principal point ({cx:g}, {cy:g}) is outside the {picture}"
        if not sized:
            raise InputError(
                what, where, "give the calibration of this resolution, or one that states width and height"
            )
        return (what[0].upper() + what[1:] + ".",)
    if cx < columns / 8 and cy < rows / 8:
        what = f"the principal point ({cx:g}, {cy:g}) is at the corner of the {picture}"
        raise InputError(what, where, "count it from the corner, not from the middle, and in pixels")
    if abs(cx - columns / 2) >= columns / 4 or abs(cy - rows / 2) >= rows / 4:
        place = f"The principal point ({cx:g}, {cy:g}) is far from the middle of the {picture}"
        return (f"{place}: is the calibration for another resolution?",)
    return ()
