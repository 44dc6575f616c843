"""`poses_bounds.npy` of LLFF: a row of 17 numbers a view, a 3 x 5 matrix row by row and the nearest and farthest depth.

The matrix is camera to world with columns [down, right, back, position, (height, width, focal length)].
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from efields.cameras.transforms import checked_poses
from efields.errors import InputError
from efields.formats.arrays.npy import read_npy
from efields.geometry.camera import Camera


class LlffPoses(NamedTuple):
    """Poses and calibration of a `poses_bounds.npy`."""

    T_world_camera: Float64[np.ndarray, "n 4 4"]
    """Camera to world, OpenCV axes."""
    calibrated: Float64[np.ndarray, "n 3"]
    """Of each view: rows and columns of the image that was calibrated, and the focal length in its pixels."""
    bounds: Float64[np.ndarray, "n 2"]
    """Nearest and farthest depth of each view, world units."""


def read_poses_bounds(path: Path) -> LlffPoses:
    """The poses of a file in OpenCV axes. Raises `InputError` for anything missing or broken."""
    rows = read_npy(path)
    if rows.ndim != 2 or rows.shape[1] != 17 or len(rows) == 0 or rows.dtype.kind not in "fiu":
        raise InputError(f"has shape {rows.shape}, not n x 17 numbers", path, "write 3 x 5 poses and two depths")
    rows = rows.astype(np.float64)
    matrix, bounds = rows[:, :15].reshape(-1, 3, 5), rows[:, 15:]
    if not np.isfinite(matrix).all():
        raise InputError("contains numbers that are not finite", path, "write the poses again")
    down, right, back, position = (matrix[:, :, i] for i in range(4))
    T = np.tile(np.eye(4), (len(rows), 1, 1))
    T[:, :3] = np.stack([right, down, -back, position], axis=2)
    return LlffPoses(checked_poses(T, path), matrix[:, :, 4], bounds)


def depth_range(poses: LlffPoses) -> tuple[float, float] | None:
    """The nearest and the farthest depth of all views; None where the bounds are not depths."""
    nearest, farthest = float(poses.bounds.min()), float(poses.bounds.max())
    return (nearest, farthest) if 0 < nearest < farthest < np.inf else None


def one_llff_camera(poses: LlffPoses, width: int, height: int, path: Path, bayer: str = "") -> Camera:
    """The camera that all views share, an event camera's. Raises `InputError` as `llff_camera`, and for several."""
    size = poses.calibrated
    if np.abs(size - size[0]).max() > 1e-6 * np.abs(size[0]).max():
        raise InputError("contains several cameras", path, "give all views one camera")
    return llff_camera(poses, 0, width, height, path, bayer)


def llff_camera(poses: LlffPoses, view: int, width: int, height: int, path: Path, bayer: str = "") -> Camera:
    """The camera of a view's image of this size: focal length scaled to it, principal point in the image's middle.

    Raises `InputError` when the calibration cannot be a camera.
    """
    rows, columns, focal = (float(value) for value in poses.calibrated[view])
    if not (columns > 0 and rows > 0):
        raise InputError(f"gives images of {columns:g} x {rows:g}", path, "write the poses again")
    fx, fy = focal * width / columns, focal * height / rows
    try:
        return Camera(width, height, fx, fy, width / 2 - 0.5, height / 2 - 0.5, bayer=bayer)
    except InputError as error:
        raise InputError(error.what, path, error.do) from None
