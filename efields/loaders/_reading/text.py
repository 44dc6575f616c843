"""Tables of numbers in text files; event lists are parsed in NumPy alone, about ten million lines in two seconds."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8, UInt64

from efields.errors import InputError
from efields.events.stream import seconds_to_us

_BLOCK_BYTES = 1 << 20  # so that a block's arrays stay in the cache
_POWERS = 10 ** np.arange(8, dtype=np.int64)


@dataclass(frozen=True)
class EventColumns:
    """The four columns of an event text file, unchecked."""

    t_us: Int64[np.ndarray, " n"]
    """Absolute time in whole microseconds."""
    x: Int64[np.ndarray, " n"]
    """Column, pixels."""
    y: Int64[np.ndarray, " n"]
    """Row, pixels."""
    polarity: Int64[np.ndarray, " n"]
    """As written: {0, 1} or {-1, 1}."""


def read_event_text(path: Path) -> EventColumns:
    """Lines `t x y p`, time in seconds rounded to whole microseconds.

    Plain decimals take a vectorised path; signs, exponents and comments the general reader.
    Raises `InputError` naming the first broken line.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    line, rest = 1, b""
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                block = rest + block
                cut = block.rfind(b"\n") + 1
                block, rest = block[:cut], block[cut:]
                columns = _parse_block(block, line, path)
                if columns is None or len(rest) > _BLOCK_BYTES // 4:  # not lines of plain decimals
                    return _read_general(path)
                parts.append(columns)
                line += block.count(b"\n")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path) from None
    columns = _parse_block(rest + b"\n", line, path)
    if columns is None:
        return _read_general(path)
    parts.append(columns)
    return EventColumns(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _parse_block(block: bytes, first_line: int, path: Path) -> tuple[np.ndarray, ...] | None:
    """Whole lines to (t_us, x, y, polarity); None when they are not plain decimals with one point, in the time."""
    # Sixteen bytes on either side let an eight-byte word be read at any digit.
    data = np.frombuffer(b"\n" * 16 + block + b"\n" * 16, dtype=np.uint8)
    blank = (data == ord(" ")) | (data == ord("\n")) | (data == ord("\r")) | (data == ord("\t"))
    is_point = data == ord(".")
    if not (blank | is_point | ((data - np.uint8(ord("0"))) < 10)).all():  # unsigned: what lies below "0" wraps round
        return None
    edge = np.flatnonzero(blank[1:] != blank[:-1]) + 1
    start, end = edge[0::2], edge[1::2]
    newline = np.flatnonzero(data == ord("\n"))
    _check_lines(start, end, newline[15:-16], block, first_line, path)
    start, end = np.ascontiguousarray(start.reshape(-1, 4).T), np.ascontiguousarray(end.reshape(-1, 4).T)
    point = np.flatnonzero(is_point)
    if len(point) != start.shape[1] or not ((start[0] <= point) & (point < end[0])).all():
        return None
    whole, width = point - start[0], end - start
    if len(point) and (whole.max() > 16 or width[1:].max() > 8):
        return None
    low = np.minimum(whole, 8)
    seconds = _digits(data, point - low, low)
    if len(point) and whole.max() > 8:  # Unix time
        seconds += 10**8 * _digits(data, start[0], whole - low)
    decimals = np.minimum(end[0] - point - 1, 7)
    tenths = _digits(data, point + 1, decimals) * _POWERS[7 - decimals]
    t_us = seconds * 1_000_000 + (tenths + 5) // 10  # the seventh decimal rounds the sixth
    x, y, polarity = (_digits(data, start[c], width[c]) for c in (1, 2, 3))
    return t_us, x, y, polarity


def _check_lines(
    start: Int64[np.ndarray, " v"],
    end: Int64[np.ndarray, " v"],
    newline: Int64[np.ndarray, " l"],
    block: bytes,
    first_line: int,
    path: Path,
) -> None:
    """Raise `InputError` unless each line, from one newline to the next, holds four values or none."""
    lines = newline[1:]
    if len(start) == 4 * len(lines) and (end[3::4] <= lines).all() and (start[0::4] > newline[:-1]).all():
        return
    per_line = np.diff(np.searchsorted(start, newline))
    broken = np.flatnonzero((per_line != 4) & (per_line != 0))
    if len(broken):
        number = int(broken[0])
        text = block.split(b"\n", number + 1)[number].decode("ascii", "replace").strip()
        raise InputError(
            f"line {first_line + number} holds {per_line[number]} values, not the four of 't x y p' ('{text[:60]}')",
            path,
            "mend or delete that line",
        )


def _digits(
    data: UInt8[np.ndarray, " b"], at: Int64[np.ndarray, " n"], length: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """Numbers of `length` (0 to 8) ASCII digits that begin at byte `at`.

    Eight bytes are read as one little-endian word, shifted so that the missing leading digits are zeros; digits are
    then joined in pairs, fours and eights by one multiplication each.
    """
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


def _read_general(path: Path) -> EventColumns:
    table = read_table(path, 4, "t x y p")
    whole = np.rint(table[:, 1:])
    odd: Bool[np.ndarray, " n"] = (whole != table[:, 1:]).any(axis=1) | ~np.isfinite(table).all(axis=1)
    if odd.any():
        raise InputError(
            f"{int(odd.sum())} events hold a time that is not finite, or a pixel or polarity that is not whole",
            path,
            "write lines 't x y p' with raw pixels",
        )
    x, y, polarity = whole.astype(np.int64).T
    return EventColumns(seconds_to_us(table[:, 0]), x, y, polarity)


def read_table(path: Path, columns: int, layout: str) -> Float64[np.ndarray, "n columns"]:
    """A table of numbers, `#` comments skipped.

    Raises `InputError` when the file is missing or a line is broken; `layout` names the columns for the message.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty file: the caller says what that means
            table = np.loadtxt(path, dtype=np.float64, comments="#", ndmin=2)
    except FileNotFoundError:
        raise InputError("no such file", path, "copy the recording again, whole") from None
    except (OSError, ValueError) as error:
        reason = _first_broken_line(path, columns) or str(error)
        raise InputError(f"cannot be read: {reason}", path, f"every line must read '{layout}'") from None
    if table.size == 0:
        return table.reshape(0, columns)
    if table.shape[1] != columns:
        raise InputError(f"has {table.shape[1]} values a line, not {columns}", path, f"every line must read '{layout}'")
    return table


def _first_broken_line(path: Path, columns: int) -> str | None:
    """Number and text of the first line that is not `columns` numbers; None when the file itself cannot be read."""
    try:
        with path.open("r", encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                words = line.partition("#")[0].split()
                try:
                    fits = len([float(word) for word in words]) in (0, columns)
                except ValueError:
                    fits = False
                if not fits:
                    return f"line {number} is '{line.strip()[:60]}'"
    except OSError:
        pass
    return None
