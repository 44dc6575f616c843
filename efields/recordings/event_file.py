"""An opened file of events: the content of its header, and its events from start to end in constant memory.

Loaders of event files open them as an `EventFile`; from there one way leads to a `Recording` (`efields.loaders`), to
the facts of `efields info`, and to every writer of `efields convert`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from efields.events.clock import LEAST_RESET_US, Clock
from efields.events.clock_order import OnReset, Order
from efields.events.columns import EventColumns
from efields.events.side_streams import SideStreams
from efields.events.stream import MOST_US, check_sensor_size, far_time, first_far
from efields.formats.damages import Damages
from efields.geometry.camera import Camera


def _same_place(x: int, y: int) -> tuple[int, int]:
    return x, y


def _no_side_streams(damages: Damages) -> SideStreams:
    return SideStreams()


@dataclass(frozen=True)
class EventFile:
    """An event file whose header was read; events are decoded again by each pass."""

    format: str
    """The official name of the format, with its version, such as 'Prophesee EVT 3.0'."""
    path: Path
    """The file that holds the events."""
    width: int
    """Columns of the sensor in pixels."""
    height: int
    """Rows of the sensor in pixels."""
    decode: Callable[[Damages], Iterator[EventColumns]]
    """A pass over the events, in file order, in chunks of about `columns.CHUNK`. Reports everything that is broken to
    the damages, the bytes left over at the end included; raises `InputError` where nothing can be salvaged."""
    side_streams: Callable[[Damages], SideStreams] = _no_side_streams
    """A pass over everything else in the file."""
    camera: Camera | None = None
    """The calibrated camera, where the file holds it."""
    notes: tuple[str, ...] = ()
    """What was assumed on opening, one sentence each."""
    place_in_file: Callable[[int, int], tuple[int, int]] = _same_place
    """Column and row of an event as the file has them; for messages, where the file counts otherwise than we do."""
    size_assumed: bool = False
    """Whether the size of the sensor was not given anywhere, so that it is a guess."""

    def __post_init__(self) -> None:
        if self.width or self.height:  # 0 while the size is being determined
            check_sensor_size(self.width, self.height, self.path)

    def events(self, damages: Damages) -> Iterator[EventColumns]:
        """The events inside the sensor, in file order; those outside are a damage. Times may still go backwards."""
        row = 0
        for chunk in self.decode(damages):
            chunk = _without_far_times(chunk, row, damages)
            inside = (chunk.x < self.width) & (chunk.y < self.height)
            if inside.all():
                yield chunk
            else:
                first = int(np.argmin(inside))
                x, y = self.place_in_file(int(chunk.x[first]), int(chunk.y[first]))
                as_there = "" if self.place_in_file is _same_place else " in the file"
                damages.found(
                    f"an event lies outside the {self.width} x {self.height} sensor"
                    + ("" if damages.salvage else f" (x {x}, y {y}{as_there})"),
                    row=row + first,
                    lost_events=int(np.count_nonzero(~inside)),
                    do="give the size of the sensor (--width, --height), or drop such events with --salvage",
                )
                yield chunk.take(inside)
            row += chunk.count

    def order(self, damages: Damages) -> Order:
        """What the clock of its events does, in the order of the file, found in a pass of its own."""
        clock = Clock()
        for chunk in self.events(damages):
            clock.add(chunk.t_us)
        return clock.order()

    def keeping(self, on_reset: OnReset) -> EventFile:
        """This file with the events of one part alone, where its clock was reset; itself for 'follow'."""
        if on_reset == "follow":
            return self
        return replace(self, decode=lambda damages: _part_of(self, on_reset, damages))


def _without_far_times(chunk: EventColumns, row: int, damages: Damages) -> EventColumns:
    """The events with valid times; others are damage."""
    t_us = chunk.t_us
    first = first_far(t_us)
    if first is None:
        return chunk
    near = (t_us > -MOST_US) & (t_us < MOST_US)
    damages.found(
        "an event's time is invalid" if damages.salvage else far_time(int(t_us[first])),
        row=row + first,
        lost_events=int(np.count_nonzero(~near)),
        do="check the unit of the times, or drop such events with --salvage",
    )
    return chunk.take(near)


def _part_of(file: EventFile, on_reset: OnReset, damages: Damages) -> Iterator[EventColumns]:
    order = file.order(Damages(file.path, damages.salvage))
    rows, row = order.kept(on_reset), 0
    if len(order.parts) > 1:
        damages.left_out(
            f"events of other parts than the {on_reset}, as the clock was reset", order.rows - rows.stop + rows.start
        )
    for chunk in file.events(damages):
        yield chunk.take(slice(max(rows.start - row, 0), max(rows.stop - row, 0)))
        row += chunk.count


@dataclass
class InFileOrder:
    """Iterates over the events of a file in its order, at times that follow on where its clock was reset or wrapped."""

    file: EventFile
    """The file."""
    damages: Damages
    """Where what is broken is reported."""
    order: Order | None = None
    """What its clock did; None as long as no time was far behind the one before."""

    def __iter__(self) -> Iterator[EventColumns]:
        last_us, row = None, 0
        for chunk in self.file.events(self.damages):
            if chunk.count == 0:
                continue
            steps = np.diff(chunk.t_us, prepend=chunk.t_us[0] if last_us is None else last_us)
            if self.order is None and int(steps.min()) < -LEAST_RESET_US:
                self.order = self.file.order(Damages(self.file.path, self.damages.salvage))
            last_us = int(chunk.t_us[-1])
            yield chunk if self.order is None else replace(chunk, t_us=self.order.shifted(chunk.t_us, row))
            row += chunk.count
