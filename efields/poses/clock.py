"""Times of poses in any unit: detected by what fits the events and reported, or else asked for."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Literal

import numpy as np
from jaxtyping import Int64

from efields.errors import InputError
from efields.geometry.pose_checks import LATEST_US

Unit = Literal["", "s", "ms", "us", "ns"]
"""Unit of time; empty: to be detected."""

ASK = "give it with --poses-time-unit s, ms, us or ns (supplied.time_unit)"
_IN_US = {"s": Decimal(1_000_000), "ms": Decimal(1000), "us": Decimal(1), "ns": Decimal("0.001")}
_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_WORDS = {"nsec": "ns", "nsecs": "ns", "nanosec": "ns", "nanoseconds": "ns", "usec": "us", "usecs": "us",
          "microseconds": "us", "msec": "ms", "milliseconds": "ms", "sec": "s", "secs": "s", "seconds": "s",
          "ns": "ns", "us": "us", "ms": "ms", "s": "s"}  # fmt: skip
_POSSIBLE_S, _USUAL_S = (1e-5, 100.0), (2e-4, 2.0)
"""Seconds between two poses: from 100 kHz to one in 100 s, and what most files have."""
_SINCE_1970_S = 1e8, 4.2e9
"""Seconds since 1970 from 1973 to 2103."""
_NEAR = 4.0
"""Two units are both plausible where one covers no more than that many times the events that the other does."""


def exact(token: str) -> Decimal:
    """A time as it was written, every digit kept. Raises `ValueError` for what is no finite time."""
    if not abs(float(token)) < 1e30:  # NaN too
        raise ValueError(token)
    try:
        return Decimal(token)
    except InvalidOperation:
        raise ValueError(token) from None


def unit_named(word: str) -> Unit:
    """The unit that a word such as `ns` or `seconds` names; empty for none."""
    return _WORDS.get(word.strip().lower(), "")  # type: ignore[return-value]


def microseconds(
    times: Sequence[Decimal],
    unit: Unit,
    start_us: int,
    end_us: int,
    where: str,
    rows: Sequence[str] = (),
    usual: Unit = "",
) -> tuple[Int64[np.ndarray, " n"], str]:
    """Times as whole microseconds to the nearest, and a sentence on the unit where it had to be found.

    `start_us` and `end_us` span the events in the clock of the poses; `rows` says in messages where each time stands;
    `usual` is the unit of the format, taken where it brings any pose onto the events.
    Raises `InputError` for times beyond `LATEST_US`, and where several units are plausible.
    """
    found = unit or _likely(times, start_us, end_us, usual, where)
    factor = _IN_US[found]
    whole = [int((t * factor).to_integral_value(ROUND_HALF_EVEN)) for t in times]
    far = next((i for i, t in enumerate(whole) if abs(t) > LATEST_US), None)
    if far is not None:
        row = f"{rows[far]}: " if rows else ""
        what = f"{row}the time {times[far]:.6g} is out of range in {_NAMES[found]}"
        raise InputError(what, where, "correct it, or give the unit with --poses-time-unit (supplied.time_unit)")
    first = f"{times[0]:.9f}".rstrip("0").rstrip(".") if len(times) else ""
    said = (
        "" if unit or found == usual else f"Times of the poses are assumed to be {_NAMES[found]}: the first is {first}."
    )
    return np.array(whole, dtype=np.int64), said


def _likely(times: Sequence[Decimal], start_us: int, end_us: int, usual: Unit, where: str) -> Unit:
    """The one unit in which the rate of the poses is plausible and they fit the time of the events."""
    values = np.array([float(t) for t in times])
    steps = np.diff(np.sort(values))
    steps = steps[steps > 0]
    if not len(steps):  # one pose, or one time: which unit does not matter, as that is an error
        return usual or "s"
    step, first, last = float(np.median(steps)), float(values.min()), float(values.max())
    seconds = {unit: float(factor) * 1e-6 for unit, factor in _IN_US.items()}
    possible = [unit for unit in seconds if _POSSIBLE_S[0] <= step * seconds[unit] <= _POSSIBLE_S[1]] or [*seconds]
    share = {unit: _covered(first * seconds[unit], last * seconds[unit], start_us, end_us) for unit in possible}
    if usual and share.get(usual):
        return usual
    if len(values) > 2 and first in (0, 1) and (np.diff(values) == 1).all():
        what = f"its times count {first:g}, {first + 1:g}, {first + 2:g} ...: they seem to be frame numbers"
        raise InputError(what, where, "give times, or their unit with --poses-time-unit s (supplied.time_unit)")
    best = max(share.values())
    near = [unit for unit in possible if share[unit] * _NEAR >= best and share[unit] > 0] or possible
    choices = [unit for unit in near if _USUAL_S[0] <= step * seconds[unit] <= _USUAL_S[1]] or near
    if not best:  # nothing brings them onto the events: dates are told from other times
        dated = [unit for unit in choices if _SINCE_1970_S[0] <= last * seconds[unit] <= _SINCE_1970_S[1]]
        choices = dated or choices
    if len(choices) > 1 and not best:
        what = f"the poses ({first:.6g} to {last:.6g}) cover none of the events ({start_us * 1e-6:.3f} to "
        do = "check that poses and events use the same clock (--time-offset shifts it), or give --poses-time-unit"
        raise InputError(f"{what}{end_us * 1e-6:.3f} s) in any unit", where, do)
    if len(choices) > 1:
        read = " or ".join(f"{first * seconds[u]:.6g} to {last * seconds[u]:.6g} s ({_NAMES[u]})" for u in choices)
        raise InputError(f"times from {times[0]} could be {read}", where, ASK)
    return choices[0]  # type: ignore[return-value]


def _covered(first_s: float, last_s: float, start_us: int, end_us: int) -> float:
    """Share of the events' time that poses cover."""
    both = min(last_s, end_us * 1e-6) - max(first_s, start_us * 1e-6)
    span = (end_us - start_us) * 1e-6
    return max(both, 0.0) / span if span > 0 else float(first_s <= start_us * 1e-6 <= last_s)
