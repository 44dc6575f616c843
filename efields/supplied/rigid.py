"""The pose of a camera on the body whose poses are known: an IMU, a marker, another camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from efields.errors import InputError
from efields.formats.text.tables import read_short_text
from efields.geometry.pose import quaternion_to_rotation
from efields.geometry.pose_checks import FARTHEST
from efields.supplied._documents import floats, read_document
from efields.supplied._sources import numbers_of, split

_FORMS = "px,py,pz,qx,qy,qz,qw, a 4x4 matrix, or a Kalibr file with T_cam_imu"


def read_body_camera(source: str) -> tuple[Float64[np.ndarray, "4 4"], tuple[str, ...]]:
    """`T_body_camera`, which takes camera (OpenCV axes) to body, and what should be known about it, one sentence each.

    `source` is seven numbers (position and quaternion xyzw of the camera in the body), sixteen of a matrix row by row,
    a text or .npy file of them, or a Kalibr camchain with `T_cam_imu` (which is inverted) or `T_imu_cam`; `FILE:cam1`
    chooses a camera, and `T_cn_cnm1` leads from one to the next. Raises `InputError` for anything else.
    """
    numbers = numbers_of(source, source)
    if numbers is not None:
        return _matrix(numbers, source), ()
    path, part = split(source, f"a file that holds {_FORMS}")
    if path.suffix.lower() == ".npy" and path.is_file():
        return _matrix(_npy(path), path), ()
    text = read_short_text(path, 4 << 20)
    numbers = numbers_of(text, path)
    if numbers is not None:
        return _matrix(numbers, path), ()
    return _of_kalibr(read_document(path), part, path)


def rotation_near(rotation: Float64[np.ndarray, "*n 3 3"]) -> Float64[np.ndarray, "*n 3 3"]:
    """The nearest rotations to matrices that were rounded when they were written."""
    u, _, vt = np.linalg.svd(rotation)
    return u @ vt


def _npy(path: Path) -> list[float]:
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
        if array.size > 16:
            raise ValueError(f"shape {array.shape}")
        return floats(np.asarray(array, dtype=np.float64).ravel().tolist(), "matrix", path)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise InputError(f"is not readable as one matrix ({error})", path, "save a 4x4 array") from None


def _matrix(numbers: list[float], where: str | Path) -> Float64[np.ndarray, "4 4"]:
    """A rigid motion from seven, twelve or sixteen numbers."""
    matrix = np.eye(4)
    if len(numbers) == 7:
        quaternion = np.array(numbers[3:])
        if np.abs(numbers[:3]).max() > FARTHEST:
            raise InputError(f"its position {numbers[:3]} is out of range", where, "correct it")
        if abs(np.linalg.norm(quaternion) - 1) > 1e-3:
            raise InputError("the quaternion is not of unit length", where, "give px,py,pz,qx,qy,qz,qw")
        matrix[:3, :3] = quaternion_to_rotation(torch.from_numpy(quaternion)).numpy()
        matrix[:3, 3] = numbers[:3]
        return matrix
    if len(numbers) not in (12, 16):
        raise InputError(f"{len(numbers)} numbers are not a rigid motion", where, f"give {_FORMS}")
    matrix[: len(numbers) // 4] = np.array(numbers).reshape(-1, 4)
    rotation = matrix[:3, :3]
    if (
        np.abs(matrix[3] - (0, 0, 0, 1)).max() > 1e-9
        or np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-2
        or np.linalg.det(rotation) < 0
        or np.abs(matrix[:3, 3]).max() > FARTHEST
    ):
        raise InputError("the matrix is not a rotation and a position", where, "give it row by row, without scale")
    matrix[:3, :3] = rotation_near(rotation)
    return matrix


def _of_kalibr(document: dict[str, Any], part: str, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    cameras = {str(name): found for name, found in document.items() if isinstance(found, dict)}
    if not any(str(name).startswith("cam") for name in cameras):
        cameras = {"": document}
    chosen = part or (next(iter(cameras)) if len(cameras) == 1 else "")
    if chosen not in cameras:
        names = ", ".join(cameras)
        what = f"contains no camera '{chosen}'" if chosen else f"contains several cameras ({names})"
        raise InputError(what, path, f"choose one, such as {path.name}:{next(iter(cameras))}")
    notes = ()
    shift = floats(cameras[chosen].get("timeshift_cam_imu"), "timeshift_cam_imu", path)
    if shift and shift[0]:
        said = "it applies to poses in the IMU's clock and was not used; give it with --time-offset if needed"
        notes = (f"Kalibr found a time offset of {shift[0]:.6g} s (timeshift_cam_imu): {said}.",)
    return np.linalg.inv(_camera_imu(cameras, chosen, path)), notes


def _camera_imu(cameras: dict[str, dict[str, Any]], name: str, path: Path) -> Float64[np.ndarray, "4 4"]:
    """`T_cam_imu` of a camera, over its neighbours in the chain where it has none of its own."""
    chain = np.eye(4)
    names = list(cameras)
    for at in range(names.index(name), -1, -1):
        found = cameras[names[at]]
        for key in ("T_cam_imu", "T_imu_cam", "T_body_camera"):
            if key in found:
                motion = _matrix(floats(found[key], key, path), path)
                return chain @ (motion if key == "T_cam_imu" else np.linalg.inv(motion))
        if "T_cn_cnm1" not in found:
            break
        chain = chain @ _matrix(floats(found["T_cn_cnm1"], "T_cn_cnm1", path), path)
    raise InputError(f"contains no T_cam_imu for '{name}'" if name else "contains no T_cam_imu", path, f"give {_FORMS}")
