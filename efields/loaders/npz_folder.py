"""Events in a folder of numbered NumPy archives, `000000.npz`, `000001.npz`, ...: TimeLens and others.

The archives lie in the folder or in `events/` of it, one for the time between two frames; any may hold no event. Each
has the arrays of `npz`; times go on from one to the next. Only the one that is being read is open, however many there
are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.arrays.npz_rows import looks_like_events, npz_sources, said_size
from efields.formats.arrays.places import ArrayOptions, find_places, head_of
from efields.formats.columns.fractional_pixels import NOTE
from efields.formats.columns.time_unit import UNITS, WORDS_OF_UNIT
from efields.formats.damages import Damages
from efields.loaders._array_events import chosen_unit, decode_places, lie_between_pixels
from efields.loaders._options import Table
from efields.recordings.event_file import EventFile
from efields.recordings.gathering import recording_of
from efields.recordings.recording import Recording
from efields.recordings.sensor_size import checked_size, with_assumed_size

HOLDS = ("*.npz", "events/*.npz")

_ENOUGH = 4000
"""Number of events from which the unit of time is detected."""


@dataclass(frozen=True)
class Config(Table):
    """How to read events from a folder of numbered .npz files."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, broken or ambiguous."""
        recording = recording_of(self.open(path), self.salvage)
        return replace(recording, name=Path(path).resolve().name, path=Path(path))

    def open(self, path: str | Path) -> EventFile:
        """Open the folder `path`. Raises `InputError` where it has no such files, or what they hold is left open."""
        source = Path(path)
        checked_size(self.width, self.height, source)
        files = _numbered(source)
        if not files:
            raise InputError(
                "contains no numbered .npz files, and neither does its folder events", source, "give their folder"
            )
        options = self.array_options
        heads, named_unit, places = [np.zeros(0)], "", {}
        for file in files:
            places, named_unit = find_places(npz_sources(file), file, options)
            if len(head := head_of(places["t"], Damages(file))):
                heads = [head] if len(heads[0]) == 0 else [*heads, head]
            if sum(map(len, heads)) >= _ENOUGH:
                break
        unit, said = chosen_unit(self.time_unit, named_unit, np.concatenate(heads), source)
        said += (NOTE,) if lie_between_pixels(places) else ()
        size = (self.width, self.height) if self.width else said_size(npz_sources(files[0]), files[0])
        opened = EventFile(
            format="numbered NumPy archives",
            path=source,
            width=size[0],
            height=size[1],
            decode=lambda damages: _decode(files, options, UNITS[unit], damages),
            notes=(f"{len(files):,} files in the order of their numbers, times in {WORDS_OF_UNIT[unit]}.", *said),
        )
        return opened if opened.width else with_assumed_size(opened)


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder of numbered .npz files, or holds one in `events/`, the first with arrays of events."""
    source = Path(path)
    return source.is_dir() and any(looks_like_events(file) for file in _numbered(source)[:1])


def _numbered(source: Path) -> list[Path]:
    for folder in (source / "events", source):
        if folder.is_dir():
            files = [file for file in folder.glob("*.npz") if file.stem.isdecimal()]
            if files:
                return sorted(files, key=lambda file: (int(file.stem), file.stem))
    return []


def _decode(files: list[Path], options: ArrayOptions, power: int, damages: Damages) -> Iterator[EventColumns]:
    """The events of all files, one after the other; errors name the file that they are of."""
    began: int | None = None
    folder = damages.path
    for file in files:
        damages.path = file
        places, _ = find_places(npz_sources(file), file, options)
        first: int | None = None
        for columns in decode_places(places, power, 0, damages):
            if first is None and columns.count:
                first = int(columns.t_us[0])
                if began is not None and first < began:
                    do = "give files whose times continue from one to the next, or convert each separately"
                    raise InputError("its times begin before those of the file before it", file, do)
                began = first
            yield columns
    damages.path = folder
