"""One array of a `.npy` file, mapped into memory; pickled objects are never read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.formats.arrays.npy_rows import BROKEN, header_of
from efields.formats.opening import opened_bytes


def read_npy(path: Path) -> np.ndarray:
    """The array of a file, read-only. Raises `InputError` when it is missing, damaged, or holds pickled objects."""
    if not path.exists():
        raise InputError("no such file", path, "copy the complete recording again")
    data = opened_bytes(path)
    try:
        shape, fortran, dtype, start = header_of(data)
        size = math.prod(shape) * dtype.itemsize
        if start + size != len(data):
            raise ValueError(f"{len(data):,} bytes, not {start + size:,}")
        array = np.frombuffer(data, dtype=dtype, count=math.prod(shape), offset=start)
        return array.reshape(shape, order="F" if fortran else "C")
    except BROKEN as error:
        raise InputError(f"is damaged or truncated ({error})", path, "copy or write it again") from None
