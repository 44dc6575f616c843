"""Chunks of events in order of time, in constant memory, from a file whose times occasionally go backwards."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from efields.events.clock_order import span_said
from efields.events.columns import CHUNK, EventColumns, in_chunks

WINDOW = 1 << 22
"""Events that are held back, 55 MB: one that comes this late still finds its place."""


class Lost(Protocol):
    """What is told of events that cannot be put in order (`efields.recordings.event_file.Damages.found` is one)."""

    def __call__(self, what: str, *, row: int | None, lost_events: int, do: str) -> None:
        """Raise `InputError`, or count the events and return."""
        ...


@dataclass
class InOrder:
    """Iterates over the events of `chunks` in order of time; events of one time stay in their order.

    An event that belongs before others that have been handed over already, because it comes more than `window` events
    late, goes to `lost`: an error that says by how much time goes back, or a count of what is dropped.
    """

    chunks: Iterator[EventColumns]
    """Events in the order of the file."""
    lost: Lost
    """Called for events that come too late."""
    window: int = WINDOW
    """Events held back."""
    backwards: int = 0
    """Events earlier than the one before them in the file, so far."""
    _row: int = field(default=0, repr=False)
    _newest_us: int | None = field(default=None, repr=False)
    _handed_us: int | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[EventColumns]:
        held: deque[EventColumns] = deque()
        count = 0
        for chunk in self.chunks:
            for part in in_chunks(self._not_late(chunk), CHUNK):
                count += part.count
                _put(held, part)
            while held and count - held[0].count >= self.window:
                part = held.popleft()
                count -= part.count
                self._handed_us = int(part.t_us[-1])
                yield part
        while held:  # each is let go before the next is asked for
            yield held.popleft()

    def _not_late(self, chunk: EventColumns) -> EventColumns:
        """The events of the next chunk for which there still is a place; counts those that go backwards."""
        if chunk.count == 0:
            return chunk
        before = chunk.t_us[0] if self._newest_us is None else self._newest_us
        self.backwards += int(chunk.t_us[0] < before) + int(np.count_nonzero(chunk.t_us[1:] < chunk.t_us[:-1]))
        self._newest_us = int(chunk.t_us[-1])
        row, self._row = self._row, self._row + chunk.count
        if self._handed_us is None or int(chunk.t_us.min()) >= self._handed_us:
            return chunk
        late = chunk.t_us < self._handed_us
        first = int(np.argmax(late))
        back_us = self._handed_us - int(chunk.t_us[late].min())
        self.lost(
            f"time goes back further than a buffer of {self.window:,} events can sort",
            row=row + first,
            lost_events=int(np.count_nonzero(late)),
            do=f"by {span_said(back_us)} here: sort all in memory with --sort, or drop such events with --salvage",
        )
        return chunk.take(~late)


def sorted_whole(chunks: Iterator[EventColumns]) -> Iterator[EventColumns]:
    """All events in order of time, gathered in memory (some 40 bytes an event); events of one time keep their order."""
    columns = EventColumns.concat(list(chunks))
    if (columns.t_us[1:] < columns.t_us[:-1]).any():
        columns = columns.take(np.argsort(columns.t_us, kind="stable"))
    yield from in_chunks(columns)


def _put(held: deque[EventColumns], part: EventColumns) -> None:
    """Append a part, first merged with those at the end that it overlaps in time."""
    in_order = bool((part.t_us[1:] >= part.t_us[:-1]).all())
    oldest_us = int(part.t_us.min())
    if in_order and (not held or held[-1].t_us[-1] <= oldest_us):
        held.append(part)
        return
    overlapping = [part]
    while held and held[-1].t_us[-1] > oldest_us:
        overlapping.insert(0, held.pop())
    merged = EventColumns.concat(overlapping)
    held.extend(in_chunks(merged.take(np.argsort(merged.t_us, kind="stable"))))
