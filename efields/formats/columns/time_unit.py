"""The unit of a file's times: from names, options or values, or an error that lists the possible readings.

Values say it by the rate of events that each unit would mean, and by how fine they are: cameras count microseconds, so
that times in nanoseconds are mostly whole thousands, and times in milliseconds have three decimals.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64

from efields.errors import InputError

TimeUnit = Literal["auto", "s", "ms", "us", "ns"]
"""The option of loaders; "auto": detected."""
UNITS: dict[str, int] = {"s": 6, "ms": 3, "us": 0, "ns": -3}
"""Powers of ten of a unit of time in microseconds."""
WORDS_OF_UNIT: dict[str, str] = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
"""Units in full."""
UNIT_WORDS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("us", "usec", "µs", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), "ns"),
}
"""What units are called in names of columns."""

_RATES = 0.01, 3e8
"""Mean events a second that a recording can have."""
_USUAL = 200.0, 5e7
"""Mean events a second of nearly every recording."""
_SURELY_NS = 1e5
"""Events a second in nanoseconds from which whole thousands, few at a time, are a camera's microseconds."""
FEW = 100
"""Events below which their rate says nothing."""


def unit_of(t: np.ndarray, path: Path, *, decimals: int = 0) -> str:
    """The unit of these times, which follow each other in the file; `decimals`: digits written behind the point.

    Raises `InputError` that shows what each unit would mean where the values leave it open.
    """
    t = np.asarray(t)
    t = t[np.isfinite(t)] if t.dtype.kind == "f" else t
    if len(t) == 0:
        return "us"
    greatest, steps = float(np.abs(t).max()), np.diff(t.astype(np.float64))
    # Where a clock was reset, its jump back is not a time that passed.
    span = min(float(t.max()) - float(t.min()), float(steps[steps > 0].sum()))
    not_whole = t.dtype.kind == "f" and bool((t != np.rint(t)).any())
    fractional = not_whole or (decimals > 0 and (len(t) < FEW or span < len(t)))
    rates = {unit: len(t) / (span * 10.0 ** (power - 6)) if span else 0.0 for unit, power in UNITS.items()}
    absolute = since_1970(greatest, fractional)
    if absolute and (absolute != "ms" or span == 0 or _RATES[0] <= rates["ms"] <= _RATES[1]):
        return absolute
    if len(t) < FEW or span == 0:
        whole_ns = not fractional and len(t) >= 8 and span > 0 and bool((t % 1000 == 0).all())
        return "s" if fractional else "ns" if whole_ns and greatest >= 1e6 else "us"
    choices = _of_fractions(t.astype(np.float64), rates, decimals) if fractional else _of_whole_numbers(t, rates)
    if len(choices) == 1:
        return choices[0]
    readings = " or ".join(_reading(unit, len(t), span, rates[unit]) for unit in choices or UNITS)
    flags = " or ".join(f"--time-unit {unit}" for unit in choices or UNITS)
    raise InputError(f"times could be in {readings}", path, f"choose with {flags}")


def unit_in_words(line: bytes) -> str:
    """The unit that a comment gives to the times, as in `# timestamps in microseconds`; empty where none or several."""
    text = line.decode("utf-8", "replace").lower()
    if not re.search(r"\b(?:time|times|timestamps?|t|units?|time[_ -]?unit)\b", text):
        return ""
    found = {UNIT_WORDS[word] for word in re.findall(r"[a-zµ]+", text) if word in UNIT_WORDS and word != "s"}
    return found.pop() if len(found) == 1 else ""


def said_unit(unit: str, t: np.ndarray) -> str:
    """A sentence on a unit that was found from these values."""
    span = (float(np.max(t)) - float(np.min(t))) * 10.0 ** (UNITS[unit] - 6) if len(t) else 0.0
    rate = f" ({_per_second(len(t) / span)} events a second)" if span > 0 else ""
    return f"Times are assumed to be in {WORDS_OF_UNIT[unit]}, from their values{rate}; --time-unit changes this."


def since_1970(greatest: float, fractional: bool) -> str | None:
    """The unit in which the latest time lies in 2001 to 2065; None where there is none."""
    units = [unit for unit, power in UNITS.items() if 1e9 <= greatest * 10.0 ** (power - 6) < 3e9]
    return next((unit for unit in units if fractional or unit != "s"), None)


def _of_whole_numbers(t: np.ndarray, rates: dict[str, float]) -> list[str]:
    """Units that whole numbers may be in: microseconds at a usual rate, else all that are possible."""
    if bool((t % 1000 == 0).all()):  # a camera's microseconds in nanoseconds, or milliseconds in microseconds
        if len(np.unique(t)) >= len(t) // 4 and _SURELY_NS <= rates["ns"] <= _RATES[1]:
            return ["ns"]
        return _possible(("us", "ns"), rates)
    if _USUAL[0] <= rates["us"] <= _USUAL[1]:
        return ["us"]
    return _possible(("us", "ns") if rates["us"] < _USUAL[0] else ("us", "ms"), rates)


def _of_fractions(t: Float64[np.ndarray, " n"], rates: dict[str, float], decimals: int) -> list[str]:
    """Units that numbers with decimals may be in: seconds, unless they would be coarse or rare."""
    thousandths = t * 1000
    if decimals > 4 or bool(
        (np.abs(thousandths - np.rint(thousandths)) > 1e-3).any()
    ):  # finer than a millisecond in seconds
        return ["s"] if 1.0 <= rates["s"] <= _RATES[1] else _possible(("s", "ms", "us"), rates)
    crowded = len(np.unique(t)) < len(t) // 4 and rates["ms"] > _USUAL[1]  # many at a time: steps of a simulation
    if crowded:
        return ["s"]
    return ["ms"] if rates["s"] < 1.0 <= rates["ms"] else _possible(("s", "ms"), rates)


def _possible(units: tuple[str, ...], rates: dict[str, float]) -> list[str]:
    return [unit for unit in units if _RATES[0] <= rates[unit] <= _RATES[1]]


def _per_second(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _reading(unit: str, count: int, span: float, rate: float) -> str:
    seconds = span * 10.0 ** (UNITS[unit] - 6)
    return f"{WORDS_OF_UNIT[unit]} ({count:,} events in {seconds:,.4g} s, {_per_second(rate)} a second)"
