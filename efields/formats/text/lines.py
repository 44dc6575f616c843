"""Lines of text that hold an event each: their layout, and the careful way to read them, which says what is wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from efields.errors import InputError
from efields.events.stream import MOST_US, far_time
from efields.formats.damages import Damages

COMMENTS = (b"#", b"%", b"//")
"""What begins a line that holds no event."""


@dataclass(frozen=True)
class TextLayout:
    """What the lines of a file hold."""

    columns: tuple[str, ...] = ("t", "x", "y", "p")
    """What each value of a line is: t, x, y and p once each, "-" for what is left out."""
    power: int = 6
    """The unit of time is 10**power microseconds: 6 seconds, 3 milliseconds, 0 microseconds, -3 nanoseconds."""
    separator: bytes = b""
    """Between two values: comma or semicolon; empty for blanks and tabs."""
    skip_lines: int = 0
    """Lines of the header."""
    skip_bytes: int = 0
    """Bytes of the header."""
    words: bool = False
    """Whether polarities are words (true, false, on, off)."""
    fractional: bool = False
    """Whether events lie between pixels."""

    def place(self, name: str) -> int:
        """Where in a line a column stands."""
        return self.columns.index(name)


def read_lines(block: bytes, first_line: int, layout: TextLayout, damages: Damages) -> tuple[np.ndarray, ...]:
    """Whole lines, one by one, to (t_us, x, y, polarity). A line that is not an event is a damage."""
    times: list[int] = []
    others: list[tuple[float, float, int]] = []
    for number, raw in enumerate(block[:-1].split(b"\n"), start=first_line):
        text = raw.strip()
        for comment in COMMENTS:
            text = text.partition(comment)[0]
        words = text.split(layout.separator or None)
        if text.strip() == b"":
            continue
        if len(words) != len(layout.columns):
            wrong = f"{len(words)} values, not the {len(layout.columns)} of {layout_words(layout)}"
            _lost(f"line {number:,} holds {wrong} ('{_shown(text)}')", damages)
            continue
        try:
            t_us, *place = _row(words, layout)
        except (ValueError, OverflowError) as far:
            said = f": {far}" if isinstance(far, OverflowError) else f" is '{_shown(text)}'"
            _lost(f"cannot be read: line {number:,}{said}", damages)
            continue
        times.append(t_us)
        others.append(tuple(place))  # type: ignore[arg-type]
    kind = np.float64 if layout.fractional else np.int64
    return np.array(times, dtype=np.int64), *np.array(others, dtype=kind).reshape(-1, 3).T


def layout_words(layout: TextLayout) -> str:
    """The columns of a layout as a user writes them."""
    return f"'{' '.join(layout.columns)}'"


def _lost(what: str, damages: Damages) -> None:
    if not damages.salvage:
        raise InputError(what, damages.path, "correct or delete that line, or drop such lines with --salvage")
    damages.found("a line is not an event", lost_events=1)


def _row(words: list[bytes], layout: TextLayout) -> tuple[int, float, float, int]:
    """Time in microseconds, x, y and polarity of one line. Raises `ValueError` for what does not fit."""
    x, y, polarity = (_number(words[layout.place(name)]) for name in "xyp")
    whole = polarity == int(polarity) and (layout.fractional or (x == int(x) and y == int(y)))
    if not (whole and min(x, y) >= -0.5 and max(x, y) <= 0xFFFF and abs(polarity) < 100):
        raise ValueError
    _number(word := words[layout.place("t")])  # of Python's own grammar
    t_us = Decimal(word.strip().decode("ascii")).scaleb(layout.power).to_integral_value(ROUND_HALF_UP)
    if not abs(t_us) < MOST_US:
        raise OverflowError(far_time(int(t_us)))
    return int(t_us), x, y, int(polarity)


def _number(word: bytes) -> int | float:
    text = word.strip().decode("ascii")
    if "_" in text:  # Python's own grammar only
        raise ValueError
    try:
        return int(text)
    except ValueError:
        value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _shown(text: bytes) -> str:
    return text[:60].decode("ascii", "replace").strip()
