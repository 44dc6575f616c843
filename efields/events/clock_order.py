"""The behaviour of a recording's clock: its parts, events far from their neighbours, gaps; and notes on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int64

OnReset = Literal["follow", "first", "last", "longest"]
"""What becomes of the parts between resets of the clock: each follows on the one before, or one alone is kept."""


@dataclass(frozen=True)
class Part:
    """Rows between two resets or wraps of the clock."""

    first: int
    """Its first row."""
    stop: int
    """The row behind its last."""
    shift_us: int = 0
    """What is added to its times, so that it follows on the part before."""
    before_us: int = 0
    """Time, as the file has it, of the events before it."""
    after_us: int = 0
    """Time, as the file has it, of its first event."""
    wrapped: bool = False
    """Whether the counter wrapped, so that the shift is exact; else the clock was reset."""


@dataclass(frozen=True)
class Stray:
    """Rows whose times lie far from those before and behind them."""

    row: int
    """The first of them."""
    count: int
    """How many."""
    by_us: int
    """How far they lie ahead of the others; negative: behind."""


class Gap(NamedTuple):
    """A pause far longer than the others."""

    row: int
    """The first row behind it."""
    start_us: int
    """Time, as the file has it, of the event before it."""
    end_us: int
    """Time, as the file has it, of the event behind it."""


@dataclass(frozen=True)
class Order:
    """What the clock of a recording did."""

    rows: int
    """Events."""
    backwards: int
    """Events earlier than the one before them."""
    furthest_back_us: int
    """How far the furthest of them lies behind the latest event before it, microseconds."""
    parts: tuple[Part, ...]
    """All rows; one part where the clock was neither reset nor wrapped."""
    strays: tuple[Stray, ...] = ()
    """Events far from their neighbours."""
    gaps: tuple[Gap, ...] = ()
    """Long pauses."""

    @property
    def late(self) -> int:
        """Events that go backwards within a part, which are sorted."""
        return self.backwards - (len(self.parts) - 1)

    def shifted(self, t_us: Int64[np.ndarray, " n"], first_row: int = 0) -> Int64[np.ndarray, " n"]:
        """Times of rows from `first_row` on, each with the shift of its part; the same array where none is shifted."""
        last_row = first_row + len(t_us)
        moving = [part for part in self.parts if part.shift_us and part.stop > first_row and part.first < last_row]
        if not moving:
            return t_us
        moved = np.array(t_us)
        for part in moving:
            moved[max(part.first - first_row, 0) : part.stop - first_row] += part.shift_us
        return moved

    def kept(self, on_reset: OnReset) -> slice:
        """The rows that stay: all, or those of one part between resets; a counter that wraps is not a reset."""
        begins = [part.first for part in self.parts if not part.wrapped]
        spans = [slice(first, stop) for first, stop in zip(begins, [*begins[1:], self.rows], strict=True)]
        if on_reset == "longest":
            return max(spans, key=lambda span: span.stop - span.start)
        return {"follow": slice(0, self.rows), "first": spans[0], "last": spans[-1]}[on_reset]

    @property
    def of_parts(self) -> tuple[str, ...]:
        """A sentence on each reset and wrap of the clock."""
        return tuple(_of_part(part) for part in self.parts[1:])

    @property
    def of_strays(self) -> tuple[str, ...]:
        """A sentence on each of the three groups of events furthest from their neighbours, and one on the others."""
        said = [_of_stray(stray) for stray in sorted(self.strays, key=lambda each: -abs(each.by_us))[:3]]
        if len(self.strays) > 3:
            said.append(f"{len(self.strays) - 3:,} more groups of events are far from the surrounding times.")
        return tuple(said)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a user should know, one sentence each; nothing where all is as it should be."""
        said = list(self.of_parts)
        if self.late:
            furthest = f", by at most {self.furthest_back_us * 1e-3:,.3f} ms" if len(self.parts) == 1 else ""
            said.append(f"{self.late:,} of {self.rows:,} events go backwards in time{furthest}; loading sorts them.")
        said += self.of_strays
        if self.gaps:
            longest = max(self.gaps, key=lambda gap: gap.end_us - gap.start_us)
            many = "a gap" if len(self.gaps) == 1 else f"{len(self.gaps)} gaps"
            length_ms = (longest.end_us - longest.start_us) * 1e-3
            said.append(
                f"There are no events at all in {many}, the longest of {length_ms:,.0f} ms "
                f"from {longest.start_us * 1e-6:.6f} s on, before row {longest.row:,}."
            )
        return tuple(said)


def _of_part(part: Part) -> str:
    jump = f"from {part.before_us * 1e-6:.6f} s to {part.after_us * 1e-6:.6f} s in row {part.first:,}"
    if part.wrapped:
        return f"The counter of the clock wrapped ({jump}): its range was added to later times."
    return (
        f"The clock was reset ({jump}) and never came back: later events keep their order in the file, at times that "
        "follow on (option on_reset: first, last or longest keeps only one part)."
    )


def _of_stray(stray: Stray) -> str:
    where = "ahead of" if stray.by_us > 0 else "behind"
    rows = (
        f"The event in row {stray.row:,} is"
        if stray.count == 1
        else f"{stray.count:,} events from row {stray.row:,} on are"
    )
    return f"{rows} {span_said(abs(stray.by_us))} {where} the surrounding times."


def span_said(microseconds: int) -> str:
    """A span of time in words."""
    return f"{microseconds * 1e-6:,.3f} s" if microseconds >= 100_000 else f"{microseconds:,} us"
