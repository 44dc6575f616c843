"""The clock of a recording: where it was reset or wrapped, and events whose times are far from their neighbours'.

Times are looked at in the order of the file, in one pass and constant memory. A large step back is one of three things.
Events come late: soon after, the times go on where they were. Events lie ahead: the times before them go on behind
them. Or the clock went back and stays there: it was reset, or its counter wrapped, which shows in times that go on once
the range of the counter is added. Late events and those ahead are sorted; what follows a reset has its place by the
order of the file alone.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Int64

from efields.events.clock_order import Gap, Order, Part, Stray

LEAST_RESET_US = 10_000
"""Shorter steps are never looked at."""
_GAP_US = 50_000
"""Shorter pauses are not gaps."""
_RHYTHM = 20
"""So many long pauses, with more of the time in them than between, are how a recording goes, as of sampled frames."""
_MOST_STEPS = 4096
"""Steps that are remembered; where there are more, only longer ones count."""
_FEW = 10
"""Fewer events than this at the end of a recording are late, however far they go back."""
_FARTHEST_US = 1 << 61
"""Times are moved by less: those of garbage are sorted, wherever they lie."""
_MOST_RESETS = 16
"""A recording with more is one whose events come in no order."""
_USUAL = 20
"""Pauses of that many times the mean are long."""
_AHEAD = 64
"""Stretches that are looked at, to either side, to see whether the time goes on where it was."""
_RANGES_US = (*(1 << bits for bits in (23, 24, 30, 31, 32, 34, 40)), (1 << 31) // 1000, (1 << 32) // 1000)
"""Ranges of counters that wrap, in microseconds; the last two count nanoseconds."""
_USUAL_RANGES_US = (1 << 24, 1 << 31, 1 << 32)
"""Those of the formats that most files are of."""


@dataclass(frozen=True)
class _Stretch:
    """Rows without a large step."""

    first: int
    stop: int
    start_us: int
    end_us: int


@dataclass
class Clock:
    """Looks at times as they come, and says at the end what it found."""

    rows: int = 0
    """Times so far."""
    backwards: int = 0
    """Events earlier than the one before them, so far."""
    furthest_back_us: int = 0
    """How far the furthest of them lies behind the latest event before it, microseconds."""
    _limit_us: int = LEAST_RESET_US
    _steps: list[tuple[int, int, int]] = field(default_factory=list)
    """Row, time before and time of each large step."""
    _small_us: int = 0
    _small: int = 0
    _first_us: int = 0
    _last_us: int = 0
    _latest_us: int = 0

    def add(self, t_us: Int64[np.ndarray, " n"]) -> None:
        """Look at the times of the next events, in the order of the file."""
        if len(t_us) == 0:
            return
        if self.rows == 0:
            self._first_us = self._last_us = self._latest_us = int(t_us[0])
            self._small = -1  # there is no pause before the first
        steps = np.diff(t_us, prepend=self._last_us)
        lowest, highest = int(steps.min()), int(steps.max())
        if lowest < 0 or self._last_us < self._latest_us:
            self.backwards += int(np.count_nonzero(steps < 0))
            latest = np.maximum.accumulate(np.concatenate([[self._latest_us], t_us]))
            self.furthest_back_us = max(self.furthest_back_us, int((latest[1:] - t_us).max()))
            self._latest_us = int(latest[-1])
        else:
            self._latest_us = int(t_us[-1])
        if max(highest, -lowest) > self._limit_us:
            steps = self._without_large(t_us, steps)
        self._small += len(steps)
        self._small_us += int(np.abs(steps).sum() if lowest < 0 else steps.sum())
        self.rows += len(t_us)
        self._last_us = int(t_us[-1])

    def _without_large(self, t_us: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Remember the large steps, and return the others."""
        large = np.flatnonzero(np.abs(steps) > self._limit_us)
        others = [np.delete(steps, large)]
        for first in range(0, len(large), _MOST_STEPS):
            some = large[first : first + _MOST_STEPS]
            still = np.abs(steps[some]) > self._limit_us
            others.append(steps[some[~still]])
            for at in some[still].tolist():
                self._steps.append((self.rows + at, int(t_us[at] - steps[at]), int(t_us[at])))
            while len(self._steps) > _MOST_STEPS:
                self._limit_us *= 2
                short = [after - before for _, before, after in self._steps if abs(after - before) <= self._limit_us]
                self._steps = [step for step in self._steps if abs(step[2] - step[1]) > self._limit_us]
                others.append(np.array(short, dtype=np.int64))
        return np.concatenate(others)

    @property
    def usual_us(self) -> float:
        """Mean pause between two events, without the large ones where these are few; else the median of those."""
        if 2 * self._small >= self.rows or not self._steps:
            return self._small_us / max(self._small, 1)
        return float(np.median([abs(after - before) for _, before, after in self._steps]))

    def order(self) -> Order:
        """What was found in all times so far."""
        limit = max(self._limit_us, round(_USUAL * self.usual_us))
        stretches = self._stretches(limit)
        parts, strays, gaps = [Part(0, self.rows)], [], []
        line: list[_Stretch] = []  # what is in order since the last reset
        at = shift = 0
        while at < len(stretches):
            here = stretches[at]
            if not line or here.start_us >= line[-1].end_us - limit:
                line.append(here)
            elif again := _goes_on(stretches, at, line[-1].end_us, limit):
                count = stretches[again - 1].stop - here.first
                strays.append(Stray(here.first, count, here.start_us - line[-1].end_us))
                at = again
                continue
            elif keep := _went_on(line, here, limit):
                strays.append(
                    Stray(line[keep].first, here.first - line[keep].first, line[keep].start_us - here.start_us)
                )
                line = [*line[:keep], here]
            elif (part := self._part(line, here, shift, limit)) is not None:
                gaps += _gaps(line, limit)
                shift, line = part.shift_us, [here]
                parts[-1] = replace(parts[-1], stop=here.first)
                parts.append(part)
            at += 1
        gaps += _gaps(line, limit)
        if len(gaps) >= _RHYTHM and sum(gap.end_us - gap.start_us for gap in gaps) > self._small_us:
            gaps = []
        if sum(not part.wrapped for part in parts) > _MOST_RESETS:
            parts, strays = [Part(0, self.rows)], []
        return Order(self.rows, self.backwards, self.furthest_back_us, tuple(parts), tuple(strays), tuple(gaps))

    def _stretches(self, limit: int) -> list[_Stretch]:
        steps = [step for step in self._steps if abs(step[2] - step[1]) > limit]
        rows = [0, *(row for row, _, _ in steps), self.rows]
        starts = [self._first_us, *(after for _, _, after in steps)]
        ends = [*(before for _, before, _ in steps), self._last_us]
        return [each for each in map(_Stretch, rows[:-1], rows[1:], starts, ends) if each.stop > each.first]

    def _part(self, line: list[_Stretch], here: _Stretch, shift: int, limit: int) -> Part | None:
        """The part of the recording that begins with a stretch; None where few events tell of it."""
        end_us = line[-1].end_us
        wrap = _range_wrapped(end_us, here.start_us, limit)
        if wrap is not None and shift + wrap < _FARTHEST_US:
            return Part(here.first, self.rows, shift + wrap, end_us, here.start_us, True)
        within = here.start_us >= line[0].start_us
        if self.rows - here.first < min(_FEW, here.first + 1) or (within and here.first - line[0].first < _FEW):
            return None
        shift += end_us + max(1, round(self.usual_us)) - here.start_us
        return Part(here.first, self.rows, shift, end_us, here.start_us) if shift < _FARTHEST_US else None


def _range_wrapped(end_us: int, start_us: int, limit: int) -> int | None:
    """The range of the counter that wrapped between two times; None where none did.

    The time goes on at once, or the usual counters are near their end before and near their beginning behind.
    """
    for range_us in _RANGES_US:
        pause, near = start_us + range_us - end_us, range_us >> 5
        usual = range_us in _USUAL_RANGES_US and range_us - near < end_us < range_us and 0 <= start_us < near
        if 0 <= pause <= (near if usual else limit):
            return range_us
    return None


def _goes_on(stretches: list[_Stretch], at: int, end_us: int, limit: int) -> int | None:
    """The stretch behind `at` with which the time goes on from `end_us`; None where it does not."""
    back = end_us - stretches[at].start_us
    for again in range(at + 1, min(at + 1 + _AHEAD, len(stretches))):
        forward = stretches[again].start_us - stretches[again - 1].end_us  # a mere gap is not a way back
        if -limit <= stretches[again].start_us - end_us <= max(limit, back // 4) and 2 * forward >= back:
            return again
    return None


def _went_on(line: list[_Stretch], here: _Stretch, limit: int) -> int | None:
    """How many stretches of the line a stretch goes on from, where those behind them lie ahead; None where none."""
    for keep in range(len(line) - 1, max(len(line) - _AHEAD, 0), -1):
        near = max(limit, (line[keep].start_us - here.start_us) // 4)
        forward = line[keep].start_us - line[keep - 1].end_us  # a mere gap is not a way ahead
        back = line[-1].end_us - here.start_us
        if -limit <= here.start_us - line[keep - 1].end_us <= near and 2 * forward >= back:
            return keep
    return None


def _gaps(line: list[_Stretch], limit: int) -> list[Gap]:
    return [
        Gap(behind.first, before.end_us, behind.start_us)
        for before, behind in itertools.pairwise(line)
        if behind.start_us - before.end_us > max(_GAP_US, limit)
    ]
