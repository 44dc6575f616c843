"""Events in a MATLAB file (.mat, versions 5 to 7.3): columns, a table, or a struct such as `TD` with x, y, p and ts.

Variables and fields of structs are looked at alike: x, y, t (or ts, ...), p (or pol, ...) as columns of one length, in
the file or in one struct, or a table `events` of four columns. Version 7.3 is HDF5, where matrices lie transposed. The
unit of time is found from names or values where the option does not say it. MATLAB counts from 1: where pixels do so
too, say `first_pixel = 1`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from efields.formats.arrays.mat import is_mat5, is_mat73, mat5_sources, mat73_sources
from efields.formats.opening import first_bytes
from efields.loaders._array_events import open_arrays
from efields.loaders._options import KeyedTable
from efields.ranges import Range
from efields.recordings.event_file import EventFile

BEGINS = rb"MATLAB (5\.0|7\.3)"


@dataclass(frozen=True)
class Config(KeyedTable):
    """How to read events from a MATLAB file."""

    first_pixel: Annotated[int, Range(0, 1)] = 0
    """Number of the first column and row: 0, or 1 if pixels are counted as in MATLAB."""

    def open(self, path: str | Path) -> EventFile:
        """Open the file `path`. Raises `InputError` where its columns or its unit are not known."""
        file = Path(path)
        head = first_bytes(file, 128)
        sources = mat73_sources(file) if is_mat73(head) else mat5_sources(file)
        options = replace(self.array_options, first_pixel=self.first_pixel)
        version = "7.3" if is_mat73(head) else "5"
        opened = open_arrays(sources, file, f"MATLAB {version}", options)
        if not self.first_pixel:
            say = "Pixels are assumed to count from 0 (set first_pixel = 1 if they count from 1)."
            opened = replace(opened, notes=(*opened.notes, say))
        return opened


def matches(path: str | Path) -> bool:
    """Whether `path` begins as a MATLAB file does."""
    head = first_bytes(Path(path), 128)
    return is_mat5(head) or is_mat73(head)
