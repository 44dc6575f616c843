"""Timestamps that lost their precision before they were saved: too few bits or digits, or an overflowed counter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Int64

from efields.errors import InputError
from efields.formats.columns.time_unit import UNITS, since_1970

_WRAP = 1 << 32
_LEAST = 100
"""Events below which it says nothing that many have one time."""
_LOST = 100
"""Events at one time, about, from which times of too few bits are of no use."""
_CROWDED = 4
"""Events at one time, about, from which the step between times is told."""


def check_some_time_passes(t: np.ndarray, path: Path) -> None:
    """Raise `InputError` for times that are nearly all alike, as they come of too few bits or digits.

    `t`: the first times of a file, as it has them.
    """
    t = t[np.isfinite(t)] if t.dtype.kind == "f" else t
    if len(t) < _LEAST:
        return
    times, greatest = np.unique(t), float(np.abs(t.astype(np.float64)).max())
    if greatest == 0:
        return
    if step := _float32_step(t, times):
        if len(t) >= _LOST * len(times):
            unit = since_1970(greatest, fractional=True)
            step_there = f"{step:g}{f' {unit}' if unit else ''} at {greatest:.4g}"
            bits = 8 * min(t.dtype.itemsize, 4)
            alike = "the same time" if len(times) == 1 else f"only {len(times):,} times"
            what = f"{len(t):,} events have {alike}: a {bits}-bit float holds steps of {step_there}, so they are lost"
            raise InputError(
                what, path, "save them again as 64-bit floats or integers, or relative to the first of them"
            )
    elif len(times) == 1:
        do = "save the times again with all their digits, in 64 bits"
        raise InputError(f"{len(t):,} events have the same time, {times[0]}: the times are lost", path, do)


def precision_notes(t: np.ndarray, unit: str) -> tuple[str, ...]:
    """A sentence if many of these first times are equal: the order of their events is then unknown."""
    t = t[np.isfinite(t)] if t.dtype.kind == "f" else t
    times = np.unique(t)
    if len(t) < _LEAST or len(times) < 2 or len(t) < _CROWDED * len(times):
        return ()
    step_s = float(np.diff(times.astype(np.float64)).min()) * 10.0 ** (UNITS[unit] - 6)
    by_float = bool(_float32_step(t, times))
    if not by_float and (step_s < 1e-5 or len(t) < _LOST * len(times)):
        return ()
    why = ", as 32-bit floats resolve no finer ones there" if by_float else ""
    return (f"Times come in steps of {step_s * 1e3:.3g} ms, with {len(t) / len(times):.0f} events each{why}.",)


def _float32_step(t: np.ndarray, times: np.ndarray) -> float:
    """The step of a 32-bit float at the greatest of these times, where all are such floats and no finer; else 0."""
    short = times.astype(np.float16 if t.dtype.itemsize == 2 else np.float32)
    if t.dtype.kind != "f" or (short.astype(times.dtype) != times).any():
        return 0.0
    step = float(np.spacing(np.abs(short).max()))
    gaps = np.diff(times.astype(np.float64))
    # Whole numbers up to 2^24 are such floats too, and lost nothing.
    lost = t.dtype.itemsize <= 4 or step >= 2.0 or bool((times != np.rint(times)).any())
    return step if lost and (len(gaps) == 0 or gaps.min() <= 2 * step) else 0.0


class Unwrapped:
    """Counters of 32 bits that go on past their end, block after block: a step back by more than half is a turn."""

    def __init__(self) -> None:
        self._turns = 0
        self._last: int | None = None
        self._counts = True

    def where_they_turn(self, t: np.ndarray) -> np.ndarray:
        """The same times, without turns where they have 32 bits, or are such numbers below 0 in a wider type.

        Only a counter of 32 bits with a sign goes below 0 by so much: times in wider types stay as they are otherwise.
        """
        if len(t) == 0 or (t.dtype.kind == "f" and not np.isfinite(t).all()):
            return t
        low, high = t.min(), t.max()
        self._counts &= bool(low >= -_WRAP // 2 and high < (_WRAP if t.dtype == np.uint32 else _WRAP // 2))
        narrow = t.dtype.kind in "iu" and t.dtype.itemsize == 4
        if not self._counts or not (narrow or self._turns or float(high) - float(low) >= _WRAP // 2):
            self._last = int(t[-1])
            return t
        return self.of(np.rint(t).astype(np.int64) if t.dtype.kind == "f" else t.astype(np.int64))

    def of(self, t: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """The times without turns."""
        if len(t) == 0:
            return t
        before = int(t[0]) if self._last is None else self._last
        if max(before, int(t.max())) - min(before, int(t.min())) < _WRAP // 2:  # as nearly always: no turn in here
            self._last = int(t[-1])
            return t + self._turns * _WRAP if self._turns else t
        steps = np.diff(t, prepend=before)
        turns = np.cumsum((steps < -_WRAP // 2).astype(np.int64) - (steps > _WRAP // 2)) + self._turns
        # Late events of before a turn follow it; a step up before the first turn is a gap.
        turns -= np.minimum(np.minimum.accumulate(turns), 0)
        self._last, self._turns = int(t[-1]), int(turns[-1])
        return t + turns * _WRAP
