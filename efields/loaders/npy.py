"""Events in one NumPy array (.npy): a table of four columns, or rows with the fields x, y, t and p.

The order of unnamed columns and the unit of time are found from the values where options do not say them. The array is
memory-mapped; pickled objects are never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from efields.formats.arrays.npy_rows import looks_like_npy, npy_source
from efields.formats.arrays.places import ArrayOptions
from efields.formats.columns.time_unit import TimeUnit
from efields.formats.opening import first_bytes
from efields.loaders._array_events import open_arrays
from efields.ranges import PixelsOrUnknown
from efields.recordings.event_file import EventFile
from efields.recordings.gathering import recording_of
from efields.recordings.recording import Recording

BEGINS = rb"\x93NUMPY"


@dataclass(frozen=True)
class Config:
    """How to read events from a .npy file."""

    columns: str = ""
    """Order of the columns, such as "x y t p", "-" for one to leave out; empty: found."""
    time_unit: TimeUnit = "auto"
    """Unit of the times; "auto": found from names or values."""
    width: PixelsOrUnknown = 0
    """Columns of the sensor; 0: the smallest known sensor that holds all events."""
    height: PixelsOrUnknown = 0
    """Rows of the sensor; 0: as `width`."""
    salvage: bool = False
    """Whether to recover what is whole of a damaged file."""

    def load(self, path: str | Path) -> Recording:
        """Read the file `path`. Raises `InputError` for anything missing, broken or ambiguous."""
        return recording_of(self.open(path), self.salvage)

    def open(self, path: str | Path) -> EventFile:
        """Open the file `path`. Raises `InputError` where its columns or its unit are not known."""
        file = Path(path)
        options = ArrayOptions(columns=self.columns, time_unit=self.time_unit, width=self.width, height=self.height)
        return open_arrays([npy_source(file)], file, "NumPy array", options)


def matches(path: str | Path) -> bool:
    """Whether `path` is a NumPy array with the fields of events, or of four columns."""
    return looks_like_npy(first_bytes(Path(path), 1 << 12))
