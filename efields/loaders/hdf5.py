"""Events in HDF5 by any other layout: v2e's table `events`, tables with fields, columns by the usual names.

v2e writes `events`, n x 4 of t, x, y, p in microseconds; event_utils and others one dataset a column, which `dsec`
reads where they are called x y t p or xs ys ts ps. Here are tables of four columns under any name, rows with fields,
and columns with other names, at the root or in groups. Polarity may be -1 in a type without sign. The size of the
sensor is read from attributes (width and height, geometry, sensor_resolution as rows, columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from efields.errors import InputError
from efields.formats.arrays.places import ArrayOptions
from efields.formats.columns.time_unit import TimeUnit
from efields.formats.hdf5.arrays import hdf5_sources, said_size
from efields.formats.hdf5.events import holds_events
from efields.formats.hdf5.file import SIGNATURE, holds, opened_hdf5
from efields.formats.opening import first_bytes
from efields.loaders._array_events import open_arrays
from efields.ranges import PixelsOrUnknown
from efields.recordings.event_file import EventFile
from efields.recordings.gathering import recording_of
from efields.recordings.recording import Recording

BEGINS = rb"\x89HDF\r\n\x1a\n"

_OTHERS = ("davis/left/events", "davis/right/events")
"""What MVSEC's files hold."""


@dataclass(frozen=True)
class Config:
    """How to read events from an HDF5 file."""

    key: str = ""
    """Name of the table or group of events, groups and what is in them joined by a dot; empty: found."""
    columns: str = ""
    """Order of the columns of a table, such as "t x y p", "-" for one to leave out; empty: found."""
    time_unit: TimeUnit = "auto"
    """Unit of the times; "auto": found from names or values."""
    width: PixelsOrUnknown = 0
    """Columns of the sensor; 0: as the file says, else the smallest known sensor that holds all events."""
    height: PixelsOrUnknown = 0
    """Rows of the sensor; 0: as `width`."""
    salvage: bool = False
    """Whether to recover what is whole of a damaged file."""

    def load(self, path: str | Path) -> Recording:
        """Read the file `path`. Raises `InputError` for anything missing, broken or ambiguous."""
        return recording_of(self.open(path), self.salvage)

    def open(self, path: str | Path) -> EventFile:
        """Open the file `path`. Raises `InputError` that lists what it holds where its columns are not known."""
        file = Path(path)
        options = ArrayOptions(self.key, self.columns, self.time_unit, self.width, self.height)
        return open_arrays(hdf5_sources(file), file, "HDF5", options, said_size(file))


def matches(path: str | Path) -> bool:
    """Whether `path` is an HDF5 file in none of the layouts that have a loader of their own."""
    file = Path(path)
    if first_bytes(file, len(SIGNATURE)) != SIGNATURE or holds_events(file) or any(holds(file, n) for n in _OTHERS):
        return False
    try:
        with opened_hdf5(file) as opened:
            table = opened.get("CD/events")
            return getattr(getattr(table, "dtype", None), "names", None) is None
    except InputError:
        return False
