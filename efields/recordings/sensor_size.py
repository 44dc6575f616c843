"""The size of the sensor: given by options, or assumed from the coordinates of all events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.events.stream import check_sensor_size
from efields.formats.damages import Damages
from efields.recordings.event_file import EventFile

SENSORS = ((34, 34), (128, 128), (240, 180), (320, 240), (304, 240), (346, 260), (640, 480), (1280, 720))
"""Sizes of sensors that are sold or that datasets use, smallest first: columns, rows."""


_MOST_ASSUMED = 4096
"""Largest side in pixels for which a size is assumed from events alone."""


def with_assumed_size(file: EventFile) -> EventFile:
    """The same file with the smallest known sensor that holds all events, or their own extent, and a note of it.

    Raises `InputError` for an event that lies far from all others, where no known sensor holds it.
    """
    counts = [np.zeros(1 << 16, dtype=np.int64) for _ in "xy"]
    for part in file.decode(Damages(file.path, salvage=True)):
        for held, column in zip(counts, (part.x, part.y), strict=True):
            held += np.bincount(column, minlength=1 << 16)
    columns, rows = (_extent(held) for held in counts)
    near = _extent(_without_few(counts[0])), _extent(_without_few(counts[1]))
    known = _known_sensor(columns, rows)
    isolated = columns > 2 * near[0] or rows > 2 * near[1]
    if known is None and (isolated or max(columns, rows) > _MOST_ASSUMED):
        raise _no_sensor((columns, rows), near, isolated, file.path)
    width, height = known or (max(columns, 1), max(rows, 1))
    say = (
        f"The size of the sensor is not in the file: {width} x {height} is assumed from the largest coordinates, "
        f"{columns - 1} and {rows - 1} (--width and --height change this)."
    )
    if isolated and _known_sensor(*near) != known:
        say = f"{say[:-1]}; all events but a few are within {near[0]} x {near[1]}, and those few may be damage."
    return replace(file, width=width, height=height, size_assumed=True, notes=(*file.notes, say))


def _extent(counts: np.ndarray) -> int:
    """Coordinates from 0 to the last that any event has."""
    return int(counts.nonzero()[0].max(initial=-1)) + 1


def _without_few(counts: np.ndarray) -> np.ndarray:
    """The counts without the farthest events, of which there are too few to make a sensor."""
    few = max(1, int(counts.sum()) // 10_000)
    return np.where(np.cumsum(counts[::-1])[::-1] > few, counts, 0)


def _known_sensor(columns: int, rows: int) -> tuple[int, int] | None:
    return next(((w, h) for w, h in SENSORS if w >= columns and h >= rows), None)


def _no_sensor(size: tuple[int, int], near: tuple[int, int], isolated: bool, path: Path) -> InputError:
    say = f"events reach x {size[0] - 1}, y {size[1] - 1}, which would need a sensor of {size[0]} x {size[1]} pixels"
    if isolated:
        say += f", but all except a few are within {near[0]} x {near[1]}: those few are probably damage"
    do = "give the size of the sensor with --width and --height, and drop events outside it with --salvage"
    return InputError(say, path, do)


def checked_size(width: int, height: int, path: Path) -> None:
    """Raise `InputError` for options that are no size of a sensor; both 0: not given."""
    if (width, height) != (0, 0):
        check_sensor_size(width, height, path)
