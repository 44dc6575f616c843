"""From an opened event file to a recording: all chunks gathered, checked, sorted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from efields import scratch
from efields.errors import InputError
from efields.event_file import Damages, EventFile
from efields.events.columns import EventColumns
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.recording import Recording

SENSORS = ((34, 34), (128, 128), (240, 180), (320, 240), (304, 240), (346, 260), (640, 480), (1280, 720))
"""Sizes of sensors that are sold or that data sets use, smallest first: columns, rows."""


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
    )


def gathered(file: EventFile, damages: Damages) -> EventStream:
    """All events of a file in order of time. Raises `InputError` when there is none."""
    columns = _gathered_columns(file.events(damages))
    if columns.count == 0:
        raise InputError("holds no events", file.path, "choose a recording that does")
    return EventStream.from_arrays(*columns, file.width, file.height, where=str(file.path))


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
    for chunk in itertools.chain(held, chunks):
        for column, values in zip(columns, chunk, strict=True):
            column.append(values)
    return EventColumns(*(column.array() for column in columns))


def least_sensor(file: EventFile, path: Path) -> tuple[int, int, str]:
    """The smallest known sensor that holds all events, and a note; their own extent where none does."""
    columns = rows = 0
    for part in file.decode(Damages(path, salvage=True)):
        if part.count:
            columns, rows = max(columns, int(part.x.max()) + 1), max(rows, int(part.y.max()) + 1)
    width, height = next(((w, h) for w, h in SENSORS if w >= columns and h >= rows), (columns, rows))
    say = f"The size of the sensor is not in the file: {width} x {height} taken, as events fill {columns} x {rows}."
    return width, height, say


def checked_size(width: int, height: int, path: Path) -> None:
    """Raise `InputError` for options that are no size of a sensor: both 0 (not given), or both from 1 to 65536."""
    if (width, height) != (0, 0) and not (1 <= width <= 1 << 16 and 1 <= height <= 1 << 16):
        raise InputError(
            f"a sensor of {width} x {height} pixels", path, "give width and height, 1 to 65536, or neither"
        )


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a file; none for what is no readable file. For `matches`, which raises nothing."""
    try:
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
