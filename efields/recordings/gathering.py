"""From an opened event file to a recording: all chunks gathered, checked, sorted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from efields.errors import InputError
from efields.events import scratch
from efields.events.columns import EventColumns, PlacedColumns
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.formats.damages import Damages
from efields.recordings.event_file import EventFile
from efields.recordings.recording import Recording


def recording_of(file: EventFile, salvage: bool = False, sensor: Sensor | None = None) -> Recording:
    """The whole content of `file`.

    Raises `InputError` for damage, unless `salvage`, which leaves out damaged parts and notes what was lost.
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
        raise InputError("contains no events", file.path, "choose a recording with events")
    on_pixel = columns.on_pixel if isinstance(columns, PlacedColumns) else None
    return EventStream.from_arrays(
        *columns, width=file.width, height=file.height, where=str(file.path), on_pixel=on_pixel
    )


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
