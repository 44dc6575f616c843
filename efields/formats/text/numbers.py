"""Numbers of a text that contains nothing else, in rows: matrices as NumPy, MATLAB and spreadsheets write them."""

from __future__ import annotations

import math
import re
from pathlib import Path

from efields.errors import InputError

Rows = list[list[float]]
"""Numbers, a list for each row."""

_COMMENT = re.compile(r"(?:#|%|//).*")
_WRAPPED = re.compile(
    r"\A(?:(?:np|numpy)\.)?(?:array|asarray|matrix|mat)?\s*\((.*?)(?:,\s*dtype\s*=\s*[\w.]+)?\s*\)\Z", re.S
)
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?")


def number_rows(text: str, where: str | Path) -> Rows | None:
    """The rows of a text of numbers alone, between commas, blanks, semicolons and brackets; None for any other text.

    A line, a semicolon and a closing bracket end a row; comments (`#`, `%`, `//`) are left out. Raises `InputError` for
    numbers that are written with decimal commas.
    """
    plain = "\n".join(_COMMENT.sub("", line) for line in text.removeprefix("\ufeff").splitlines()).strip()
    wrapped = _WRAPPED.match(plain)
    plain = wrapped[1] if wrapped else plain
    check_decimal_points(plain, where)
    joined = plain if "[" not in plain else plain.replace("\n", " ")
    lines = re.split(r"[\n;\])}]", re.sub(r"[\[({]", " ", joined))
    try:
        rows = [[float(word) for word in re.split(r"[,\s]+", line) if word] for line in lines]
    except ValueError:
        return None
    rows = [row for row in rows if row]
    return rows if rows and all(math.isfinite(value) for row in rows for value in row) else None


def check_decimal_points(text: str, where: str | Path) -> None:
    """Raise `InputError` where every comma of a text stands inside a number, as in `110,5; 64,0`."""
    words = re.split(r"[;\s]+", text.strip().strip("[]();"))
    if len(words) > 1 and all(_DECIMAL_COMMA.fullmatch(word) or word.isdigit() for word in words):
        commas = sum("," in word for word in words)
        if commas > 1 and commas * 2 > len(words):
            raise InputError(f"writes numbers with decimal commas ('{words[0]}')", where, "write decimal points")


def shape_of(rows: Rows) -> str:
    """Words for how many numbers stand in how many rows, and what has that shape."""
    lengths = {len(row) for row in rows}
    total = sum(map(len, rows))
    if len(rows) == 1:
        known = {9: "a 3x3 matrix", 12: "a 3x4 matrix", 16: "a 4x4 matrix"}.get(total, "")
        return f"{total} numbers" + (f" ({known} in a row)" if known else "")
    if len(lengths) > 1:
        return f"{total} numbers in {len(rows)} rows of unequal length"
    return f"{total} numbers in {len(rows)} rows of {lengths.pop()}"
