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
from efields.events.columns import EventColumns
from efields.events.side_streams import SideStreams, Triggers
from efields.formats.damages import Damages
from efields.formats.hdf5.file import SIGNATURE, attribute, blocks, opened_hdf5, usable_rows
from efields.formats.opening import first_bytes
from efields.loaders._options import OneFile
from efields.recordings.event_file import EventFile
from efields.recordings.sensor_size import checked_size, with_assumed_size

BEGINS = rb"\x89HDF\r\n\x1a\n"

if TYPE_CHECKING:
    import h5py

_ECF = 0x8ECF
_EVENTS, _TRIGGERS = "CD/events", "EXT_TRIGGER/events"


@dataclass(frozen=True)
class Config(OneFile):
    """How to read a Prophesee HDF5 file."""

    def open(self, path: str | Path) -> EventFile:
        """Look at the tables. Raises `InputError` where they lack or cannot be decompressed here."""
        path = Path(path)
        checked_size(self.width, self.height, path)
        with opened_hdf5(path) as file:
            _table(file, _EVENTS, ("x", "y", "p", "t"), path)
            said = "" if self.width else _geometry(file, path)
        if said is None and not self.salvage:
            do = "give the size with --width and --height, or read it with --salvage"
            raise InputError("the attribute geometry, the sensor's size, is damaged", path, do)
        name = "Prophesee HDF5"
        found = re.fullmatch(r"\s*([0-9]{1,5})x([0-9]{1,5})\s*", said or "")
        if self.width or found:
            size = (self.width, self.height) if self.width else (int(found[1]), int(found[2])) if found else (0, 0)
            return EventFile(
                name, path, *size, lambda damages: _decode(path, damages), lambda damages: _side(path, damages)
            )
        return with_assumed_size(
            EventFile(name, path, 0, 0, lambda damages: _decode(path, damages), lambda damages: _side(path, damages))
        )


def matches(path: str | Path) -> bool:
    """Whether `path` is HDF5 and holds the table of events."""
    path = Path(path)
    if first_bytes(path, len(SIGNATURE)) != SIGNATURE:
        return False
    try:
        with opened_hdf5(path) as file:
            return _is_table(file, _EVENTS, ("x", "y", "p", "t"))
    except InputError:
        return False


def _geometry(file: h5py.File, path: Path) -> str | None:
    """The attribute that gives the sensor's size; "" where there is none, None where it is damaged."""
    try:
        said = attribute(file, "geometry", path)
    except InputError:
        return None
    return said.decode("ascii", "replace") if isinstance(said, bytes) else str(said or "")


def _is_table(file: h5py.File, name: str, columns: tuple[str, ...]) -> bool:
    import h5py

    table = file.get(name)
    return (
        isinstance(table, h5py.Dataset)
        and table.ndim == 1
        and table.dtype.names is not None
        and all(column in table.dtype.names and table.dtype[column].kind in "iu" for column in columns)
    )


def _table(file: h5py.File, name: str, columns: tuple[str, ...], path: Path) -> h5py.Dataset:
    """A table that can be decompressed here. Raises `InputError` where there is none."""
    import h5py

    if not _is_table(file, name, columns):
        raise InputError(f"contains no table /{name} of {', '.join(columns)}", path, "choose a Prophesee HDF5 file")
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
    return table


def _decode(path: Path, damages: Damages) -> Iterator[EventColumns]:
    with opened_hdf5(path) as file:
        table = _table(file, _EVENTS, ("x", "y", "p", "t"), path)
        for row, (rows,) in blocks([table], usable_rows([table], path, damages), damages):
            x, y, t = (rows[name] for name in ("x", "y", "t"))
            # Numbers that no uint16 holds would wrap to pixels that there are.
            wrong = (x.astype(np.int64) >> 16 != 0) | (y.astype(np.int64) >> 16 != 0)
            if wrong.any():
                first, lost = row + int(np.argmax(wrong)), int(np.count_nonzero(wrong))
                damages.found("a coordinate is not a pixel", row=first, lost_events=lost)
            columns = EventColumns.of(x, y, t, rows["p"] > 0)
            yield columns.take(~wrong) if wrong.any() else columns


def _side(path: Path, damages: Damages) -> SideStreams:
    with opened_hdf5(path) as file:
        if file.get(_TRIGGERS) is None:
            return SideStreams()
        table = _table(file, _TRIGGERS, ("p", "t"), path)
        parts = [rows for _, (rows,) in blocks([table], usable_rows([table], path, damages), damages)]
    if not parts:
        return SideStreams()
    rows = np.concatenate(parts)
    return SideStreams(triggers=Triggers(rows["t"].astype(np.int64), rows["p"] > 0))
