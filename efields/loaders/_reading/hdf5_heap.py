"""Global heaps of HDF5 files, where variable-length strings lie; libhdf5 loops without end in a damaged one.

A collection is "GCOL", version 1, three bytes, its size (u64) and objects: index u16, references u16, four bytes, size
u64 and the bytes themselves, padded to 8; index 0 is the free space at the end (HDF5 File Format Specification 3.0,
III.E). libhdf5 goes from object to object without asking whether it gets anywhere.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

_SIGNATURE = b"GCOL\x01"
_HEADER = 16
_SEARCHED = 64 << 20
"""Bytes at either end of a file that are searched: heaps are made with the first attributes, or on closing."""
_LARGEST = 16 << 20
"""Bytes of the largest collection that is believed; writers make them of 4096."""


def has_sound_heap(path: Path) -> bool:
    """Whether global heaps are found near either end of the file, and all of them can be walked to their ends."""
    found = False
    for heap in _collections(path):
        found = True
        if not _walks(heap):
            return False
    return found


def _collections(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    starts = {0, max(0, size - _SEARCHED)}
    with path.open("rb") as file:
        for start in sorted(starts):
            file.seek(start)
            part = file.read(_SEARCHED)
            at = part.find(_SIGNATURE)
            while at >= 0:
                length = int.from_bytes(part[at + 8 : at + 16], "little")
                file.seek(start + at)
                yield file.read(length) if _HEADER <= length <= _LARGEST else b""
                at = part.find(_SIGNATURE, at + 1)


def _walks(heap: bytes) -> bool:
    """Whether each object of a collection ends after it began and inside the collection."""
    at = _HEADER
    if len(heap) < at or int.from_bytes(heap[8:16], "little") != len(heap):
        return False
    while len(heap) - at >= _HEADER:
        index, _, size = struct.unpack_from("<HH4xQ", heap, at)
        at += size if index == 0 else _HEADER + (size + 7) // 8 * 8
        if (index == 0 and size < _HEADER) or at > len(heap):
            return False
    return True
