"""What the writers of Prophesee's RAW share: the header, triggers among events, and words of time.

A file of EVT holds times from 0 to the range of its counter and goes on for as long as the counter is seen to wrap, so
gaps get words of time in between. A recording that begins later than the counter's range says where in a line `t0` of
the header, as faery does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from efields.atomic import replacing
from efields.errors import InputError
from efields.events.columns import CHUNK, EventColumns
from efields.events.side_streams import Triggers
from efields.formats.about import About

_MOST_PIXELS = 1 << 11
_SHIFT = "shift the times with --from-zero"
_MOST_GAP_US = 1 << 41


class Items(NamedTuple):
    """Events and triggers in order of time, microseconds since the file's zero."""

    t: np.ndarray
    """int64."""
    x: np.ndarray
    """uint32; 0 for triggers."""
    y: np.ndarray
    """uint32; 0 for triggers."""
    on: np.ndarray
    """uint32: 1 for ON, and for a rising edge."""
    trigger: np.ndarray
    """bool."""


@dataclass(frozen=True)
class Evt:
    """One version of the format."""

    version: str
    """As the header says it."""
    name: str
    """As `format` says it."""
    upper_shift: int
    """Bits of time that are not in the upper part."""
    upper_bits: int
    """Bits of the upper part."""
    encode: Callable[[Items, np.ndarray], np.ndarray]
    """Items of consecutive words, and a state of 4 numbers that is -1 before the first, to words."""
    gap_word: Callable[[np.ndarray], np.ndarray]
    """Upper parts of time to the words that say them."""

    def write(self, events: Iterator[EventColumns], path: Path, about: About) -> int:
        """Write a whole file; see `efields.writers`."""
        if max(about.width, about.height) > _MOST_PIXELS:
            raise InputError(
                f"EVT {self.version} can store sensors of up to {_MOST_PIXELS} pixels a side, not {about.width} x "
                f"{about.height}",
                path,
                "crop the recording, or write another format",
            )
        triggers = about.side.triggers or Triggers(np.zeros(0, np.int64), np.zeros(0, bool))
        order = np.argsort(triggers.t_us, kind="stable")
        triggers = Triggers(triggers.t_us[order], triggers.rising[order])
        chunks = (part for chunk in events for part in _short(chunk))
        first = next(chunks, None)
        starts = [int(t[0]) for t in (triggers.t_us, [] if first is None else first.t_us) if len(t)]
        start = min(starts, default=0)
        if start < 0:
            raise InputError(f"EVT {self.version} cannot store times before 0, such as {start:,} us", path, _SHIFT)
        reach = 1 << (self.upper_shift + self.upper_bits)
        t0 = start // reach * reach
        written = 0
        with replacing(path) as temporary, temporary.open("wb") as file:
            file.write(self._header(about, t0))
            state, upper, done = np.full(4, -1, np.int64), -1, 0
            while first is not None:
                until = done + int(np.searchsorted(triggers.t_us[done:], first.t_us[-1], "right"))
                items = _merged(first, triggers, slice(done, until), t0)
                upper = self._write(items, state, upper, file, path)
                written, done, first = written + first.count, until, next(chunks, None)
            if done < len(triggers):
                items = _merged(EventColumns.concat([]), triggers, slice(done, None), t0)
                self._write(items, state, upper, file, path)
        return written

    def _header(self, about: About, t0: int) -> bytes:
        lines = [
            f"evt {self.version}",
            f"format {self.name};height={about.height};width={about.width}",
            f"geometry {about.width}x{about.height}",
            *([f"t0 {t0}"] if t0 else []),
            "end",
        ]
        return "".join(f"% {line}\n" for line in lines).encode("ascii")

    def _write(self, items: Items, state: np.ndarray, upper: int, file: BinaryIO, path: Path) -> int:
        """Encode and write, with words of time in gaps that readers could miss a wrap in."""
        uppers = items.t >> self.upper_shift
        steps = np.diff(uppers, prepend=upper if upper >= 0 else uppers[:1])
        if len(steps) and int(steps.max()) << self.upper_shift > _MOST_GAP_US:
            raise InputError(
                f"has a gap of {int(steps.max() << self.upper_shift) / 1e6:,.0f} s between events, more than EVT "
                f"{self.version} can represent",
                path,
                "cut the recording there",
            )
        begin, wraps = 0, np.diff(uppers >> self.upper_bits, prepend=uppers[:1] - steps[:1] >> self.upper_bits) > 0
        for at in [*np.flatnonzero((steps > self._quarter) | (wraps & (steps > 1))).tolist(), len(steps)]:
            file.write(self.encode(Items(*(column[begin:at] for column in items)), state).tobytes())
            if at < len(steps):
                file.write(self.gap_word(self._between(int(uppers[at] - steps[at]), int(uppers[at]))).tobytes())
            begin = at
        return int(uppers[-1])

    @property
    def _quarter(self) -> int:
        return 1 << (self.upper_bits - 2)

    def _between(self, before: int, after: int) -> np.ndarray:
        """Upper parts of time to write in between, so that every reader counts the wraps.

        Some take any large fall for a wrap, some only that from all ones to zero, as a camera's counter does it.
        """
        zeros = np.arange((before >> self.upper_bits) + 1, (after >> self.upper_bits) + 1) << self.upper_bits
        steps = np.arange(before + self._quarter, after, self._quarter)
        words = np.unique(np.concatenate([steps, zeros - 1, zeros]))
        return words[(words > before) & (words < after)]


def _short(chunk: EventColumns) -> Iterator[EventColumns]:
    """Pieces of at most `CHUNK` events; none of no events."""
    for first in range(0, chunk.count, CHUNK):
        yield chunk.take(slice(first, first + CHUNK))


def _merged(events: EventColumns, triggers: Triggers, which: slice, t0: int) -> Items:
    """Events, and triggers behind the events of the same time."""
    edge, rising = triggers.t_us[which], triggers.rising[which]
    zeros = np.zeros(len(edge), np.uint32)
    items = Items(
        np.concatenate([events.t_us, edge]) - t0,
        np.concatenate([events.x.astype(np.uint32), zeros]),
        np.concatenate([events.y.astype(np.uint32), zeros]),
        np.concatenate([events.polarity, rising]).astype(np.uint32),
        np.arange(events.count + len(edge)) >= events.count,
    )
    if not len(edge):
        return items
    order = np.argsort(items.t, kind="stable")
    return Items(*(column[order] for column in items))
