"""Reading FlatBuffers without generated code: tables, vectors of scalars, vectors of tables.

A table begins with an int32: its distance back to a vtable of uint16 (bytes of the vtable, bytes of the table, then the
place of each field in the table, 0 where the field has its default). Vectors and strings lie at a uint32 distance from
where they are named and begin with their count. Source: "FlatBuffers internals", flatbuffers.dev. Every distance is
checked against the buffer before it is followed.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from jaxtyping import Int64


class BrokenBufferError(ValueError):
    """A distance or count that leads out of the buffer."""


class Table:
    """One table of a buffer."""

    def __init__(self, buffer: bytes, at: int) -> None:
        self.buffer, self.at = buffer, at
        self._vtable = at - int(scalar(buffer, at, "<i"))
        self._fields = (int(scalar(buffer, self._vtable, "<H")) - 4) // 2

    def place(self, field: int) -> int | None:
        """Byte where a field lies; None where it has its default."""
        if field >= self._fields:
            return None
        offset = int(scalar(self.buffer, self._vtable + 4 + 2 * field, "<H"))
        return self.at + offset if offset else None

    def scalar(self, field: int, kind: str, default: float = 0) -> Any:
        """A number; `kind` as `struct` writes it, such as '<q'."""
        at = self.place(field)
        return default if at is None else scalar(self.buffer, at, kind)

    def vector(self, field: int, item_bytes: int, *, cut: bool = False) -> tuple[int, int]:
        """First byte and count of a vector, (0, 0) where there is none; `cut`: only as many items as are there."""
        at = self.place(field)
        if at is None:
            return 0, 0
        at += int(scalar(self.buffer, at, "<I"))
        count, first = int(scalar(self.buffer, at, "<I")), at + 4
        there = (len(self.buffer) - first) // item_bytes
        if count > there and not cut:
            raise BrokenBufferError("a vector is longer than its buffer")
        return first, min(count, there)

    def text(self, field: int) -> str:
        """A string, empty where there is none."""
        first, count = self.vector(field, 1)
        return self.buffer[first : first + count].decode("utf-8", "replace")


class Tables:
    """A vector of tables, read a column at a time."""

    def __init__(self, table: Table, field: int, *, cut: bool = False) -> None:
        first, count = table.vector(field, 4, cut=cut)
        self._bytes = np.frombuffer(table.buffer, dtype=np.uint8)
        named = first + 4 * np.arange(count, dtype=np.int64)
        self._at = named + self._take(named, np.dtype("<u4")).astype(np.int64)
        if cut:
            self._at = self._at[: _whole(self._at, len(self._bytes))]
        self._vtable = self._at - self._take(self._at, np.dtype("<i4"))
        self._fields = (self._take(self._vtable, np.dtype("<u2")).astype(np.int64) - 4) // 2

    def __len__(self) -> int:
        return len(self._at)

    def column(self, field: int, kind: str, default: float = 0) -> np.ndarray:
        """One field of all tables, as the dtype `kind`."""
        dtype = np.dtype(kind)
        found = np.full(len(self), default, dtype=dtype)
        has = np.flatnonzero(self._fields > field)
        offset = self._take(self._vtable[has] + 4 + 2 * field, np.dtype("<u2")).astype(np.int64)
        has, offset = has[offset > 0], offset[offset > 0]
        found[has] = self._take(self._at[has] + offset, dtype)
        return found

    def _take(self, at: Int64[np.ndarray, " n"], dtype: np.dtype) -> np.ndarray:
        if len(at) and (int(at.min()) < 0 or int(at.max()) + dtype.itemsize > len(self._bytes)):
            raise BrokenBufferError("a table lies outside its buffer")
        return self._bytes[at[:, None] + np.arange(dtype.itemsize)].view(dtype)[:, 0]


def root(buffer: bytes, at: int, identifier: bytes) -> Table:
    """The root table of the buffer that begins at byte `at`, its four-letter identifier checked."""
    if buffer[at + 4 : at + 8] != identifier:
        raise BrokenBufferError(f"is not a {identifier.decode()} buffer")
    return Table(buffer, at + int(scalar(buffer, at, "<I")))


def scalar(buffer: bytes, at: int, kind: str) -> Any:
    """The number at a byte."""
    if at < 0 or at + struct.calcsize(kind) > len(buffer):
        raise BrokenBufferError("a field lies outside its buffer")
    return struct.unpack_from(kind, buffer, at)[0]


def _whole(at: Int64[np.ndarray, " n"], length: int) -> int:
    """How many leading tables begin well inside a buffer that was cut (a table is at most 64 bytes here)."""
    outside = np.flatnonzero((at < 0) | (at + 64 > length))
    return int(outside[0]) if len(outside) else len(at)
