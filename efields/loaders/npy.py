"""Events in one NumPy array (.npy): a table of four columns, or rows with the fields x, y, t and p.

The order of unnamed columns and the unit of time are found from the values where options do not say them. The array is
memory-mapped; pickled objects are never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from efields.formats.arrays.npy_rows import looks_like_npy, npy_source
from efields.formats.opening import first_bytes
from efields.loaders._array_events import open_arrays
from efields.loaders._options import Table
from efields.recordings.event_file import EventFile

BEGINS = rb"\x93NUMPY"


@dataclass(frozen=True)
class Config(Table):
    """How to read events from a .npy file."""

    def open(self, path: str | Path) -> EventFile:
        """Open the file `path`. Raises `InputError` where its columns or its unit are not known."""
        file = Path(path)
        return open_arrays([npy_source(file)], file, "NumPy array", self.array_options)


def matches(path: str | Path) -> bool:
    """Whether `path` is a NumPy array with the fields of events, or of four columns."""
    return looks_like_npy(first_bytes(Path(path), 1 << 12))
