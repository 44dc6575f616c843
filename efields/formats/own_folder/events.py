"""efields' own events: an HDF5 file of plain columns, which is memory-mapped and never read as a whole.

`events/x`, `events/y` (uint16), `events/t` (int64, microseconds since `t_offset`), `events/p` (uint8, 1 where the
intensity rose), `t_offset` (int64), `width`, `height`: the layout of DSEC but for the wider time and without
compression. Each column is one contiguous run of bytes, so that a mapped array of it is a NumPy array like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from efields import atomic
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.scratch import Scratch, pieces
from efields.events.stream import EventStream
from efields.formats.hdf5.file import opened_hdf5
from efields.formats.hdf5.writing import writing_hdf5

NAME = "events.h5"
COLUMNS = {"x": np.uint16, "y": np.uint16, "t": np.int64, "p": np.uint8}
_COPY = 1 << 22


def write_events(events: Iterator[EventColumns], path: Path, width: int, height: int) -> int:
    """Write sorted chunks of events in constant memory and return their number; a whole file or none.

    Raises `InputError` when the disk is full, or there is no event.
    """
    files = Scratch()
    columns = {name: files.column(kind) for name, kind in COLUMNS.items()}
    count = 0
    for chunk in events:
        for column, values in zip(columns.values(), (chunk.x, chunk.y, chunk.t_us, chunk.polarity), strict=True):
            column.append(values)
        count += chunk.count
    if count == 0:
        raise InputError("no events are left to write", path)
    with atomic.replacing(path) as temporary, writing_hdf5(temporary) as (file, check):
        for name, column in columns.items():
            kept = column.array()
            written = file.create_dataset(f"events/{name}", shape=(count,), dtype=COLUMNS[name])
            for piece in pieces(count, _COPY, kept):
                written[piece] = kept[piece]
                check()
        for name, value in (("t_offset", 0), ("width", width), ("height", height)):
            file[name] = np.int64(value)
    return count


def read_events(path: Path) -> EventStream:
    """The events of such a file, mapped. Raises `InputError` for a damaged file and one of another layout."""
    offsets, count, (t_offset, width, height) = _facts(path)
    size = path.stat().st_size
    mapped: dict[str, Any] = {}
    for name, kind in COLUMNS.items():
        if offsets[name] + count * np.dtype(kind).itemsize > size:
            raise InputError(f"ends before its column '{name}'", path, "convert the recording again")
        mapped[name] = np.memmap(path, dtype=kind, mode="r", offset=offsets[name], shape=(count,))
    t_us = mapped["t"] if t_offset == 0 else mapped["t"] + t_offset
    for piece in pieces(count, _COPY, mapped["p"]):
        if mapped["p"][piece].max() > 1:
            what = f"has polarities other than 0 and 1 after event {piece.start:,}"
            raise InputError(what, path, "convert the recording again")
    return EventStream.from_arrays(
        mapped["x"], mapped["y"], t_us, mapped["p"].view(np.bool_), width, height, where=str(path)
    )


def is_own(path: Path) -> bool:
    """Whether a file looks like one of these: all columns, plain, and the size of the sensor."""
    try:
        _facts(path)
    except InputError:
        return False
    return True


def _facts(path: Path) -> tuple[dict[str, int], int, tuple[int, int, int]]:
    """Byte offsets of the columns, number of events; offset of time, width and height."""
    with opened_hdf5(path) as file:
        offsets, counts = {}, set()
        for name, kind in COLUMNS.items():
            column: Any = file[f"events/{name}"]
            offset = column.id.get_offset()
            if column.dtype != kind or column.ndim != 1 or offset is None:
                raise InputError(f"'events/{name}' is not a plain column of {np.dtype(kind)}", path)
            offsets[name] = int(offset)
            counts.add(len(column))
        if len(counts) != 1:
            raise InputError("its columns differ in length", path, "convert the recording again")
        numbers: list[Any] = [file[name] for name in ("t_offset", "width", "height")]
        t_offset, width, height = (int(number[()]) for number in numbers)
        return offsets, counts.pop(), (t_offset, width, height)
