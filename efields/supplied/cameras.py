"""A camera from whatever calibrated it.

Read are a Kalibr camchain (`FILE:cam1` chooses), DSEC's cam_to_cam.yaml, ROS's camera_info and OpenCV's FileStorage in
YAML, `calib.txt` of the Event Camera Dataset, the json of nerfstudio and instant-ngp, efields' own
camera_calibration.npz, and plain numbers `fx,fy,cx,cy[,k1,k2,p1,p2[,k3]]`. All but the json count pixel centres at
whole numbers; nerfstudio and instant-ngp, after COLMAP, put them at halves, so half a pixel is taken off their
principal point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.loaders._reading.arrays import is_zip, read_npz
from efields.loaders._reading.transforms import camera_from_matrix
from efields.supplied._sources import floats, numbers_of, read_document, read_text, split, starts_like_json

_WHAT = "a calibration, or numbers fx,fy,cx,cy[,k1,k2,p1,p2[,k3]]"
_MODELS = {
    "": "plumb_bob",
    "none": "none",
    "null": "none",
    "radtan": "plumb_bob",
    "plumb_bob": "plumb_bob",
    "rational_polynomial": "plumb_bob",
    "opencv": "plumb_bob",
    "pinhole": "plumb_bob",
    "equidistant": "equidistant",
    "equi": "equidistant",
    "fisheye": "equidistant",
    "opencv_fisheye": "equidistant",
}
"""Names of lens models, as their tools write them, to ours; unnamed is OpenCV's usual one."""


@dataclass(frozen=True)
class _Calibration:
    """What a source says of a camera."""

    pinhole: tuple[float, ...]
    """fx, fy, cx, cy in pixels, centres at whole numbers."""
    model: str = ""
    """Lens model in the words of the source."""
    distortion: tuple[float, ...] = ()
    """Its parameters."""
    size: tuple[int, int] | None = None
    """Columns and rows, where the source says so."""
    bayer: str = ""
    """Colour filters."""
    notes: tuple[str, ...] = ()
    """What was assumed, a sentence each."""


def read_camera(source: str, width: int, height: int, *, scale: bool = False) -> tuple[Camera, tuple[str, ...]]:
    """The camera that `source` names, for a sensor of this size, and what was assumed, a sentence each.

    A calibration of another size is an error, or with `scale` is scaled where the ratio of the sides is the same.
    Raises `InputError` for anything missing, broken or of a model that efields does not have.
    """
    numbers = numbers_of(source)
    if numbers is not None:
        return _fitted(_of_numbers(numbers, source), width, height, scale, source)
    path, part = split(source, _WHAT)
    if path.is_dir() and (path / "camera_calibration.npz").is_file():
        path = path / "camera_calibration.npz"
    if not path.is_dir() and is_zip(path):
        found = _of_npz(path)
    else:
        numbers = None if path.is_dir() or starts_like_json(path) else numbers_of(_uncommented(path))
        found = _of_document(read_document(path), part, width, path) if numbers is None else _of_numbers(numbers, path)
    return _fitted(found, width, height, scale, source)


def _uncommented(path: Path) -> str:
    return "\n".join(line.partition("#")[0] for line in read_text(path, 256 << 20).splitlines())


def _of_numbers(numbers: list[float], where: str | Path) -> _Calibration:
    if len(numbers) not in (4, 8, 9):
        raise InputError(f"{len(numbers)} numbers are no camera", where, "give fx,fy,cx,cy[,k1,k2,p1,p2[,k3]]")
    return _Calibration(tuple(numbers[:4]), "plumb_bob", tuple(numbers[4:]))


def _of_npz(path: Path) -> _Calibration:
    needed = ("intrinsics", "distortion_params", "distortion_model", "img_height", "img_width")
    arrays = read_npz(path, needed, ("bayer_pattern",))
    try:
        size = int(arrays["img_width"]), int(arrays["img_height"])
        distortion = tuple(floats(arrays["distortion_params"].ravel().tolist(), "distortion_params", path))
        camera = camera_from_matrix(
            arrays["intrinsics"], *size, path, model=str(arrays["distortion_model"]), distortion=distortion
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"holds a value of the wrong kind ({error})", path, "write the calibration again") from None
    pinhole = camera.fx, camera.fy, camera.cx, camera.cy
    bayer = str(arrays.get("bayer_pattern", ""))
    return _Calibration(pinhole, camera.distortion_model, camera.distortion, size, bayer)


def _of_document(document: dict[str, Any], part: str, width: int, path: Path) -> _Calibration:
    if isinstance(document.get("intrinsics"), dict):  # DSEC
        cameras, usual = _cameras(document["intrinsics"], "camera_matrix"), "cam0"
    else:
        cameras, usual = _cameras(document, "intrinsics"), ""
    if cameras:
        return _of_chain(cameras, part, usual, path)
    if part:
        raise InputError(f"holds one camera, none of them called '{part}'", path, f"give the file without ':{part}'")
    keys = {key.lower().replace("_", ""): value for key, value in document.items() if isinstance(key, str)}
    if {"flx", "cameraanglex"} & keys.keys() or ("frames" in keys and "cameramatrix" not in keys):
        return _of_frames_json(document, width, path)
    return _of_matrix(keys, path)


def _cameras(document: dict[Any, Any], needs: str) -> dict[str, dict[str, Any]]:
    return {str(name): found for name, found in document.items() if isinstance(found, dict) and needs in found}


def _of_chain(cameras: dict[str, dict[str, Any]], part: str, usual: str, path: Path) -> _Calibration:
    """One camera of Kalibr's `cam0: {intrinsics: [...]}` or DSEC's `cam0: {camera_matrix: [...]}`."""
    names = ", ".join(cameras)
    chosen = part or (usual if usual in cameras else "") or (next(iter(cameras)) if len(cameras) == 1 else "")
    if not chosen:
        raise InputError(f"holds several cameras ({names})", path, f"choose one, such as {path.name}:{names[:4]}")
    if chosen not in cameras:
        raise InputError(f"holds no camera '{chosen}'", path, f"choose one of: {names}")
    found = cameras[chosen]
    model = str(found.get("camera_model", "pinhole")).lower()
    pinhole = floats(found.get("intrinsics", found.get("camera_matrix")), f"{chosen}.intrinsics", path)
    if model != "pinhole" or len(pinhole) != 4:
        what = f"{chosen} is a camera of the model '{model}' with {len(pinhole)} intrinsics"
        raise InputError(what, path, "calibrate a pinhole (fx fy cx cy) with radtan or equidistant distortion")
    distortion = floats(found.get("distortion_coeffs"), f"{chosen}.distortion_coeffs", path)
    size = floats(found.get("resolution"), f"{chosen}.resolution", path)
    notes = () if part or len(cameras) == 1 else (f"Of the cameras {names}, {chosen} is taken.",)
    name = str(found.get("distortion_model", "none"))
    return _Calibration(tuple(pinhole), name, tuple(distortion), _size(size, path), notes=notes)


def _of_matrix(keys: dict[str, Any], path: Path) -> _Calibration:
    """A 3x3 matrix with distortion under ROS's or OpenCV's names."""

    def first(*names: str) -> Any:
        return next((keys[name] for name in names if name in keys), None)

    matrix = floats(first("cameramatrix", "intrinsics", "k", "intrinsicmatrix"), "camera_matrix", path)
    if len(matrix) != 9:
        known = "a Kalibr camchain, ROS camera_info, OpenCV camera_matrix, DSEC cam_to_cam or transforms.json"
        raise InputError("holds no camera that efields knows", path, f"give {known}")
    fx, skew, cx, _, fy, cy = matrix[:6]
    if abs(skew) > 1e-6 * abs(fx):
        raise InputError(f"intrinsics have a skew of {skew:g}", path, "calibrate without skew")
    named = first("distortioncoefficients", "distortionparams", "distcoeffs", "distortion", "d")
    distortion = floats(named, "distortion_coefficients", path)
    size = (
        floats([first("imagewidth", "width", "w"), first("imageheight", "height", "h")], "image size", path)
        if (first("imagewidth", "width", "w") is not None)
        else []
    )
    model = "equidistant" if keys.get("fisheyemodel") in (1, "1", True) else str(first("distortionmodel") or "")
    return _Calibration((fx, fy, cx, cy), model, tuple(distortion), _size(size, path))


def _of_frames_json(document: dict[str, Any], width: int, path: Path) -> _Calibration:
    """The camera of nerfstudio's and instant-ngp's json, at the top or the same in every frame."""
    frames = [frame for frame in document.get("frames") or () if isinstance(frame, dict)]
    own = {name for frame in frames for name in frame if name in ("fl_x", "fl_y", "cx", "cy", "k1", "k2", "w", "h")}
    for name in own:
        values = {str(frame.get(name)) for frame in frames}
        if len(values) > 1:
            raise InputError(f"its frames differ in '{name}'", path, "give the one camera of the events")
    meta = {**(frames[0] if frames else {}), **document}

    def number(name: str) -> float | None:
        value = floats(meta.get(name), name, path)
        return value[0] if value else None

    columns, rows = number("w"), number("h")
    angles = (number("camera_angle_x"), columns or float(width)), (number("camera_angle_y"), rows)
    along_x, along_y = (
        pixels / 2 / math.tan(angle / 2) if angle and pixels and 0 < angle < math.pi else None
        for angle, pixels in angles
    )
    fx = number("fl_x") or along_x
    fy = number("fl_y") or along_y or fx
    if fx is None or fy is None:
        raise InputError("has neither fl_x nor camera_angle_x", path, "add one of them")
    middle = (columns or width), rows
    cx, cy = number("cx"), number("cy")
    if cx is None or cy is None:
        if middle[1] is None:
            raise InputError("says neither cx, cy nor w, h", path, "add them")
        cx, cy = middle[0] / 2 if cx is None else cx, middle[1] / 2 if cy is None else cy
    model = str(meta.get("camera_model") or "").lower()
    fisheye = _MODELS.get(model) == "equidistant" or bool(meta.get("is_fisheye"))
    names = ("k1", "k2", "k3", "k4") if fisheye else ("k1", "k2", "p1", "p2", "k3")
    distortion = tuple(number(name) or 0.0 for name in names)
    size = None if columns is None or rows is None else _size([columns, rows], path)
    lens = "equidistant" if fisheye else "plumb_bob" if any(distortion) or model not in _MODELS else "none"
    return _Calibration((fx, fy, cx - 0.5, cy - 0.5), lens, distortion if lens != "none" else (), size)


def _size(values: list[float], path: Path) -> tuple[int, int] | None:
    if not values:
        return None
    if len(values) != 2 or any(value < 1 or value != round(value) for value in values):
        raise InputError(f"the size of the image is {values}", path, "write columns and rows")
    return int(values[0]), int(values[1])


def _fitted(found: _Calibration, width: int, height: int, scale: bool, where: str) -> tuple[Camera, tuple[str, ...]]:
    """The camera at the size of the sensor."""
    model = _MODELS.get(found.model.lower())
    if model is None:
        known = "none, radtan (plumb_bob) or equidistant"
        raise InputError(f"distortion model '{found.model}' is unknown", where, f"calibrate with {known}")
    distortion = found.distortion
    if model == "none" or (model == "plumb_bob" and not any(distortion)):
        model, distortion = "none", ()
    if model == "plumb_bob" and len(distortion) > 5:
        if any(distortion[5:]):
            raise InputError(f"has {len(distortion)} distortion numbers", where, "calibrate with k1 k2 p1 p2 k3 alone")
        distortion = distortion[:5]
    fx, fy, cx, cy = found.pinhole
    columns, rows = found.size or (width, height)
    notes = found.notes
    if found.size is None:
        notes += ("The calibration does not say its size: that of the sensor is taken.",)
    elif (columns, rows) != (width, height):
        sizes = f"the calibration is of {columns} x {rows} pixels, the sensor has {width} x {height}"
        if not scale:
            raise InputError(sizes, where, "give the sensor's own, or set supplied.scale_camera = true to scale it")
        if abs(columns * height - rows * width) > max(columns, rows):
            raise InputError(f"{sizes}, of other proportions", where, "a cropped picture cannot be scaled")
        notes += (f"The calibration is scaled from {columns} x {rows} to {width} x {height} pixels.",)
        sx, sy = width / columns, height / rows
        # Corners of pixels, at half integers, are what scaling keeps.
        fx, fy, cx, cy = fx * sx, fy * sy, (cx + 0.5) * sx - 0.5, (cy + 0.5) * sy - 0.5
    try:
        camera = Camera(width, height, fx, fy, cx, cy, distortion_model=model, distortion=distortion, bayer=found.bayer)  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(error.what, where, error.do) from None
    return camera, notes
