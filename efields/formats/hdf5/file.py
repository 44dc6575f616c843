"""HDF5 files: the one way to open them, with one clear error; their datasets are read a block of rows at a time.

A file is opened after a helper process has walked through it (`hdf5_helper`), and is refused where parts of it lie in
other files, which a stranger's file could name at will.
Blocks (HDF5 "chunks") may be compressed by any filter of hdf5plugin. HDF5 has no checksum unless the writer asked for
one, so that only a filter notices flipped bits.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from efields.errors import InputError
from efields.events.columns import CHUNK
from efields.formats.arrays.npz import check_packing
from efields.formats.damages import Damages
from efields.formats.hdf5.helper_process import probed

FAULTS = (
    OSError,
    KeyError,
    ValueError,
    RuntimeError,
    TypeError,
    IndexError,
    AttributeError,
    OverflowError,
    MemoryError,
)
"""What h5py raises for damaged files."""
SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""First bytes of a file."""
_MOST_BYTES = 1 << 27  # of one block, all of which must be in memory to read any of it
_CHECKSUM_BYTES = 4  # what the filter fletcher32 adds to each block


@contextlib.contextmanager
def opened_hdf5(path: Path) -> Iterator[Any]:
    """The file, an `h5py.File`; what h5py raises while it is open becomes one `InputError`."""
    import h5py
    import hdf5plugin  # noqa: F401  (registers the filters that files are compressed with)

    if path.is_dir():
        raise InputError("is a folder, not a file", path, "give a file inside it")
    try:
        if path.stat().st_size == 0:
            raise InputError("is empty", path, "copy the file again")
        if outside := probed(path).outside:
            raise InputError(f"keeps '{outside[0]}' in another file", path, "copy the data into one file")
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except FileNotFoundError:
        raise InputError("no such file", path, "copy the complete recording again") from None
    except PermissionError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, "check its permissions") from None
    except FAULTS as error:
        raise InputError(f"cannot be read as HDF5 ({short(error)})", path, "copy the file again") from None


def holds(path: Path, *names: str) -> bool:
    """Whether `path` is an HDF5 file with datasets of these names; never raises."""
    try:
        with path.open("rb") as file:
            if file.read(8) != SIGNATURE:
                return False
        with opened_hdf5(path) as file:
            return all(is_dataset(file, name) for name in names)
    except (OSError, InputError):
        return False


def attribute(item: Any, name: str, path: Path) -> Any:
    """The value of an attribute of an opened file's group or dataset; None where there is none.

    Raises `InputError` where attributes of the file cannot be read.
    """
    if name not in item.attrs:
        return None
    try:
        if probed(path).attributes:
            return item.attrs[name]
    except FAULTS:
        pass
    raise InputError(f"the attribute {name} is damaged", path, "copy the file again")


def is_dataset(file: Any, name: str) -> bool:
    """Whether an opened file has a dataset of that name."""
    import h5py

    return file.get(name, getclass=True) is h5py.Dataset


def usable_rows(datasets: list[Any], path: Path, damages: Damages) -> int:
    """Rows that every dataset really holds; other lengths, and blocks that were never written, are a damage."""
    lengths = [len(dataset) for dataset in datasets]
    stored = [_stored_rows(dataset, path) for dataset in datasets]
    rows = min(*lengths, *stored)
    packed = sum(dataset.id.get_storage_size() for dataset in datasets)
    check_packing(packed, sum(rows * dataset.nbytes // max(1, len(dataset)) for dataset in datasets), path)
    if len(set(lengths)) > 1:
        damages.found("the columns differ in length", row=min(lengths), lost_events=max(lengths) - min(lengths))
    if rows < min(lengths):
        damages.found("blocks of the events were never written", row=rows, lost_events=min(lengths) - rows)
    return rows


def _stored_rows(dataset: Any, path: Path) -> int:
    """Rows for which a dataset has storage: HDF5 gives zeros for those without, however many a header claims."""
    row_bytes = dataset.dtype.itemsize * math.prod(dataset.shape[1:])
    if dataset.chunks is None:
        return int(dataset.id.get_storage_size()) // max(1, row_bytes)
    if math.prod(dataset.chunks) * dataset.dtype.itemsize > _MOST_BYTES:
        raise InputError(f"'{dataset.name}' has blocks of {dataset.chunks} numbers", path, "write it in smaller blocks")
    if dataset.fletcher32:
        dataset.id.chunk_iter(lambda block: _check_checksum(dataset.name, block.size, path))
    beside = math.prod(-(-n // c) for n, c in zip(dataset.shape[1:], dataset.chunks[1:], strict=True))
    return int(dataset.id.get_num_chunks()) // max(1, beside) * dataset.chunks[0]


def _check_checksum(name: str, block_bytes: int, path: Path) -> None:
    """Refuse what would crash libhdf5: it takes the checksum off each block without asking how long that is."""
    if block_bytes < _CHECKSUM_BYTES:
        what = f"the index of '{name}' is damaged: a block has {block_bytes} bytes, fewer than its checksum"
        raise InputError(what, path, "copy the file again")


def blocks(datasets: list[Any], stop: int, damages: Damages, start: int = 0) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Rows `start` to `stop` of several datasets, about `CHUNK` at a time, with the first row's number.

    A block that cannot be read is a damage; those around it are read.
    """
    grain = max(dataset.chunks[0] if dataset.chunks else 1 << 16 for dataset in datasets)
    step = max(1, CHUNK // grain) * grain
    row = start
    while row < stop:
        end = min(stop, (row // step + 1) * step)
        yield from _read(datasets, row, end, grain, damages)
        row = end


def _read(
    datasets: list[Any], start: int, stop: int, grain: int, damages: Damages
) -> Iterator[tuple[int, list[np.ndarray]]]:
    name = ""
    columns: list[np.ndarray] = []
    try:
        for dataset in datasets:
            name = dataset.name
            columns.append(dataset[start:stop])
    except FAULTS as error:
        if stop - start > grain:  # which of them is it?
            for row in range(start, stop, grain):
                yield from _read(datasets, row, min(stop, row + grain), grain, damages)
            return
        damages.found(f"'{name}' cannot be read ({short(error)})", row=start, lost_events=stop - start)
        return
    yield start, columns


def short(error: BaseException) -> str:
    """What an error says, cut to a phrase."""
    return str(error).strip("'\"")[:160] or type(error).__name__
