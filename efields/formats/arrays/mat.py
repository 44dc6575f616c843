"""Variables of MATLAB files as arrays with names; fields of structs are named `struct.field`.

Version 5 (and 7, its elements compressed): 128 bytes of header, text first, `MI` or `IM` last; then elements, each an
8-byte tag of type and length and its data. Version 7.3: HDF5 behind 512 bytes of header.
"""

from __future__ import annotations

import io
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from efields.errors import InputError
from efields.formats.arrays.npz import check_packing
from efields.formats.arrays.places import ArraySource, held_source
from efields.formats.hdf5.arrays import dataset_source
from efields.formats.hdf5.file import opened_hdf5
from efields.formats.opening import opened_bytes

_COMPRESSED, _MATRIX = 15, 14
_NUMBERS = (1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18)
"""Types of data elements that hold numbers or text."""
_MOST_BYTES = 1 << 33  # of one variable, uncompressed
_DEEP = 8


def is_mat5(head: bytes) -> bool:
    """Whether these 128 bytes begin a file of version 5, 6 or 7."""
    return head[:10] == b"MATLAB 5.0" and head[126:128] in (b"IM", b"MI")


def is_mat73(head: bytes) -> bool:
    """Whether these bytes begin a file of version 7.3."""
    return head[:10] == b"MATLAB 7.3"


def mat5_sources(path: Path) -> list[ArraySource]:
    """All numeric variables of a file of version 5. Raises `InputError` when it is damaged."""
    sources: list[ArraySource] = []
    for name, value in mat5_variables(path).items():
        if not name.startswith("__"):
            _flatten(name, value, sources, 0)
    return sources


def mat5_variables(path: Path) -> dict[str, Any]:
    """All variables of a file of version 5, vectors flat, structs as dicts. Raises `InputError` when it is damaged."""
    import scipy.io

    data = opened_bytes(path)
    if not is_mat5(data[:128].tobytes()):
        raise InputError("is not a MATLAB file", path, "choose another file")
    whole = _checked_elements(data, path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return scipy.io.loadmat(io.BytesIO(whole), simplify_cells=True)
    except (Exception, MemoryError) as error:
        raise InputError(f"is damaged ({type(error).__name__}: {error})", path, "copy the file again") from None


def _checked_elements(data: np.ndarray, path: Path) -> bytes:
    """The file, its elements walked through: each must be there whole, and no larger uncompressed than it can be."""
    little = data[126:128].tobytes() == b"IM"
    order = "little" if little else "big"
    at = 128
    elements = [data[:128].tobytes()]
    while at < len(data):
        tag = data[at : at + 8].tobytes()
        kind, length = int.from_bytes(tag[:4], order), int.from_bytes(tag[4:], order)  # type: ignore[arg-type]
        if len(tag) < 8 or kind not in (_COMPRESSED, _MATRIX) or at + 8 + length > len(data):
            raise InputError(f"is damaged or truncated at byte {at:,}", path, "copy the file again")
        body = data[at + 8 : at + 8 + length].tobytes()
        element = _uncompressed(body, order, at, path) if kind == _COMPRESSED else tag + body
        if not _is_whole(element[8:], order):
            raise InputError(f"the variable at byte {at:,} is damaged", path, "copy the file again")
        elements.append(element)
        at += 8 + length
    return b"".join(elements)


def _is_whole(matrix: bytes, order: str, depth: int = 0) -> bool:
    """Whether the parts of a matrix have types that there are and lie inside it: scipy crashes on others."""
    at = 0
    while at < len(matrix):
        kind, length = (int.from_bytes(matrix[at + i : at + i + 4], order) for i in (0, 4))  # type: ignore[arg-type]
        small = kind >> 16  # a small element has its length here and its data in the place of the length
        if small:
            kind, length = kind & 0xFFFF, small
        if len(matrix) < at + 8 or (length > 4 if small else length > len(matrix) - at - 8):
            return False
        if kind == _MATRIX and not small:
            if depth >= _DEEP or not _is_whole(matrix[at + 8 : at + 8 + length], order, depth + 1):
                return False
        elif kind not in _NUMBERS:
            return False
        at += 8 if small else 8 + (length + 7) // 8 * 8
    return True


def _uncompressed(body: bytes, order: str, at: int, path: Path) -> bytes:
    """One element, uncompressed and checked: scipy would allocate whatever a length inside says."""
    try:
        stream = zlib.decompressobj()
        start = stream.decompress(body, 8)
        length = int.from_bytes(start[4:8], order)  # type: ignore[arg-type]
        if length > min(_MOST_BYTES, 1100 * len(body) + 1024):
            raise zlib.error("its length is impossible")
        check_packing(len(body), length, path, "a variable ")
        whole = start + stream.decompress(stream.unconsumed_tail, length + 8)
        if len(whole) < length + 8:
            raise zlib.error("it is truncated")
    except zlib.error as error:
        raise InputError(f"a variable is damaged at byte {at:,} ({error})", path, "copy the file again") from None
    return whole


def _flatten(name: str, value: Any, sources: list[ArraySource], depth: int) -> None:
    if isinstance(value, dict) and depth < _DEEP:
        for field, inner in value.items():
            _flatten(f"{name}.{field}", inner, sources, depth + 1)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "iufb" and value.size:
        sources.append(held_source(name, value))


def mat73_sources(path: Path) -> list[ArraySource]:
    """All numeric variables of a file of version 7.3. Raises `InputError` when it is damaged."""
    import h5py

    sources: list[ArraySource] = []

    def visit(name: str, item: Any) -> None:
        is_matrix = isinstance(item, h5py.Dataset) and item.ndim == 2 and item.dtype.kind in "iufb" and item.size
        if is_matrix and not name.startswith("#") and "MATLAB_empty" not in item.attrs:
            columns, rows = item.shape  # which is transposed, but for a table with its events as columns
            straight = columns > rows and 1 < rows <= 6 < columns
            sources.append(dataset_source(path, name, item, transposed=not straight))

    with opened_hdf5(path) as file:
        file.visititems(visit)
    return sources
