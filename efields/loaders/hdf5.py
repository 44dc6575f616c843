"""Events in HDF5 in any other layout: v2e's table `events`, tables with named fields, columns under the usual names.

v2e writes `events`, n x 4 of t, x, y, p in microseconds; event_utils and others one dataset a column, which `dsec`
reads where they are called x y t p or xs ys ts ps. Here are tables of four columns under any name, rows with fields,
and columns with other names, at the root or in groups. Polarity may be -1 in a type without sign. The size of the
sensor is read from attributes (width and height, geometry, sensor_resolution as rows, columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from efields.errors import InputError
from efields.formats.hdf5.arrays import hdf5_sources, said_size
from efields.formats.hdf5.events import holds_events
from efields.formats.hdf5.file import SIGNATURE, holds, opened_hdf5
from efields.formats.opening import first_bytes
from efields.loaders._array_events import open_arrays
from efields.loaders._options import KeyedTable
from efields.recordings.event_file import EventFile

BEGINS = rb"\x89HDF\r\n\x1a\n"

_OTHERS = ("davis/left/events", "davis/right/events")
"""What MVSEC's files hold."""


@dataclass(frozen=True)
class Config(KeyedTable):
    """How to read events from an HDF5 file."""

    def open(self, path: str | Path) -> EventFile:
        """Open the file `path`. Raises `InputError` that lists its content if its columns are not known."""
        file = Path(path)
        return open_arrays(hdf5_sources(file), file, "HDF5", self.array_options, said_size(file))


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
