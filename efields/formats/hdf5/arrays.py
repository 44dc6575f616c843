"""Datasets of HDF5 files as arrays that are read in chunks of rows, and the sensor size in the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from efields.errors import InputError
from efields.events.columns import CHUNK
from efields.formats.arrays.npz import check_packing
from efields.formats.arrays.places import ArraySource
from efields.formats.columns.size_in_words import SizeInWords
from efields.formats.damages import Damages
from efields.formats.hdf5.file import FAULTS, attribute, opened_hdf5

_MOST_DATASETS = 1000


def hdf5_sources(path: Path) -> list[ArraySource]:
    """All lists and tables of numbers in a file, and all lists of rows with fields; groups are named as structs are."""
    import h5py

    sources: list[ArraySource] = []

    def visit(name: str, item: Any) -> bool | None:
        is_list = isinstance(item, h5py.Dataset) and item.size and 1 <= item.ndim <= 2
        if is_list and (item.dtype.names is not None or item.dtype.kind in "iufb"):
            sources.append(dataset_source(path, name, item, transposed=_is_transposed(item.shape)))
        return True if len(sources) >= _MOST_DATASETS else None

    with opened_hdf5(path) as file:
        file.visititems(visit)
    return sources


def _is_transposed(shape: tuple[int, ...]) -> bool:
    """Whether a table has a row for each column of the events."""
    return len(shape) == 2 and shape[0] in (4, 5, 6) and shape[1] > shape[0]


def dataset_source(path: Path, name: str, item: Any, *, transposed: bool) -> ArraySource:
    """One dataset, its rows first. Raises `InputError` for one that claims far more than the file holds."""
    block = item.chunks or (1,) * item.ndim
    stored = item.id.get_storage_size()
    block_bytes = int(np.prod(block, dtype=object)) * item.dtype.itemsize
    if stored * 1100 + 1024 < item.nbytes or block_bytes > max(1 << 27, 1100 * stored):
        raise InputError(f"'{name}' holds {item.nbytes:,} bytes in {stored:,} of the file", path, "copy the file again")
    check_packing(stored, item.nbytes, path, f"'{name}' ")
    vector = item.ndim == 1 or 1 in item.shape
    shape: tuple[int, ...] = (max(item.shape),) if vector else item.shape[::-1] if transposed else item.shape

    def chunks(damages: Damages) -> Iterator[np.ndarray]:
        for first in range(0, shape[0], CHUNK):
            part = slice(first, min(first + CHUNK, shape[0]))
            try:
                with opened_hdf5(path) as file:
                    held = file[name]
                    if held.ndim == 1:
                        rows = held[part]
                    elif vector:
                        rows = np.ravel(held[0, part] if held.shape[0] == 1 else held[part, 0])
                    else:
                        rows = held[:, part].T if transposed else held[part]
            except (*FAULTS, InputError):
                damages.found(f"'{name}' cannot be read to its end", row=first, lost_events=shape[0] - first)
                return
            yield rows

    return ArraySource(name.replace("/", "."), shape, item.dtype, chunks)


def said_size(path: Path) -> tuple[int, int]:
    """Columns and rows of the sensor by attributes of the file or its groups, or datasets of those names; else 0, 0."""
    import h5py

    with opened_hdf5(path) as file:
        for item in (file, *(held for held in file.values() if isinstance(held, (h5py.Group, h5py.Dataset)))):
            words = SizeInWords()
            for name in ("width", "height", "geometry", "sensor_resolution", "resolution", "sensor_size"):
                value = attribute(item, name, path)
                if value is None and isinstance(item, h5py.Group) and isinstance(item.get(name), h5py.Dataset):
                    value = item[name][()] if item[name].size <= 2 else None  # type: ignore[index]
                if value is not None:
                    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else _written(value)
                    words.add(f"{name} {text}".encode())
            if all(words.size):
                return words.size
    return 0, 0


def _written(value: Any) -> str:
    return str(value) if isinstance(value, str) else " ".join(str(number) for number in np.ravel(value).tolist())
