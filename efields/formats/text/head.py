"""The first lines of a text file of events: comments, size of the sensor, names of columns, and what the values are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.formats.columns.found import checked_columns, named, order_of, possible_orders
from efields.formats.columns.fractional_pixels import NOTE, are_fractional
from efields.formats.columns.size_in_words import SizeInWords
from efields.formats.columns.time_precision import Unwrapped, check_some_time_passes, precision_notes
from efields.formats.columns.time_unit import UNITS, WORDS_OF_UNIT, TimeUnit, said_unit, unit_in_words, unit_of
from efields.formats.text.events import WORDS
from efields.formats.text.lines import COMMENTS, TextLayout

SEPARATORS = {"space": b"", "tab": b"", "comma": b",", "semicolon": b";"}
"""What may stand between values, by name."""

_SAMPLE_BYTES = 1 << 18
_SAMPLE_LINES = 4000
_ENOUGH = 20
"""Lines that tell events between pixels from other tables of four numbers."""
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DIGIT_OF_WORD = dict(WORDS)


@dataclass(frozen=True)
class TextHead:
    """What was found in the first lines."""

    layout: TextLayout
    """Columns, unit and separator, and where events begin."""
    width: int
    """Columns of the sensor, 0 where the file does not say."""
    height: int
    """Rows of the sensor."""
    notes: tuple[str, ...]
    """What was detected, in one sentence."""


@dataclass
class _Lines:
    """The first lines, taken apart."""

    rows: list[list[bytes]]
    separator: bytes
    names: list[bytes]
    size: tuple[int, int]
    """From a line of two numbers."""
    comments: SizeInWords
    unit: str
    """From a comment."""
    skip_lines: int
    skip_bytes: int
    words: bool


def read_head(path: Path, columns: str, time_unit: TimeUnit, separator: str) -> TextHead:
    """Determine the content of a text file; options that are not empty override detection.

    Raises `InputError` where it holds no table, or the values leave open what they are.
    """
    lines = _first_lines(_sample(path), SEPARATORS.get(separator))
    if not lines.rows:
        raise InputError("contains no lines of numbers", path, "each must contain x, y, time and polarity")
    count = len(lines.rows[0])
    sample = _numbers(lines.rows)
    by_name = _named(lines.names, count)
    if columns:
        order = checked_columns(columns, count, path)
    elif by_name is not None:
        order = tuple(name for name, _ in by_name)
    else:
        order = order_of(sample, path, tuple(_decimals(lines.rows, at) > 0 for at in range(count)))
    at = order.index("t")
    t = Unwrapped().where_they_turn(_column(lines.rows, at, sample))
    check_some_time_passes(t, path)
    named_unit = "" if by_name is None else "".join(said for _, said in by_name)
    named_unit = named_unit or lines.unit
    unit = time_unit if time_unit != "auto" else named_unit or unit_of(t, path, decimals=_decimals(lines.rows, at))
    fractional = are_fractional([sample[:, order.index(name)] for name in "xy"])
    skipped = lines.skip_lines, lines.skip_bytes
    layout = TextLayout(order, UNITS[unit], lines.separator, *skipped, lines.words, fractional)
    between = {b"": "blanks", b",": "commas", b";": "semicolons"}[lines.separator]
    named_in_file = by_name is not None and not columns
    told = "given" if columns and time_unit != "auto" else "named in the file" if named_in_file else "found"
    note = f"Columns {told}: {' '.join(order)}, times in {WORDS_OF_UNIT[unit]}, separated by {between}."
    found = () if time_unit != "auto" or named_unit else (said_unit(unit, t),)
    of_comments = () if lines.size[0] or not lines.comments.size[0] else (_size_note(lines.comments.size),)
    notes = (note, *found, *precision_notes(t, unit), *((NOTE,) if fractional else ()), *of_comments)
    return TextHead(layout, *(lines.size if lines.size[0] else lines.comments.size), notes=notes)


def _size_note(size: tuple[int, int]) -> str:
    return f"According to its comments, the sensor has {size[0]} x {size[1]} pixels."


def looks_like_events(path: Path) -> bool:
    """Whether the first lines could be events, by names or by values."""
    try:
        with path.open("rb") as file:
            head = file.read(1 << 14)
    except OSError:
        return False
    cut = head.rfind(b"\n") + 1 or len(head)
    lines = _first_lines(head[:cut] if len(head) == 1 << 14 else head, None)
    if not lines.rows:
        return False
    sample = _numbers(lines.rows)
    if _named(lines.names, len(lines.rows[0])) is not None or possible_orders(sample):
        return True
    return len(sample) >= _ENOUGH and bool(possible_orders(sample, fractional=True))


def _sample(path: Path) -> bytes:
    """The first whole lines. Raises `InputError` for what is no readable file of text."""
    if path.is_dir():
        raise InputError("is a folder, not a file", path, "give a file inside it")
    try:
        with path.open("rb") as file:
            head = file.read(_SAMPLE_BYTES)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, "check its permissions") from None
    if not head:
        raise InputError("is empty", path, "copy the file again")
    return head if len(head) < _SAMPLE_BYTES else head[: head.rfind(b"\n") + 1]


def _first_lines(head: bytes, separator: bytes | None) -> _Lines:
    """Take the first lines apart; lines that do not fit the first line of events are left to the reader to find."""
    lines = _Lines([], b"", [], (0, 0), SizeInWords(), "", 0, 0, words=False)
    for raw in _split(head):
        text = raw.strip()
        is_comment = text.startswith(COMMENTS)
        if is_comment:
            text = text.lstrip(b"#%/").strip()
            lines.unit = lines.unit or unit_in_words(text)
        between = separator if separator is not None else b"," if b"," in text else b";" if b";" in text else b""
        words = [word.strip() for word in text.split(between or None)]
        numbers = [_DIGIT_OF_WORD.get(word, word) for word in words]
        if lines.rows:
            fits = not is_comment and len(words) == len(lines.rows[0]) and between == lines.separator
            if fits and all(_NUMBER.fullmatch(word) for word in numbers):
                lines.rows.append(numbers)
                lines.words |= numbers != words
            if len(lines.rows) >= _SAMPLE_LINES:
                break
            continue
        are_numbers = not is_comment and bool(words) and all(_NUMBER.fullmatch(word) for word in numbers)
        if are_numbers and len(words) >= 4:
            lines.rows.append(numbers)
            lines.separator, lines.words = between, numbers != words
            continue
        if are_numbers and len(words) == 2 and all(word.isdigit() and 0 < int(word) <= 1 << 16 for word in words):
            lines.size = int(words[0]), int(words[1])
        elif _named(words, len(words)) is not None:
            lines.names = words
        elif not lines.comments.add(text) and text and not is_comment:
            break  # no header that anybody writes
        lines.skip_lines += 1
        lines.skip_bytes += len(raw)
    return lines


def _split(head: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(head):
        end = head.find(b"\n", at) + 1 or len(head)
        yield head[at:end]
        at = end


def _named(words: list[bytes], count: int) -> list[tuple[str, str]] | None:
    """Columns and units that a header names; None unless it names x, y, time and polarity once each."""
    if len(words) != count or count < 4:
        return None
    found = [named(word.decode("utf-8", "replace")) or ("-", "") for word in words]
    return found if sorted(name for name, _ in found if name != "-") == sorted("txyp") else None


def _numbers(rows: list[list[bytes]]) -> np.ndarray:
    return np.array([[float(word) for word in row] for row in rows], dtype=np.float64)


def _column(rows: list[list[bytes]], at: int, sample: np.ndarray) -> np.ndarray:
    """One column, as whole numbers where all of it is."""
    words = [row[at] for row in rows]
    if all(word.isdigit() and len(word) <= 18 for word in words):
        return np.array([int(word) for word in words], dtype=np.int64)
    return sample[:, at]


def _decimals(rows: list[list[bytes]], at: int) -> int:
    """Digits behind the point of a column: 0.000000 is a time in seconds as much as 0.000251."""
    plain = (row[at] for row in rows if b"e" not in row[at].lower())
    return max((len(word.partition(b".")[2]) for word in plain), default=0)
