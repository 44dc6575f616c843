"""Optical flow in DSEC's PNG: 16 bits, three channels, in the file's order x, y, valid; flow = (value - 2^15) / 128.

Pillow, and with it imageio, silently reduces such a PNG to 8 bits, and OpenCV reverses the channels; so the PNG
is decoded here (PNG specification, third edition, sections 7 to 10: zlib, and five filters of scan lines).
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16

from efields.atomic import write_bytes
from efields.errors import InputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ZERO, _SCALE = 32768.0, 128.0
_BYTES = 6  # of a pixel of three times 16 bits
_AGAIN = "copy the file again"


def read_flow_png(path: Path) -> tuple[Float32[np.ndarray, "h w 2"], Bool[np.ndarray, "h w"]]:
    """Flow (x, y) in pixels over the interval of the map, and where it is valid; elsewhere it is 0.

    Raises `InputError` for a file that is missing, damaged, or of another kind. Source: DSEC's data format.
    """
    raw = read_png16(path)
    valid = raw[..., 2] > 0
    flow = (raw[..., :2].astype(np.float32) - np.float32(_ZERO)) / np.float32(_SCALE)
    flow[~valid] = 0.0
    return flow, valid


def write_flow_png(
    path: Path, flow: Float32[np.ndarray, "h w 2"], valid: Bool[np.ndarray, "h w"] | None = None
) -> None:
    """Write flow (x, y) in pixels, to the nearest 1/128; `valid` is everywhere where it is not given.

    Raises `InputError` for a flow that is not finite or outside of -256 to 255.99 pixels where it is valid.
    """
    known = np.ones(flow.shape[:2], dtype=bool) if valid is None else np.asarray(valid, dtype=bool)
    if flow.shape != (*known.shape, 2):
        raise InputError(f"flow has the shape {flow.shape}, its mask {known.shape}", path, "give h x w x 2 and h x w")
    with np.errstate(invalid="ignore", over="ignore"):
        values = np.rint(np.asarray(flow, dtype=np.float64) * _SCALE) + _ZERO
        fits = np.all((values >= 0) & (values <= 65535), axis=-1)
    if not fits[known].all():
        raise InputError(
            f"flow of {np.count_nonzero(known & ~fits)} pixels is not from -256 to 255.99", path, "mark it as invalid"
        )
    raw = np.empty((*known.shape, 3), dtype=np.uint16)
    raw[..., :2] = np.where(known[..., None], values, _ZERO)
    raw[..., 2] = known
    write_png16(path, raw)


def write_png16(path: Path, image: UInt16[np.ndarray, "h w 3"]) -> None:
    """Write three channels of 16 bits, in this order, as a PNG."""
    height, width = image.shape[:2]
    rows = image.astype(">u2").reshape(height, width * 3).view(np.uint8)
    lines = np.zeros((height, 1 + rows.shape[1]), dtype=np.uint8)
    lines[0, 1:], lines[1:, 1:] = rows[0], rows[1:] - rows[:-1]
    lines[1:, 0] = 2  # the filter "up", which flow, being smooth, compresses well with
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 6)), (b"IEND", b""))
    write_bytes(path, _SIGNATURE + b"".join(_part(kind, data) for kind, data in parts))


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def read_png16(path: Path) -> UInt16[np.ndarray, "h w 3"]:
    """The three channels of a PNG of 16-bit RGB, in the file's order, exactly as stored.

    Raises `InputError` for a file that is missing, damaged, or of another kind.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, _AGAIN) from None
    if data[:8] != _SIGNATURE:
        raise InputError("is not a PNG", path, "give a flow map of DSEC")
    header, body = _parts(data, path)
    width, height, *kind = struct.unpack(">IIBBBBB", header)
    if kind[:2] != [16, 2] or kind[4] != 0 or not (0 < width <= 1 << 16 and 0 < height <= 1 << 16):
        raise InputError(
            f"is a PNG of {width} x {height} with {kind[0]} bits, colour type {kind[1]}, interlace {kind[4]}",
            path,
            "give a flow map of DSEC: 16-bit RGB",
        )
    size = height * (1 + width * _BYTES)
    if size > 1100 * len(body) + 64:  # zlib makes nothing smaller than a 1032nd
        raise InputError(f"is too short for {width} x {height} pixels", path, _AGAIN)
    inflate = zlib.decompressobj()
    try:
        lines = inflate.decompress(body, size + 1)
    except zlib.error as error:
        raise InputError(f"is damaged ({error})", path, _AGAIN) from None
    if len(lines) != size or not inflate.eof:
        raise InputError(f"holds {len(lines):,} bytes of pixels, not {size:,}", path, _AGAIN)
    table = np.frombuffer(lines, dtype=np.uint8).reshape(height, -1)
    if table[:, 0].max() > 4:
        raise InputError(f"has a line with the unknown filter {table[:, 0].max()}", path, _AGAIN)
    pixels = _unfiltered(table[:, 0], table[:, 1:].reshape(height, width, _BYTES))
    return pixels.reshape(height, -1).view(">u2").astype(np.uint16).reshape(height, width, 3)


def _parts(data: bytes, path: Path) -> tuple[bytes, bytes]:
    """The header and the compressed pixels, checksums verified."""
    at, header, body = 8, b"", []
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        stored = data[at + 8 + length : at + 12 + length]
        if len(stored) < 4 or zlib.crc32(kind + content) != int.from_bytes(stored, "big"):
            raise InputError(f"is damaged at byte {at:,}", path, _AGAIN)
        at += 12 + length
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            body.append(content)
        elif kind == b"IEND":
            break
    else:
        raise InputError(f"is truncated at byte {len(data):,}", path, _AGAIN)
    if len(header) != 13:
        raise InputError("has no header", path, _AGAIN)
    return header, b"".join(body)


def _unfiltered(kind: UInt8[np.ndarray, " h"], raw: UInt8[np.ndarray, "h w 6"]) -> UInt8[np.ndarray, "h w 6"]:
    """Undo the filters of all lines together, an anti-diagonal of pixels at a time.

    A pixel is predicted from those left (a), above (b) and above left (c) of it, all on earlier anti-diagonals.
    """
    height, width = raw.shape[:2]
    done = np.zeros((height + 1, width + 1, _BYTES), dtype=np.uint8)
    for diagonal in range(height + width - 1):
        rows = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        columns = diagonal - rows
        a, b, c = done[rows + 1, columns], done[rows, columns + 1], done[rows, columns]
        which = kind[rows, None]
        near = np.choose(which, (np.uint8(0), a, b, _mean(a, b), _paeth(a, b, c)))
        done[rows + 1, columns + 1] = raw[rows, columns] + near
    return np.ascontiguousarray(done[1:, 1:])


def _mean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return ((a.astype(np.uint16) + b) >> 1).astype(np.uint8)


def _paeth(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Of the three, the one nearest to a + b - c; the first of equals."""
    left, up, corner = a.astype(np.int16), b.astype(np.int16), c.astype(np.int16)
    from_left, from_up, from_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    best = np.where(from_up <= from_corner, b, c)
    return np.where((from_left <= from_up) & (from_left <= from_corner), a, best)
