"""COLMAP's sparse model: cameras and images, as text or binary (points: `scene_points.py`).

Binary, little endian: `cameras.bin` is a uint64 count, then for each uint32 id, int32 model, uint64 width, uint64
height and the parameters of the model as doubles; `images.bin` a uint64 count, then for each uint32 id, the quaternion
w x y z and the translation of world to camera as doubles, uint32 camera id, the name up to a zero byte, a uint64 count
of points and 24 bytes for each. Text: the same on lines `id MODEL width height parameters`, and for each image a line
`id qw qx qy qz tx ty tz camera name` followed by one of its points, which may be empty. The centre of the first pixel
is (0.5, 0.5). Source: COLMAP's documentation, "Output format".
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float64

from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.geometry.pose import quaternion_to_rotation
from efields.text import decoded

T = TypeVar("T")

MODELS = {
    "SIMPLE_PINHOLE": (0, 3), "PINHOLE": (1, 4), "SIMPLE_RADIAL": (2, 4), "RADIAL": (3, 5), "OPENCV": (4, 8),
    "OPENCV_FISHEYE": (5, 8), "FULL_OPENCV": (6, 12), "FOV": (7, 5), "SIMPLE_RADIAL_FISHEYE": (8, 4),
    "RADIAL_FISHEYE": (9, 5), "THIN_PRISM_FISHEYE": (10, 12),
}  # fmt: skip
"""Number and count of parameters of each camera model."""
_NAMES = {number: (name, count) for name, (number, count) in MODELS.items()}


@dataclass(frozen=True)
class ColmapImage:
    """One image of the model."""

    name: str
    """Path in the folder of images."""
    camera_id: int
    """Number of its camera."""
    T_world_camera: Float64[np.ndarray, "4 4"]
    """Camera to world, OpenCV axes."""


def model_folder(root: Path) -> Path | None:
    """The folder of a project's sparse model: the folder itself, or `sparse/0`, `sparse`, `colmap/sparse/0`."""
    for folder in (root, root / "sparse" / "0", root / "sparse", root / "colmap" / "sparse" / "0"):
        for suffix in (".bin", ".txt"):
            if all((folder / f"{name}{suffix}").is_file() for name in ("cameras", "images")):
                return folder
    return None


def images_file(root: Path) -> Path | None:
    """`images.bin` or `images.txt` of a project, wherever its sparse model may lie; None where there is none."""
    folders = (root, root / "0", root / "sparse" / "0", root / "sparse", root / "colmap" / "sparse" / "0")
    files = (folder / f"images{suffix}" for folder in folders for suffix in (".bin", ".txt"))
    return next((file for file in files if file.is_file()), None)


def is_cameras_file(path: Path) -> bool:
    """Whether a file lists cameras, binary (by its name) or in text (by its first line)."""
    if path.name == "cameras.bin":
        return path.is_file()
    try:
        with path.open("rb") as file:
            lines = file.read(1 << 12).decode("utf-8", "replace").splitlines()
    except OSError:
        return False
    words = next((line.split() for line in lines if line.strip() and not line.startswith("#")), [])
    return len(words) > 4 and words[0].isdecimal() and words[1].isupper() and words[2].isdecimal()


def read_model(folder: Path) -> tuple[dict[int, Camera], list[ColmapImage]]:
    """Cameras by their ids, and images in the order of their names.

    Raises `InputError` for anything missing, damaged or truncated, and camera models that efields does not have.
    """
    binary = all((folder / f"{name}.bin").is_file() for name in ("cameras", "images"))
    suffix = ".bin" if binary else ".txt"
    cameras, images = folder / f"cameras{suffix}", folder / f"images{suffix}"
    found, posed = read_cameras(cameras), read_images(images)
    missing = {image.camera_id for image in posed} - set(found)
    if missing:
        raise InputError(
            f"lacks camera {min(missing)}, which {images.name} refers to", cameras, "export the model again"
        )
    return found, sorted(posed, key=lambda image: image.name)


def read_cameras(file: Path) -> dict[int, Camera]:
    """Cameras of `cameras.bin` or `cameras.txt` by their ids. Raises `InputError` as `read_model` does."""
    found = _read(file, _cameras_bin if file.suffix == ".bin" else _cameras_txt)
    if not found:
        raise InputError("contains no cameras", file, "export the model again")
    return found


def read_images(file: Path) -> list[ColmapImage]:
    """Images of `images.bin` or `images.txt` in the order of the file. Raises `InputError` as `read_model` does."""
    posed = _read(file, _images_bin if file.suffix == ".bin" else _images_txt)
    if not posed:
        raise InputError("contains no images", file, "export the model again")
    return posed


def _read(file: Path, decode: Callable[[bytes, Path], T]) -> T:
    try:
        return decode(_bytes(file), file)
    except (struct.error, ValueError, IndexError, OverflowError) as error:
        raise InputError(f"is damaged or truncated ({error})", file, "export the model again") from None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", file, "export the model again") from None


def _camera(name: str, width: int, height: int, p: tuple[float, ...], file: Path) -> Camera:
    """A camera of COLMAP's in ours, half a pixel off its principal point."""
    one = name.startswith("SIMPLE") or name == "RADIAL"
    focal, rest = ((p[0], p[0]), p[1:]) if one else (p[:2], p[2:])
    centre, lens = (rest[0] - 0.5, rest[1] - 0.5), rest[2:]
    model: Any = "none"
    if name in ("SIMPLE_RADIAL", "RADIAL"):
        model, lens = "plumb_bob", (*lens, 0.0, 0.0, 0.0)[:4]
    elif name == "OPENCV":
        model = "plumb_bob"
    elif name == "OPENCV_FISHEYE":
        model = "equidistant"
    elif name not in ("SIMPLE_PINHOLE", "PINHOLE"):
        raise InputError(f"contains a camera of the model {name}", file, "undistort the images, or fit OPENCV")
    if model == "plumb_bob" and not any(lens):
        model, lens = "none", ()
    try:
        return Camera(width, height, focal[0], focal[1], *centre, distortion_model=model, distortion=lens)
    except InputError as error:
        raise InputError(error.what, file, error.do) from None


def _posed(name: str, camera_id: int, numbers: tuple[float, ...], file: Path) -> ColmapImage:
    """An image from w x y z and translation of world to camera."""
    w, *xyz = numbers[:4]
    quaternion = np.array([*xyz, w])
    length = float(np.linalg.norm(quaternion))
    if not (np.isfinite(numbers).all() and abs(length - 1) < 1e-3):
        raise InputError(f"the pose of '{name[:60]}' is not a unit quaternion and a position", file)
    rotation = quaternion_to_rotation(torch.from_numpy(quaternion / length)).numpy()
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = rotation.T, -rotation.T @ np.array(numbers[4:])
    return ColmapImage(name, camera_id, T)


def _cameras_bin(data: bytes, file: Path) -> dict[int, Camera]:
    (count,), at = struct.unpack_from("<Q", data), 8
    if count > len(data) // 24:
        raise InputError(f"claims {count} cameras in {len(data):,} bytes", file, "export the model again")
    cameras = {}
    for _ in range(count):
        number, kind, width, height = struct.unpack_from("<IiQQ", data, at)
        if kind not in _NAMES or max(width, height) > 1 << 16:
            raise InputError(f"holds a camera of an unknown model or size at byte {at:,}", file, "use OPENCV")
        name, parameters = _NAMES[kind]
        cameras[number] = _camera(name, width, height, struct.unpack_from(f"<{parameters}d", data, at + 24), file)
        at += 24 + 8 * parameters
    _nothing_left(data, at, file)
    return cameras


def _images_bin(data: bytes, file: Path) -> list[ColmapImage]:
    (count,), at = struct.unpack_from("<Q", data), 8
    if count > len(data) // 73:
        raise InputError(f"claims {count} images in {len(data):,} bytes", file, "export the model again")
    images = []
    for _ in range(count):
        _, *numbers, camera_id = struct.unpack_from("<I7dI", data, at)
        end = data.index(b"\0", at + 64)
        images.append(_posed(data[at + 64 : end].decode("utf-8"), camera_id, tuple(numbers), file))
        (points,) = struct.unpack_from("<Q", data, end + 1)
        at = end + 9 + 24 * points
        if at > len(data):
            raise InputError(f"is truncated in the points of image '{images[-1].name[:60]}'", file, "export it again")
    _nothing_left(data, at, file)
    return images


def _nothing_left(data: bytes, at: int, file: Path) -> None:
    if at != len(data):
        raise InputError(f"holds {len(data) - at:,} bytes after its last record", file, "export the model again")


def _cameras_txt(data: bytes, file: Path) -> dict[int, Camera]:
    cameras = {}
    for number, line in enumerate(decoded(data, file).splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 4 and words[1].isupper() and words[1] not in MODELS:
            raise InputError(f"contains a camera of the model {words[1]}", file, "undistort the images, or fit OPENCV")
        if len(words) < 4 or words[1] not in MODELS or len(words) != 4 + MODELS[words[1]][1]:
            raise InputError(f"line {number} is '{line.strip()[:60]}'", file, "lines read 'id MODEL width height ...'")
        parameters = tuple(float(word) for word in words[4:])
        cameras[int(words[0])] = _camera(words[1], int(words[2]), int(words[3]), parameters, file)
    return cameras


def _images_txt(data: bytes, file: Path) -> list[ColmapImage]:
    lines = [(number, line) for number, line in enumerate(decoded(data, file).split("\n"), start=1)]
    lines = [(number, line.strip()) for number, line in lines if not line.startswith("#")]
    while lines and not lines[-1][1]:
        lines.pop()
    images = []
    for number, line in lines[::2]:  # every second line holds the points of the image before it
        words = line.split(maxsplit=9)
        if len(words) != 10:
            do = "lines read 'id qw qx qy qz tx ty tz camera name', and after each one of points"
            raise InputError(f"line {number} is '{line[:60]}'", file, do)
        images.append(_posed(words[9], int(words[8]), tuple(float(word) for word in words[1:8]), file))
    return images
