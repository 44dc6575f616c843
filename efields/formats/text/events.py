"""Events as lines of text, chunk by chunk: lines of plain numbers by NumPy alone, all others one by one.

The fast way takes lines whose values are digits, one point in the time at most, and a minus before the polarity; a
block with any other line (comments, exponents, signs, damage) goes the careful way, which finds what is wrong where.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8, UInt64

from efields.errors import InputError
from efields.events.columns import CHUNK, EventColumns, PlacedColumns
from efields.formats.columns.found import Polarities
from efields.formats.columns.fractional_pixels import nearest_pixels
from efields.formats.columns.time_precision import Unwrapped
from efields.formats.damages import Damages
from efields.formats.text.lines import TextLayout, read_lines

BLOCK_BYTES = 1 << 20
"""Bytes parsed together, so that their arrays stay in the cache."""
WORDS = tuple(
    (word, digit)
    for digit, words in ((b"1", (b"true", b"on")), (b"0", (b"false", b"off")))
    for name in words
    for word in (name, name.capitalize(), name.upper())
)
"""Polarities written as words."""

_POWERS = 10 ** np.arange(19, dtype=np.int64)
_OTHER, _BLANK, _DIGIT, _POINT, _MINUS, _SEPARATOR = range(6)
_KIND = np.full(256, _OTHER, dtype=np.uint8)
for _bytes, _kind in ((b" \t\r\n", _BLANK), (b"0123456789", _DIGIT), (b".", _POINT), (b"-", _MINUS)):
    _KIND[list(_bytes)] = _kind


def read_events(path: Path, layout: TextLayout, damages: Damages) -> Iterator[EventColumns]:
    """The events of a text file in its order. A line that is not an event is damage; raises `InputError` naming it."""
    polarities, counter = Polarities(damages), Unwrapped()
    parts: list[EventColumns] = []
    held = 0
    for block, line in _blocks(path, layout, damages):
        block = _without_words(block) if layout.words else block
        columns = (None if layout.fractional else _fast(block, layout)) or read_lines(block, line, layout, damages)
        if layout.power == 0:
            columns = (counter.where_they_turn(columns[0]), *columns[1:])
        part = _checked(columns, polarities, line)
        parts.append(part)
        held += part.count
        if held >= CHUNK:
            yield EventColumns.concat(parts)
            parts, held = [], 0
    if held:
        yield EventColumns.concat(parts)


def _blocks(path: Path, layout: TextLayout, damages: Damages) -> Iterator[tuple[bytes, int]]:
    """Whole lines, about a block at a time, each with the number of its first line."""
    line, rest = layout.skip_lines + 1, b""
    try:
        with path.open("rb") as file:
            file.seek(layout.skip_bytes)
            while read := file.read(BLOCK_BYTES):
                block = rest + read
                cut = block.rfind(b"\n") + 1
                block, rest = block[:cut], block[cut:]
                if block:
                    yield block, line
                    line += block.count(b"\n")
                if len(rest) > BLOCK_BYTES:
                    lost = len(rest) + _past_line(file)
                    damages.found("a line is too long for one event", row=line, lost_bytes=lost)
                    line, rest = line + 1, b""
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, "check its permissions") from None
    if rest:
        yield rest + b"\n", line


def _past_line(file: object) -> int:
    """Bytes skipped up to the end of a line, without holding it."""
    skipped = 0
    while part := file.readline(BLOCK_BYTES):  # type: ignore[attr-defined]
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped


def _without_words(block: bytes) -> bytes:
    for word, digit in WORDS:
        block = block.replace(word, digit)
    return block


def _checked(columns: tuple[np.ndarray, ...], polarities: Polarities, line: int) -> EventColumns:
    t_us, x, y, polarity = columns
    rose, known = polarities.of(polarity, line)
    if x.dtype.kind == "f":
        x, y, on_pixel = nearest_pixels(x, y)
        events: EventColumns = PlacedColumns.at(EventColumns.of(x, y, t_us, rose), on_pixel)
    else:
        events = EventColumns.of(x, y, t_us, rose)
    return events if known is None else events.take(known)


def _fast(block: bytes, layout: TextLayout) -> tuple[np.ndarray, ...] | None:
    """Whole lines to (t_us, x, y, polarity); None when they are not all plain numbers, one line each."""
    # Sixteen bytes on either side let an eight-byte word be read at any digit.
    data = np.frombuffer(b"\n" * 16 + block + b"\n" * 16, dtype=np.uint8)
    table = _KIND.copy()
    table[list(layout.separator)] = _SEPARATOR
    kind = table[data]
    if not kind.all():
        return None
    blank = (kind == _BLANK) | (kind == _SEPARATOR)
    edge = np.flatnonzero(blank[1:] != blank[:-1]) + 1
    start, end = edge[0::2], edge[1::2]
    newline = np.flatnonzero(data == ord("\n"))[15:-16]
    count = len(layout.columns)
    if not _whole_lines(start, end, newline, count):
        return None
    start, end = np.ascontiguousarray(start.reshape(-1, count).T), np.ascontiguousarray(end.reshape(-1, count).T)
    if layout.separator and not _separated(np.flatnonzero(kind == _SEPARATOR), start, end):
        return None
    time, p = layout.place("t"), layout.place("p")
    negative = np.zeros(start.shape[1], dtype=bool)
    minus = np.flatnonzero(kind == _MINUS)
    if len(minus):
        negative = data[start[p]] == ord("-")
        if np.count_nonzero(negative) != len(minus):
            return None
        start[p] += negative
    t_us = _times(data, kind, start[time], end[time], layout.power)
    x, y, polarity = (start[layout.place(name)] for name in "xyp")
    width = [end[layout.place(name)] - start[layout.place(name)] for name in "xyp"]
    if t_us is None or (len(negative) and (max(w.max() for w in width) > 5 or width[2].min() < 1)):
        return None
    x, y, polarity = (_digits(data, at, length) for at, length in zip((x, y, polarity), width, strict=True))
    if max(x.max(initial=0), y.max(initial=0)) > 0xFFFF:
        return None
    return t_us, x, y, np.where(negative, -polarity, polarity)


def _whole_lines(start: np.ndarray, end: np.ndarray, newline: np.ndarray, count: int) -> bool:
    """Whether each line, from one newline to the next, holds `count` values or none."""
    lines = newline[1:]
    if len(start) == count * len(lines) and (end[count - 1 :: count] <= lines).all():
        return bool((start[0::count] > newline[:-1]).all())
    per_line = np.diff(np.searchsorted(start, newline))
    return bool(((per_line == count) | (per_line == 0)).all())


def _separated(at: np.ndarray, start: np.ndarray, end: np.ndarray) -> bool:
    """Whether one separator stands between any two values of a line, and nowhere else."""
    if len(at) != (start.shape[0] - 1) * start.shape[1]:
        return False
    at = at.reshape(start.shape[1], start.shape[0] - 1).T
    return bool(((end[:-1] <= at) & (at < start[1:])).all())


def _times(
    data: UInt8[np.ndarray, " b"], kind: np.ndarray, start: np.ndarray, end: np.ndarray, power: int
) -> Int64[np.ndarray, " n"] | None:
    """Times in whole microseconds, halves rounded up; None when they are not plain or would not fit."""
    point = np.flatnonzero(kind == _POINT)
    if len(point) == 0:
        point = end
    elif len(point) != len(start) or not ((start <= point) & (point < end)).all():
        return None
    whole = point - start
    if len(whole) == 0:
        return np.zeros(0, dtype=np.int64)
    if whole.max() + max(power, -1) > 18 or ((whole == 0) & (end - point <= 1)).any():
        return None
    low = np.minimum(whole, 8)
    units = _digits(data, point - low, low)
    for above in (8, 16):  # Unix time has ten digits in seconds, nineteen in nanoseconds
        if whole.max() > above:
            length = np.clip(whole - above, 0, 8)
            units += _POWERS[above] * _digits(data, point - above - length, length)
    if power < 0:
        if units.min() < 0:  # nineteen digits that do not fit
            return None
        return (units + _POWERS[-power] // 2) // _POWERS[-power]
    # One decimal more than a microsecond has rounds it.
    decimals = np.clip(end - point - 1, 0, power + 1)
    tenths = _digits(data, point + 1, decimals) * _POWERS[power + 1 - decimals]
    return units * _POWERS[power] + (tenths + 5) // 10


def _digits(
    data: UInt8[np.ndarray, " b"], at: Int64[np.ndarray, " n"], length: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Numbers of `length` (0 to 8) ASCII digits that begin at byte `at`.

    Eight bytes are read as one little-endian word, shifted so that the missing leading digits are zeros; digits are
    then joined in pairs, fours and eights by one multiplication each.
    """
    if len(length) and length.max() == length.min() == 1:
        return (data[at] & 0x0F).astype(np.int64)
    words: UInt64[np.ndarray, " w"] = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
    word = words[at] & np.uint64(0x0F0F0F0F0F0F0F0F)
    shift = (8 * (8 - length)).astype(np.uint64)
    word = np.where(length > 0, word << np.minimum(shift, np.uint64(56)), np.uint64(0))  # a shift by 64 is undefined
    for mask, factor, bits in (
        (0x00FF00FF00FF00FF, 10, 8),
        (0x0000FFFF0000FFFF, 100, 16),
        (0x00000000FFFFFFFF, 10_000, 32),
    ):
        word = (word & np.uint64(mask)) * np.uint64(factor) + ((word >> np.uint64(bits)) & np.uint64(mask))
    return word.astype(np.int64)
