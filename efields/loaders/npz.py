"""Events in a NumPy archive (.npz): arrays called x, y, t, p or the like, or one table of events.

Known names: x, xs, col; y, ys, row; t, ts, time, timestamp; p, ps, pol, polarity; `position` with two columns for x and
y; a table `events` of four columns or with fields. `width` and `height` (or `resolution`) may say the size of the
sensor. The unit of time is found from names (`t_us`) or from the values where the option does not say it. Members are
streamed, so that memory is constant; pickled objects are never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from efields.formats.arrays.npz_rows import looks_like_events, npz_sources, said_size
from efields.formats.arrays.places import ArrayOptions
from efields.formats.columns.time_unit import TimeUnit
from efields.loaders._array_events import open_arrays
from efields.ranges import PixelsOrUnknown
from efields.recordings.event_file import EventFile
from efields.recordings.gathering import recording_of
from efields.recordings.recording import Recording

BEGINS = rb"PK\x03\x04"


@dataclass(frozen=True)
class Config:
    """How to read events from an .npz file."""

    key: str = ""
    """Name of the table of events; empty: found."""
    columns: str = ""
    """Order of the columns of a table, such as "x y t p", "-" for one to leave out; empty: found."""
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
        """Open the file `path`. Raises `InputError` where its columns or its unit are not known."""
        file = Path(path)
        sources = npz_sources(file)
        options = ArrayOptions(self.key, self.columns, self.time_unit, self.width, self.height)
        return open_arrays(sources, file, "NumPy archive", options, said_size(sources, file))


def matches(path: str | Path) -> bool:
    """Whether `path` is an .npz file with arrays that could be events."""
    return looks_like_events(Path(path))
