"""A camera from whatever calibrated it.

Read are a Kalibr camchain (`FILE:cam1` chooses), DSEC's cam_to_cam.yaml, ROS's camera_info and `ros2 topic echo`,
OpenCV's FileStorage in YAML, JSON and XML, DV's calibration, basalt's, MATLAB's and Metavision's, COLMAP's cameras, the
json of nerfstudio and instant-ngp, `calib.txt` of the Event Camera Dataset, efields' own camera_calibration.npz, and
plain numbers: `fx,fy,cx,cy[,k1,k2,p1,p2[,k3]]` or a camera matrix. All count pixel centres at whole numbers but COLMAP
and, after it, nerfstudio and instant-ngp, who put them at halves: half a pixel is taken off their principal point.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from efields.cameras.calibration import Calibration, fitted
from efields.cameras.colmap import is_cameras_file, model_folder, read_cameras
from efields.cameras.intrinsics import FORMS, Intrinsics, intrinsics_of
from efields.cameras.transforms import camera_from_matrix
from efields.errors import InputError
from efields.formats.arrays.npz import is_zip, npz_members, read_npz
from efields.formats.text.numbers import Rows, number_rows
from efields.formats.text.tables import read_short_text
from efields.geometry.camera import Camera
from efields.supplied._camera_nodes import cameras_in, chosen_camera
from efields.supplied._camera_of_node import calibration_of
from efields.supplied._documents import floats, read_document
from efields.supplied._frames_camera import of_frames_json
from efields.supplied._sources import split, starts_like_json

_WHAT = f"a calibration, or numbers {FORMS}"


def read_camera(source: str, width: int, height: int, *, scale: bool = False) -> tuple[Camera, tuple[str, ...]]:
    """The camera that `source` names, for a sensor of this size, and what was assumed, one sentence each.

    A calibration of another size is an error, or with `scale` is scaled where the ratio of the sides is the same.
    Raises `InputError` for anything missing, broken or of a model that efields does not have.
    """
    rows = number_rows(source, source)
    if rows is not None:
        return fitted(_of_rows(rows, source), width, height, scale, source)
    path, part = split(source, _WHAT)
    return fitted(_of_file(path, part, width), width, height, scale, source)


def _of_file(path: Path, part: str, width: int) -> Calibration:
    """What a file, or the calibration in a folder, says of the camera called `part`."""
    if path.is_dir() and (path / "camera_calibration.npz").is_file():
        path = path / "camera_calibration.npz"
    if path.is_dir() and (model := model_folder(path)) is not None:
        path = next(file for file in (model / "cameras.bin", model / "cameras.txt") if file.is_file())
    if not path.is_dir() and is_zip(path):
        return _of_npz(path, part)
    if is_cameras_file(path):
        return _of_colmap(path, part)
    if path.suffix.lower() == ".npy" and path.is_file():
        return _of_rows(_npy(path), path)
    if not starts_like_json(path) and (rows := number_rows(read_short_text(path, 256 << 20), path)) is not None:
        return _of_rows(rows, path)
    return _of_document(read_document(path), part, width, path)


def _of_document(document: dict[str, Any], part: str, width: int, path: Path) -> Calibration:
    if not part and _is_frames_json(document):
        return of_frames_json(document, width, path)
    keys, notes = chosen_camera(cameras_in(document), part, path)
    found = calibration_of(keys, path)
    return Calibration(found.pinhole, found.model, found.distortion, found.size, notes=found.notes + notes)


def _is_frames_json(document: dict[str, object]) -> bool:
    return bool({"fl_x", "camera_angle_x", "frames"} & document.keys()) and "camera_matrix" not in document


def _of_rows(rows: Rows, where: str | Path) -> Calibration:
    found = intrinsics_of(rows, where)
    return Calibration(found, "plumb_bob", found.distortion)


def _npy(path: Path) -> Rows:
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
        if array.size > 32 or array.ndim > 2:
            raise ValueError(f"an array of {array.shape}")
        return [floats(row, "matrix", path) for row in np.atleast_2d(np.asarray(array, dtype=np.float64)).tolist()]
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise InputError(f"is not readable as a camera ({error})", path, f"save {FORMS}") from None


def _of_colmap(path: Path, part: str) -> Calibration:
    cameras = {str(number): camera for number, camera in read_cameras(path).items()}
    same = len(set(cameras.values())) == 1
    if part not in cameras and (part or not same):
        what = f"contains no camera '{part}'" if part else f"contains several cameras ({', '.join(cameras)})"
        raise InputError(what, path, f"choose one, such as {path.name}:{next(iter(cameras))}")
    camera = cameras[part] if part else next(iter(cameras.values()))
    pinhole = Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy)
    return Calibration(pinhole, camera.distortion_model, camera.distortion, (camera.width, camera.height))


def _of_npz(path: Path, part: str) -> Calibration:
    """efields' own archive, or arrays that Python scripts keep of OpenCV's calibration (`mtx`, `dist`)."""
    needed = ("intrinsics", "distortion_params", "distortion_model", "img_height", "img_width")
    names = npz_members(path) or set(needed)
    if "intrinsics" not in names and path.stat().st_size < 1 << 20:
        small = {name: array.tolist() for name, array in read_npz(path, tuple(names)).items() if array.size <= 32}
        return _of_document(small, part, 0, path)
    arrays = read_npz(path, needed, ("bayer_pattern",))
    try:
        size = int(arrays["img_width"]), int(arrays["img_height"])
        distortion = tuple(floats(arrays["distortion_params"].ravel().tolist(), "distortion_params", path))
        camera = camera_from_matrix(
            arrays["intrinsics"], *size, path, model=str(arrays["distortion_model"]), distortion=distortion
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"contains a value of the wrong kind ({error})", path, "write the calibration again") from None
    pinhole = Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy)
    bayer = str(arrays.get("bayer_pattern", ""))
    return Calibration(pinhole, camera.distortion_model, camera.distortion, size, bayer)
