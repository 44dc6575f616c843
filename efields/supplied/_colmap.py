"""Poses of a COLMAP model: `images.bin` or `images.txt`.

An image has a quaternion (w, x, y, z) and a translation that take world to camera, axes OpenCV. Binary: the number of
images (u64); each: image id (u32), seven float64, camera id (u32), the name up to a zero byte, the number of points
(u64), 24 bytes for each point. Text: two lines an image, `ID QW QX QY QZ TX TY TZ CAMERA_ID NAME`, then its points.
(COLMAP's documentation, "Output format".)
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from efields.errors import InputError
from efields.geometry.pose import quaternion_to_rotation
from efields.supplied._sources import read_text

_HEAD, _LEAST = struct.Struct("<I7dI"), 64 + 1 + 8
"""What stands before the name of an image, and the bytes that one takes at least."""


def is_model(folder: Path) -> bool:
    """Whether a folder holds the images of a COLMAP model."""
    return (folder / "images.bin").is_file() or (folder / "images.txt").is_file()


def read_images(folder: Path) -> tuple[list[str], Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 4"]]:
    """Names, positions and orientations (camera to world, xyzw) of all images that have a pose.

    Raises `InputError` when the model is damaged or empty.
    """
    binary = folder / "images.bin"
    path = binary if binary.is_file() else folder / "images.txt"
    names, rows = _binary(path) if path == binary else _text(path)
    if not names:
        raise InputError("holds no images", path, "reconstruct the model again")
    table = np.array(rows, dtype=np.float64)
    length = np.linalg.norm(table[:, :4], axis=1)
    if not np.isfinite(table).all() or (np.abs(length - 1) > 1e-3).any():
        raise InputError("holds poses that are no rotations", path, "reconstruct the model again")
    w, x, y, z = table[:, :4].T / length
    inverse = np.stack((-x, -y, -z, w), axis=1)
    rotation = quaternion_to_rotation(torch.from_numpy(inverse)).numpy()
    return names, -np.einsum("nij,nj->ni", rotation, table[:, 4:]), inverse


def _binary(path: Path) -> tuple[list[str], list[tuple[float, ...]]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, "check its permissions") from None
    names, rows, at = [], [], 8
    count = struct.unpack_from("<Q", data)[0] if len(data) >= 8 else 0
    if len(data) < 8 or count * _LEAST > len(data) - 8:
        raise InputError("is cut short", path, "copy the model again, whole")
    for _ in range(count):
        end = data.find(b"\0", at + _HEAD.size, at + _HEAD.size + 4096)
        if end < 0 or end + 9 > len(data):
            raise InputError(f"is damaged at byte {at:,}", path, "copy the model again, whole")
        rows.append(_HEAD.unpack_from(data, at)[1:8])
        names.append(data[at + _HEAD.size : end].decode("utf-8", "replace"))
        (points,) = struct.unpack_from("<Q", data, end + 1)
        at = end + 9 + 24 * points
        if at > len(data):
            raise InputError(f"is damaged at byte {end + 1:,}", path, "copy the model again, whole")
    if at != len(data):
        raise InputError(f"has {len(data) - at} bytes left over", path, "copy the model again, whole")
    return names, rows


def _text(path: Path) -> tuple[list[str], list[tuple[float, ...]]]:
    lines = [
        (number, line)
        for number, line in enumerate(read_text(path, 1 << 30).splitlines(), start=1)
        if not line.startswith("#")
    ]
    names, rows = [], []
    for number, line in lines[::2]:  # the line of points may be empty
        words = line.split(maxsplit=9)
        if not words:
            continue
        try:
            rows.append(tuple(float(word) for word in words[1:8]))
            names.append(words[9].strip())
        except (ValueError, IndexError):
            what = f"line {number} is no image ('{line.strip()[:60]}')"
            raise InputError(what, path, "'ID QW QX QY QZ TX TY TZ CAMERA_ID NAME', then a line of points") from None
        if len(rows[-1]) != 7:
            raise InputError(f"line {number} is no image", path, "copy the model again, whole")
    return names, rows
