"""Events in a NumPy archive (.npz): arrays named x, y, t, p or similar, or one table of events.

Known names: x, xs, col; y, ys, row; t, ts, time, timestamp; p, ps, pol, polarity; `position` with two columns for x and
y; a table `events` of four columns or with fields. `width` and `height` (or `resolution`) may say the size of the
sensor. The unit of time is found from names (`t_us`) or from the values where the option does not say it. Members are
streamed, so that memory is constant; pickled objects are never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from efields.formats.arrays.npz_rows import looks_like_events, npz_sources, said_size
from efields.loaders._array_events import open_arrays
from efields.loaders._options import KeyedTable
from efields.recordings.event_file import EventFile

BEGINS = rb"PK\x03\x04"


@dataclass(frozen=True)
class Config(KeyedTable):
    """How to read events from an .npz file."""

    def open(self, path: str | Path) -> EventFile:
        """Open the file `path`. Raises `InputError` where its columns or its unit are not known."""
        file = Path(path)
        sources = npz_sources(file)
        return open_arrays(sources, file, "NumPy archive", self.array_options, said_size(sources, file))


def matches(path: str | Path) -> bool:
    """Whether `path` is an .npz file with arrays that could be events."""
    return looks_like_events(Path(path))
