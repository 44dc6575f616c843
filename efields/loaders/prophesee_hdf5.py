"""Prophesee HDF5: events as a table, as Metavision's file_to_hdf5 writes it.

`/CD/events` holds rows (x uint16, y uint16, p int16, t int64 microseconds), p 1 for ON; `/CD/indexes` is for searching
and not needed. `/EXT_TRIGGER/events` holds rows (p, t, id). The attribute `geometry` of the file is "WxH". Prophesee
compresses tables with its own filter ECF (0x8ecf), for which no package holds a plugin: such a file can be read where
Prophesee's plugin is installed and HDF5_PLUGIN_PATH names its folder. All other compressions are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from efields.errors import InputError
from efields.event_file import Damages, EventFile, SideStreams
from efields.events.columns import EventColumns
from efields.loaders._reading.event_file import checked_size, first_bytes, least_sensor, recording_of
from efields.recording import Recording, Triggers

if TYPE_CHECKING:
    import h5py

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ECF = 0x8ECF
_EVENTS, _TRIGGERS = "CD/events", "EXT_TRIGGER/events"
_ROWS = 1 << 18
_MOST_CHUNK = 1 << 28
"""Bytes of a chunk, which is decompressed at once; Prophesee's have 16384 rows."""
_BROKEN = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)
"""What h5py raises for damaged files."""


@dataclass(frozen=True)
class Config:
    """How to read a Prophesee HDF5 file."""

    width: int = 0
    """Columns of the sensor; 0: as the file says, else the smallest known sensor that holds all events."""
    height: int = 0
    """Rows of the sensor; 0 likewise."""
    salvage: bool = False
    """Whether to recover what is whole of a damaged file."""

    def load(self, path: str | Path) -> Recording:
        """Read the whole file. Raises `InputError` for a damaged one, unless `salvage`."""
        return recording_of(self.open(path), self.salvage)

    def open(self, path: str | Path) -> EventFile:
        """Look at the tables. Raises `InputError` where they lack or cannot be decompressed here."""
        path = Path(path)
        checked_size(self.width, self.height, path)
        with _Opened(path) as file:
            _rows(file, _EVENTS, ("x", "y", "p", "t"), path)
            said = file.attrs.get("geometry", "")
            said = said.decode("ascii", "replace") if isinstance(said, bytes) else str(said)
        name = "Prophesee HDF5"
        found = re.fullmatch(r"\s*([0-9]{1,5})x([0-9]{1,5})\s*", said)
        if self.width or found:
            size = (self.width, self.height) if self.width else (int(found[1]), int(found[2])) if found else (0, 0)
            if not (0 < size[0] <= 1 << 14 and 0 < size[1] <= 1 << 14):
                raise InputError(f"gives a sensor of {said}", path, "give the size with --width and --height")
            return EventFile(name, path, *size, lambda damages: _decode(path, damages), lambda _: _side(path))
        opened = EventFile(name, path, 1, 1, lambda damages: _decode(path, damages), lambda _: _side(path))
        width, height, note = least_sensor(opened, path)
        return EventFile(name, path, width, height, opened.decode, opened.side_streams, notes=(note,))


def matches(path: str | Path) -> bool:
    """Whether `path` is HDF5 and holds the table of events."""
    path = Path(path)
    if first_bytes(path, len(_SIGNATURE)) != _SIGNATURE:
        return False
    try:
        with _Opened(path) as file:
            return _is_table(file, _EVENTS, ("x", "y", "p", "t"))
    except (InputError, *_BROKEN):
        return False


class _Opened:
    """An HDF5 file, open within a `with`; what h5py raises becomes an `InputError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> h5py.File:
        import h5py
        import hdf5plugin  # noqa: F401  registers its filters

        if self._path.is_dir():
            raise InputError("is a folder, not a file", self._path, "name the file in it")
        try:
            self._file = h5py.File(self._path, "r")
        except _BROKEN as error:
            raise InputError(f"is no whole HDF5 file ({_line(error)})", self._path, "copy the file again") from None
        return self._file

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _line(error: BaseException) -> str:
    return str(error).split("\n")[0][:200]


def _is_table(file: h5py.File, name: str, columns: tuple[str, ...]) -> bool:
    import h5py

    table = file.get(name)
    return (
        isinstance(table, h5py.Dataset)
        and table.ndim == 1
        and table.dtype.names is not None
        and all(column in table.dtype.names and table.dtype[column].kind in "iu" for column in columns)
    )


def _rows(file: h5py.File, name: str, columns: tuple[str, ...], path: Path) -> tuple[h5py.Dataset, int]:
    """A table and how many of its rows are in the file. Raises `InputError` where it cannot be read."""
    import h5py

    try:
        if not _is_table(file, name, columns):
            raise InputError(f"holds no table /{name} of {', '.join(columns)}", path, "choose a Prophesee HDF5 file")
        table: Any = file[name]
        filters = table.id.get_create_plist()
        for index in range(filters.get_nfilters()):
            code = filters.get_filter(index)[0]
            if not h5py.h5z.filter_avail(code):
                which = "Prophesee's ECF (0x8ecf)" if code == _ECF else f"the filter {code}"
                do = (
                    "install Prophesee's hdf5_ecf plugin and set HDF5_PLUGIN_PATH to its folder, "
                    "or convert the file to RAW with Metavision"
                )
                raise InputError(f"is compressed with {which}, for which no HDF5 plugin is installed here", path, do)
        if table.is_virtual or table.external:
            raise InputError(f"keeps /{name} in other files", path, "copy the table into one file")
        if table.chunks is None:
            return table, min(len(table), table.id.get_storage_size() // table.dtype.itemsize)
        if table.chunks[0] * table.dtype.itemsize > _MOST_CHUNK:
            raise InputError(f"/{name} has chunks of {table.chunks[0]:,} rows", path, "write it in smaller chunks")
        return table, min(len(table), table.id.get_num_chunks() * table.chunks[0])
    except _BROKEN as error:
        raise InputError(f"/{name} is damaged ({_line(error)})", path, "copy the file again") from None


def _decode(path: Path, damages: Damages) -> Iterator[EventColumns]:
    with _Opened(path) as file:
        table, count = _rows(file, _EVENTS, ("x", "y", "p", "t"), path)
        if count < len(table):
            damages.found("rows of /CD/events were never written", row=count, lost_events=len(table) - count)
        step = _ROWS if table.chunks is None else max(1, _ROWS // table.chunks[0]) * table.chunks[0]
        for first in range(0, count, step):
            for rows, row in _readable(table, first, min(first + step, count), damages):
                x, y, t = (rows[name] for name in ("x", "y", "t"))
                # Numbers that no uint16 holds would wrap to pixels that there are.
                wrong = (x.astype(np.int64) >> 16 != 0) | (y.astype(np.int64) >> 16 != 0)
                if wrong.any():
                    damages.found(
                        "a coordinate is no pixel",
                        row=row + int(np.argmax(wrong)),
                        lost_events=int(np.count_nonzero(wrong)),
                    )
                columns = EventColumns.of(x, y, t, rows["p"] > 0)
                yield columns.take(~wrong) if wrong.any() else columns


def _readable(table: h5py.Dataset, first: int, stop: int, damages: Damages) -> Iterator[tuple[np.ndarray, int]]:
    """The rows from `first` to `stop` that can be read, and the first row of each part."""
    try:
        yield table[first:stop], first
        return
    except _BROKEN as error:
        what = f"rows cannot be read ({_line(error)})" if not damages.salvage else "rows cannot be read"
        size = table.chunks[0] if table.chunks else stop - first
        if stop - first <= size:
            damages.found(what, row=first, lost_events=stop - first)
            return
    for row in range(first, stop, size):
        yield from _readable(table, row, min(row + size, stop), damages)


def _side(path: Path) -> SideStreams:
    with _Opened(path) as file:
        try:
            if file.get(_TRIGGERS) is None:
                return SideStreams()
            table, count = _rows(file, _TRIGGERS, ("p", "t"), path)
            rows = table[:count]
        except _BROKEN as error:
            raise InputError(f"/{_TRIGGERS} is damaged ({_line(error)})", path, "copy the file again") from None
    if not len(rows):
        return SideStreams()
    return SideStreams(triggers=Triggers(rows["t"].astype(np.int64), rows["p"] > 0))
