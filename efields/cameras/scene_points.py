"""Points of a scene that came with its poses: COLMAP's `points3D`, and vertices of PLY files.

`points3D.bin`, little endian: a uint64 count, then for each point uint64 id, x y z as doubles, three bytes of colour,
the error as a double, and a uint64 count of views, 8 bytes each. `points3D.txt`: lines `id x y z r g b error views`.
Source: COLMAP's documentation, "Output format". PLY: a header of lines, then vertices as text or binary (Turk, 1994).
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from efields.errors import InputError

_POINT = struct.Struct("<Q3d3BdQ")
_AGAIN = "copy it again completely"
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_MOST_HEADER = 1 << 16


def colmap_points(model: Path) -> Float64[np.ndarray, "n 3"] | None:
    """The points of the COLMAP model in a folder, world units; None where it has none.

    Raises `InputError` for a file of points that is damaged or truncated.
    """
    binary, text = model / "points3D.bin", model / "points3D.txt"
    file = binary if binary.is_file() else text
    if not file.is_file():
        return None
    data = _bytes(file)
    try:
        points = _binary(data) if file == binary else _text(data)
    except (struct.error, ValueError, IndexError) as error:
        raise InputError(f"is damaged or truncated ({error})", file, _AGAIN) from None
    return _finite(points)


def ply_points(file: Path) -> Float64[np.ndarray, "n 3"] | None:
    """The vertices of a PLY file; None where it has none.

    Raises `InputError` for a file that is missing, damaged or no PLY.
    """
    data = _bytes(file)
    try:
        return _finite(_vertices(data))
    except (ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise InputError(f"is not readable as a PLY file of points ({error})", file, _AGAIN) from None


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", file, _AGAIN) from None


def _finite(points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "m 3"] | None:
    kept = points[np.isfinite(points).all(axis=1)]
    return kept if len(kept) else None


def _binary(data: bytes) -> Float64[np.ndarray, "n 3"]:
    (count,), at = struct.unpack_from("<Q", data), 8
    if count > len(data) // _POINT.size:
        raise ValueError(f"it claims {count} points in {len(data):,} bytes")
    points = np.empty((count, 3))
    for i in range(count):
        _, *points[i], _, _, _, _, views = _POINT.unpack_from(data, at)
        at += _POINT.size + 8 * views
    if at != len(data):
        raise ValueError(f"its records end at byte {at:,} of {len(data):,}")
    return points


def _text(data: bytes) -> Float64[np.ndarray, "n 3"]:
    lines = (line.split(maxsplit=4) for line in data.decode("utf-8").splitlines() if not line.startswith("#"))
    return np.array([[float(word) for word in words[1:4]] for words in lines if words], np.float64).reshape(-1, 3)


def _vertices(data: bytes) -> Float64[np.ndarray, "n 3"]:
    end = data.find(b"end_header", 0, _MOST_HEADER)
    if not data.startswith(b"ply") or end < 0:
        raise ValueError("it has no header of PLY")
    body = data.index(b"\n", end) + 1
    lines = [line.split() for line in data[:end].decode("ascii").splitlines()]
    form = next(words[1] for words in lines if words[:1] == ["format"])
    elements = [words for words in lines if words[:1] == ["element"]]
    if not elements or elements[0][1] != "vertex":
        raise ValueError("its first element is not the vertex")
    first = lines.index(elements[0]) + 1
    last = lines.index(elements[1]) if len(elements) > 1 else len(lines)
    properties = [words for words in lines[first:last] if words[:1] == ["property"]]
    count, order = int(elements[0][2]), ">" if form == "binary_big_endian" else "<"
    names = [words[-1] for words in properties]
    if form == "ascii":
        words = data[body:].split(maxsplit=count * len(names))[: count * len(names)]
        rows = np.array(words, dtype=np.float64).reshape(count, len(names))
        return rows[:, [names.index(axis) for axis in "xyz"]]
    kind = np.dtype([(words[-1], order + _TYPES[words[1]]) for words in properties])
    if not 0 <= count <= (len(data) - body) // kind.itemsize:
        raise ValueError(f"it claims {count} vertices in {len(data):,} bytes")
    table = np.frombuffer(data, kind, count, body)
    return np.stack([table[axis].astype(np.float64) for axis in "xyz"], axis=1)
