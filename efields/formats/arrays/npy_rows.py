"""NumPy arrays as chunks of rows: .npy files memory-mapped, members of .npz archives streamed. Nothing is unpickled."""

from __future__ import annotations

import ast
import io
import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from efields.errors import InputError
from efields.events.columns import CHUNK
from efields.formats.arrays.places import ArraySource, held_source
from efields.formats.columns.found import named
from efields.formats.damages import Damages
from efields.formats.opening import opened_bytes

MAGIC = b"\x93NUMPY"

_PIECE_BYTES = 1 << 18
DAMAGED = (OSError, ValueError, TypeError, EOFError, NotImplementedError, RuntimeError, SyntaxError, OverflowError)
"""What zipfile and NumPy raise for damaged files, with their own errors below."""
BROKEN = (*DAMAGED, zipfile.BadZipFile, zlib.error, struct.error, MemoryError, RecursionError)
"""All that a damaged archive can raise."""


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Shape, whether columns come first, type and bytes of the header. Raises `ValueError` for what is no .npy."""
    start = file.read(8)
    if start[:6] != MAGIC or len(start) < 8 or start[6] not in (1, 2, 3):
        raise ValueError("is not a NumPy array")
    size = 2 if start[6] == 1 else 4
    length = int.from_bytes(file.read(size), "little")
    if length > 1 << 16:
        raise ValueError("its header is too long")
    text = file.read(length)
    if len(text) != length:
        raise ValueError("its header is truncated")
    fields = ast.literal_eval(text.decode("utf-8" if start[6] == 3 else "latin-1").strip())
    if not isinstance(fields, dict) or set(fields) != {"descr", "fortran_order", "shape"}:
        raise ValueError("its header is broken")
    descr, shape = fields["descr"], fields["shape"]
    dtype = np.dtype([tuple(item) for item in descr] if isinstance(descr, list) else descr)
    if dtype.hasobject:
        raise ValueError("it contains pickled objects, which could run code")
    if dtype.subdtype is not None or dtype.itemsize == 0:
        raise ValueError("its numbers have no size of their own")
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and 0 <= n < 1 << 48 for n in shape):
        raise ValueError("its shape is broken")
    return shape, bool(fields["fortran_order"]), dtype, 8 + size + length


def header_of(data: np.ndarray) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """The same of a file's bytes."""
    return read_header(io.BytesIO(data[: 1 << 17].tobytes()))


def looks_like_npy(head: bytes) -> bool:
    """Whether these first bytes of a .npy say fields of events, or a table of four columns."""
    try:
        shape, _, dtype, _ = read_header(io.BytesIO(head))
    except BROKEN:
        return False
    if dtype.names is not None:
        return {found[0] for name in dtype.names if (found := named(name))} == set("txyp")
    return len(shape) == 2 and 4 in shape and dtype.kind in "iuf"


def npy_source(path: Path) -> ArraySource:
    """The array of a .npy file, memory-mapped. Raises `InputError` when it is none, or holds pickled objects."""
    data = opened_bytes(path)
    try:
        shape, fortran, dtype, start = header_of(data)
    except BROKEN as error:
        raise InputError(f"is not a complete NumPy array ({error})", path, "copy or write it again") from None
    held, wanted = len(data) - start, math.prod(shape) * dtype.itemsize
    rows = shape[0] if shape else 0
    if wanted > held and not fortran and rows:
        rows = held * rows // wanted if wanted else 0
    if rows == 0 or (wanted > held and fortran) or dtype.itemsize == 0:
        raise InputError(f"ends at byte {len(data):,} of {start + wanted:,}", path, "copy the file again")
    kept = (rows, *shape[1:])
    size = math.prod(kept) * dtype.itemsize
    array = np.frombuffer(data, dtype=np.uint8)[start : start + size].view(dtype)
    source = held_source(path.stem, array.reshape(kept, order="F" if fortran else "C"))

    def chunks(damages: Damages) -> Iterator[np.ndarray]:
        yield from source.chunks(damages)
        left = held - size
        if wanted > held:
            lost = shape[0] - rows
            damages.found("the file ends before its last row", byte=len(data), lost_events=lost, lost_bytes=left)
        elif left:
            damages.found("there are leftover bytes at the end", byte=start + wanted, lost_bytes=left)

    return ArraySource(source.name, source.shape, source.dtype, chunks)


def member_source(path: Path, name: str) -> ArraySource:
    """An array of an .npz, streamed in chunks of rows. Raises `InputError` for a damaged member."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            shape, fortran, dtype, start = read_header(file)
            size = archive.getinfo(name).file_size - start
    except BROKEN as error:
        raise InputError(f"array '{name}' is damaged ({error})", path, "copy or write it again") from None
    short = name.removesuffix(".npy")
    wanted = math.prod(shape) * dtype.itemsize
    if size != wanted:
        raise InputError(f"array '{name}' holds {size:,} bytes, not {wanted:,}", path, "copy or write it again")
    if len(shape) < 2 or not fortran:
        return _straight(path, name, shape, dtype) if _is_list(shape) else held_source(short, _whole(path, name))
    return held_source(short, _whole(path, name))


def _is_list(shape: tuple[int, ...]) -> bool:
    """Whether rows come one after the other as they are."""
    return len(shape) == 1 or (len(shape) == 2 and shape[0] > 6 and shape[1] > 1)


def _straight(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> ArraySource:
    """Rows one after the other."""
    row_bytes = math.prod(shape[1:]) * dtype.itemsize

    def rows_of(data: bytearray) -> np.ndarray:
        rows = len(data) // row_bytes
        return np.frombuffer(data[: rows * row_bytes], dtype=dtype).reshape(rows, *shape[1:])

    def chunks(damages: Damages) -> Iterator[np.ndarray]:
        done, held = 0, bytearray()
        try:
            with zipfile.ZipFile(path) as archive, archive.open(name) as file:
                read_header(file)
                while done < shape[0]:
                    wanted = min(CHUNK, shape[0] - done) * row_bytes
                    while len(held) < wanted:  # in pieces, so that damage takes no more than one
                        piece = file.read(min(_PIECE_BYTES, wanted - len(held)))
                        if not piece:
                            raise EOFError("it ends before its last row")
                        held += piece
                    yield rows_of(held)
                    done, held = done + len(held) // row_bytes, bytearray()
                file.read(1)  # compares the checksum
        except BROKEN as error:
            if damages.salvage and len(held) >= row_bytes:
                yield rows_of(held)
                done += len(held) // row_bytes
            damages.found(f"array '{name}' is damaged ({error})", row=done, lost_events=shape[0] - done)

    return ArraySource(name.removesuffix(".npy"), shape, dtype, chunks)


def _whole(path: Path, name: str) -> Any:
    """A member read at once. Raises `InputError` when it is damaged or larger than any table that is not streamed."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            shape, fortran, dtype, _ = read_header(file)
            data = file.read(math.prod(shape) * dtype.itemsize + 1)
        return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")
    except BROKEN as error:
        raise InputError(f"array '{name}' is damaged ({error})", path, "copy or write it again") from None
