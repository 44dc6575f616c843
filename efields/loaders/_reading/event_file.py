"""From an opened event file to a recording: all chunks gathered, checked, sorted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from efields import scratch
from efields.errors import InputError
from efields.event_file import Damages, EventFile
from efields.events.columns import EventColumns, PlacedColumns
from efields.events.sensor import Sensor
from efields.events.stream import EventStream, check_sensor_size
from efields.recording import Recording

SENSORS = ((34, 34), (128, 128), (240, 180), (320, 240), (304, 240), (346, 260), (640, 480), (1280, 720))
"""Sizes of sensors that are sold or that data sets use, smallest first: columns, rows."""
_MOST_ASSUMED = 4096
"""Pixels a side up to which a size is taken from events alone."""


def recording_of(file: EventFile, salvage: bool = False, sensor: Sensor | None = None) -> Recording:
    """Everything that `file` holds.

    Raises `InputError` for damage, unless `salvage`, which leaves out what is broken and notes what was lost.
    """
    damages = Damages(file.path, salvage)
    events = gathered(file, damages)
    side = file.side_streams(beside := Damages(file.path, salvage))
    return Recording(
        events=events,
        camera=file.camera,
        sensor=sensor or Sensor(),
        imu=side.imu,
        unposed_frames=side.frames,
        triggers=side.triggers,
        name=file.path.stem,
        path=file.path,
        notes=file.notes + damages.notes_with(beside),
        usual_sensor=sensor is None,
    )


def gathered(file: EventFile, damages: Damages) -> EventStream:
    """All events of a file in order of time. Raises `InputError` when there is none."""
    columns = _gathered_columns(file.events(damages))
    if columns.count == 0:
        raise InputError("holds no events", file.path, "choose a recording that does")
    on_pixel = columns.on_pixel if isinstance(columns, PlacedColumns) else None
    return EventStream.from_arrays(*columns, file.width, file.height, where=str(file.path), on_pixel=on_pixel)


def _gathered_columns(chunks: Iterator[EventColumns]) -> EventColumns:
    """All chunks in one: in memory, or in files where there are more than `scratch.IN_MEMORY` events."""
    held: list[EventColumns] = []
    count = 0
    for chunk in chunks:
        held.append(chunk)
        count += chunk.count
        if count > scratch.IN_MEMORY:
            break
    else:
        return EventColumns.concat(held)
    files = scratch.Scratch()
    columns = [files.column(kind) for kind in (np.uint16, np.uint16, np.int64, np.bool_)]
    places = files.column(np.float32) if isinstance(held[0], PlacedColumns) else None
    for chunk in itertools.chain(held, chunks):
        for column, values in zip(columns, chunk, strict=True):
            column.append(values)
        if places is not None and isinstance(chunk, PlacedColumns):
            places.append(chunk.on_pixel.reshape(-1))
    gathered_all = EventColumns(*(column.array() for column in columns))
    return gathered_all if places is None else PlacedColumns.at(gathered_all, places.array().reshape(-1, 2))


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
        f"{columns - 1} and {rows - 1} (--width and --height say otherwise)."
    )
    if isolated and _known_sensor(*near) != known:
        say = f"{say[:-1]}; all events but a few lie within {near[0]} x {near[1]}, and those few may be damage."
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
    say = f"events reach x {size[0] - 1}, y {size[1] - 1}, which would take a sensor of {size[0]} x {size[1]} pixels"
    if isolated:
        say += f", but all of them except a few lie within {near[0]} x {near[1]}: those few are probably damage"
    do = "give the size of the sensor with --width and --height, and leave what lies outside of it out with --salvage"
    return InputError(say, path, do)


def checked_size(width: int, height: int, path: Path) -> None:
    """Raise `InputError` for options that are no size of a sensor; both 0: not given."""
    if (width, height) != (0, 0):
        check_sensor_size(width, height, path)


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a file; none for what is no readable file. For `matches`, which raises nothing."""
    try:
        if not path.is_file():  # reading a pipe would wait for ever
            return b""
        with path.open("rb") as file:
            return file.read(count)
    except OSError:
        return b""


def opened_bytes(path: Path) -> np.ndarray:
    """The whole file as bytes, memory-mapped. Raises `InputError` for a folder, an unreadable file and an empty one."""
    if path.is_dir():
        raise InputError("is a folder, not a file", path, "name the file in it")
    try:
        if path.stat().st_size == 0:
            raise InputError("is empty", path, "copy the file again")
        return np.memmap(path, dtype=np.uint8, mode="r")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, "check its permissions") from None
