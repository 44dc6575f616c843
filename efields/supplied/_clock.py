"""Times of poses in whatever unit they were written: found by their size, and said."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Literal

import numpy as np
from jaxtyping import Int64

from efields.errors import InputError

Unit = Literal["", "s", "ms", "us", "ns"]
"""Unit of time; empty: to be found."""

_IN_US = {"s": Decimal(1_000_000), "ms": Decimal(1000), "us": Decimal(1), "ns": Decimal("0.001")}
_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_STEPS_S = 1e-5, 5.0
"""Seconds between two poses that can be: 100 kHz to one in five seconds."""
_EPOCH = {"s": 1e8, "us": 1e14, "ns": 1e17}
"""Least times since 1970 in each unit that are after 1973; below them a unit's times count from elsewhere."""


def exact(token: str) -> Decimal:
    """A time as it was written, every digit kept. Raises `ValueError` for what is no time."""
    if not abs(float(token)) < 1e19:  # NaN too
        raise ValueError(token)
    try:
        return Decimal(token)
    except InvalidOperation:
        raise ValueError(token) from None


def unit_in(header: str) -> Unit:
    """The unit that a line of column names gives to the time, such as `#timestamp [ns]`; empty for none."""
    first = re.split(r"[,;]|\s+(?=[pqtx]_?[a-z])", header.strip().lstrip("#").strip())[0]
    found = re.search(r"(?:\[|\(|_|\b)(ns|us|ms|s|nsec|usec|sec)(?:\]|\)|\b)", first)
    return {"nsec": "ns", "usec": "us", "sec": "s"}.get(found[1], found[1]) if found else ""  # type: ignore[return-value]


def microseconds(
    times: list[Decimal], unit: Unit, start_us: int, end_us: int, where: str
) -> tuple[Int64[np.ndarray, " n"], str]:
    """Times as whole microseconds to the nearest, and a sentence on the unit where it had to be found.

    `start_us` and `end_us` span the events in the clock of the poses.
    Raises `InputError` for times that 63 bits of microseconds cannot hold.
    """
    found = unit or _likely(np.array([float(t) for t in times]), start_us, end_us)
    factor = _IN_US[found]
    whole = [int((t * factor).to_integral_value(ROUND_HALF_EVEN)) for t in times]
    if max(map(abs, whole), default=0) >= 1 << 62:
        raise InputError(f"times in {_NAMES[found]} are out of range", where, "say their unit: supplied.time_unit")
    said = "" if unit else f"Times of the poses are taken for {_NAMES[found]}: the first is {times[0]}."
    return np.array(whole, dtype=np.int64), said


def _likely(times: np.ndarray, start_us: int, end_us: int) -> Unit:
    """The unit in which poses come at a rate that can be, and their time fits that of the events best."""
    steps = np.diff(np.sort(times))
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    first, last = float(times.min()), float(times.max())
    fits: dict[Unit, float] = {}
    for unit in ("s", "us", "ns"):
        factor = float(_IN_US[unit])
        if not _STEPS_S[0] <= step * factor * 1e-6 <= _STEPS_S[1]:
            continue
        both = min(last * factor, end_us) - max(first * factor, start_us)
        either = max(last * factor, end_us) - min(first * factor, start_us)
        fits[unit] = max(both, 0.0) / either if either > 0 else 0.0
    if any(fits.values()):
        return max(fits.items(), key=lambda fit: fit[1])[0]
    # No unit brings them onto the events: by size alone, so that the message on that can name seconds.
    since_1970: tuple[Unit, ...] = ("ns", "us", "s")
    for unit in since_1970:
        if last >= _EPOCH[unit]:
            return unit
    return next(iter(fits)) if fits else "s"
