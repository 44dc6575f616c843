"""Posed images of a `transforms_*.json`: camera-to-world matrices in OpenGL axes (x right, y up, z backwards)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from efields.cameras.intrinsics import intrinsics_of
from efields.errors import InputError
from efields.formats.images import read_float_map, read_image, to_channels, write_float_image
from efields.formats.json import read_json
from efields.formats.places import is_file, named_file
from efields.geometry.camera import Camera
from efields.recordings.recording import Views

_CAMERA = ("camera_angle_x", "intrinsics", "distortion_model", "distortion_params", "bayer_pattern")
OPENGL = np.array([1.0, -1.0, -1.0, 1.0])
"""Signs of the columns of `T_world_camera` between OpenCV and OpenGL axes: y and z are reversed."""


def read_transforms(
    path: Path,
    *,
    color_space: str,
    channels: int,
    log_eps: float = 0.0,
    stride: int = 1,
    depth_folder: Path | None = None,
    outside: bool = False,
) -> Views:
    """Views of a `transforms_*.json` in Robust e-NeRF's form, files relative to its folder and named without extension.

    `camera_angle_x` means a pinhole with its centre at `(w/2 - 0.5, h/2 - 0.5)`; else `intrinsics` is 3x3. Centres of
    pixels are at whole numbers. `color_space`, `channels` and no distortion hold where the file does not say otherwise;
    `log_eps` is added to linear images. Every `stride`-th view is read; `outside` allows files
    outside the folder. Raises `InputError` for anything broken.
    """
    try:
        return _read(path, read_json(path), color_space, channels, log_eps, stride, depth_folder, outside)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"contains a value of the wrong kind ({error})", path, "write the views again") from None


def _read(
    path: Path,
    meta: Mapping[str, Any],
    color_space: str,
    channels: int,
    log_eps: float,
    stride: int,
    depth_folder: Path | None,
    outside: bool,
) -> Views:
    entries = meta.get("frames")
    if not isinstance(entries, list) or not entries:
        raise InputError("lists no frames", path, "write the views again")
    entries = entries[::stride]
    channels = int(meta.get("channels", channels))
    space = meta.get("color_space", color_space)
    if space not in ("linear", "display"):
        raise InputError(f"color_space is '{space}'", path, "write 'linear' or 'display'")
    poses = np.stack([frame_pose(entry, path) for entry in entries])
    files = [image_file(path.parent, str(entry.get("file_path", "")), outside) for entry in entries]
    images = [to_channels(read_image(file, meta.get("bit_depth")), channels) for file in files]
    if space == "linear" and log_eps:
        images = [image + np.float32(log_eps) for image in images]
    depths = None
    if depth_folder is not None and depth_folder.is_dir():
        depths = [read_float_map(depth_folder / f"{file.stem}.tif") for file in files]
        for depth, image, file in zip(depths, images, files, strict=True):
            if depth.shape != image.shape[:2]:
                raise InputError(
                    f"the depth map of {file.name} is {depth.shape}, the image {image.shape[:2]}", depth_folder
                )
    times = [entry.get("t_us") for entry in entries]
    sizes = [(image.shape[1], image.shape[0]) for image in images]
    return Views.joined(
        images,
        poses * OPENGL,
        [camera_of_transforms(_of_frame(meta, e), *size, path) for e, size in zip(entries, sizes, strict=True)],
        tuple(str(entry.get("name", file.name)) for entry, file in zip(entries, files, strict=True)),
        None if None in times else np.array(times, dtype=np.int64),
        depths,
        space,
    )


def _of_frame(meta: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the file says about the camera of one frame: the frame's own value first."""
    own = {key: entry[key] for key in _CAMERA if key in entry}
    shared = {key: meta[key] for key in _CAMERA if key in meta and not ({"intrinsics", "camera_angle_x"} & set(own))}
    return {**shared, **own}


def write_transforms(path: Path, views: Views, image_folder: str, depth_folder: Path) -> None:
    """Views as a JSON file, float32 TIFF images in `image_folder` beside it, and depth maps in `depth_folder`.

    Everything is exact: `read_transforms` gives the same arrays back.
    """
    stems = [Path(name).stem for name in views.names]
    if len(set(stems)) < len(stems) or not all(stems):
        stems = [f"{i:06d}" for i in range(len(stems))]
    entries: list[dict[str, Any]] = []
    images, depths, cameras = views.images, views.depths, views.camera_of_each
    for i, stem in enumerate(stems):
        write_float_image(path.parent / image_folder / f"{stem}.tif", images[i])
        if depths is not None:
            write_float_image(depth_folder / f"{stem}.tif", depths[i])
        entry: dict[str, Any] = {"file_path": f"{image_folder}/{stem}", "name": views.names[i]}
        if views.t_us is not None:
            entry["t_us"] = int(views.t_us[i])
        entry["transform_matrix"] = (views.T_world_camera[i] * OPENGL).tolist()
        entries.append(entry if len(views.cameras) == 1 else {**entry, **_camera_table(cameras[i])})
    meta = {
        **_camera_table(views.camera),
        "color_space": views.color_space,
        "channels": views.channels,
        "frames": entries,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")


def _camera_table(camera: Camera) -> dict[str, Any]:
    return {
        "intrinsics": camera.matrix.tolist(),
        "distortion_model": camera.distortion_model,
        "distortion_params": list(camera.distortion),
        "bayer_pattern": camera.bayer,
    }


def camera_from_matrix(
    matrix: Any,
    width: int,
    height: int,
    path: Path,
    *,
    model: str = "none",
    distortion: tuple[float, ...] = (),
    bayer: str = "",
) -> Camera:
    """A camera from its 3x3 matrix; no distortion numbers mean no distortion.

    Raises `InputError` for a matrix of another shape, skew, an unknown model, and all that `Camera` refuses.
    """
    try:
        k = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        k = np.zeros(0)
    if k.shape != (3, 3):
        raise InputError("intrinsics are not a 3x3 matrix of numbers", path)
    found = intrinsics_of(k.tolist(), path)
    if abs(found.skew) > 1e-6 * abs(found.fx):
        raise InputError(f"intrinsics have a skew of {found.skew:g}", path, "rectify the recording first")
    if len(distortion) == 0:
        model = "none"
    if model not in ("none", "plumb_bob", "equidistant"):
        raise InputError(f"distortion model '{model}' is unknown", path, "use plumb_bob or equidistant")
    focal_and_centre = found.fx, found.fy, found.cx, found.cy
    try:
        return Camera(width, height, *focal_and_centre, distortion_model=model, distortion=distortion, bayer=bayer)
    except InputError as error:
        raise InputError(error.what, path, error.do) from None


def image_file(folder: Path, file_path: str, outside: bool = False) -> Path:
    """The one image `file_path.*` in `folder`; `file_path` may already have its extension.

    Raises `InputError` when there is none, or it lies outside the folder and `outside` does not allow it.
    """
    return named_file(folder, file_path, "image", outside=outside, find=_with_extension)


def _with_extension(target: Path) -> Path | None:
    if target.suffix and is_file(target) is not None:
        return target
    if not target.name or not target.parent.is_dir():
        return None
    return min((f for f in target.parent.glob("*") if f.stem == target.name and f.is_file()), default=None)


def frame_pose(entry: Any, path: Path) -> Float64[np.ndarray, "4 4"]:
    """The `transform_matrix` of one frame, in the file's own axes (OpenGL); its last row may be missing.

    Raises `InputError` when it is not a rotation and a position.
    """
    try:
        pose = np.asarray(entry["transform_matrix"], dtype=np.float64)
    except (TypeError, KeyError, ValueError):
        pose = np.zeros(0)
    if pose.shape == (3, 4):
        pose = np.vstack([pose, [0.0, 0.0, 0.0, 1.0]])
    if pose.shape != (4, 4) or not np.isfinite(pose).all():
        raise InputError("a frame's transform_matrix is not 4x4 finite numbers", path)
    return checked_poses(pose, path)


def checked_poses(T: Float64[np.ndarray, "*n 4 4"], path: Path) -> Float64[np.ndarray, "*n 4 4"]:
    """The poses themselves. Raises `InputError` unless each is a rotation (to 1e-3) and a position, all finite."""
    rotation = T[..., :3, :3]
    if not np.isfinite(T).all():
        raise InputError("a pose is not finite numbers", path)
    if np.abs(rotation @ np.swapaxes(rotation, -1, -2) - np.eye(3)).max() > 1e-3 or (np.linalg.det(rotation) < 0).any():
        raise InputError(
            "a frame's transform_matrix is not a rotation and a position", path, "remove scale and mirroring"
        )
    return T


def orthonormal(T: Float64[np.ndarray, "*n 4 4"]) -> Float64[np.ndarray, "*n 4 4"]:
    """Poses whose rotations are the nearest exact ones: files round them to a few digits."""
    u, _, vt = np.linalg.svd(T[..., :3, :3])
    exact = T.copy()
    exact[..., :3, :3] = u @ vt
    return exact


def camera_of_transforms(meta: Mapping[str, Any], width: int, height: int, path: Path) -> Camera:
    """The camera of `camera_angle_x`, or of `intrinsics` and distortion. Raises `InputError` for anything broken."""
    angle = meta.get("camera_angle_x")
    if angle is not None:
        if not (isinstance(angle, int | float) and 0 < angle < math.pi):
            raise InputError(f"camera_angle_x is {angle}", path, "give radians between 0 and pi")
        focal = width / 2 / math.tan(angle / 2)
        matrix: Any = [[focal, 0, width / 2 - 0.5], [0, focal, height / 2 - 0.5], [0, 0, 1]]
    elif "intrinsics" in meta:
        matrix = meta["intrinsics"]
    else:
        raise InputError("has neither camera_angle_x nor intrinsics", path, "add one of them")
    return camera_from_matrix(
        matrix,
        width,
        height,
        path,
        model=str(meta.get("distortion_model", "none")),
        distortion=tuple(float(v) for v in meta.get("distortion_params", ())),
        bayer=str(meta.get("bayer_pattern", "")),
    )
