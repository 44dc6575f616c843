"""Poses as rows of text: their lines, how columns are divided, and the line of names over them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.formats.text.numbers import check_decimal_points
from efields.formats.text.tables import read_short_text

_LARGEST = 256 << 20


@dataclass(frozen=True)
class TextRows:
    """Rows of values that are not read yet."""

    path: Path
    """Where they are from."""
    rows: list[list[str]]
    """Values of each row."""
    labels: list[str]
    """Where each row stands, such as `line 3`."""
    header: str = ""
    """The line of names over the rows; empty for none."""
    comments: tuple[str, ...] = ()
    """Comments before the rows, which may name the columns or be about anything."""
    commas: bool = False
    """Whether commas or semicolons divide the columns."""


def read_rows(path: Path) -> TextRows:
    """The rows of a text or a .npy file. Raises `InputError` for what is neither, or holds no rows."""
    if path.suffix.lower() == ".npy":
        return _of_array(path)
    header, divider, comments, rows, labels = "", "", [], [], []
    for number, line in enumerate(read_short_text(path, _LARGEST).removeprefix("\ufeff").splitlines(), start=1):
        plain = line.strip()
        if plain[:1] in ("#", "%") or plain[:2] == "//":
            comments += [] if rows else [plain]
            continue
        plain = re.split(r"\s[#%]", plain.lstrip("[({ ").rstrip("[](){},; ").replace('"', ""))[0].strip()
        if not plain:
            continue
        if not rows and _is_name(plain):
            header = plain
            continue
        if not rows:
            check_decimal_points(plain, path)
            divider = next((mark for mark in ";," if mark in plain), "")
        words = [word.strip() for word in plain.split(divider)] if divider else plain.split()
        if "" in words[:-1]:
            raise InputError(f"line {number} leaves a column empty ('{plain[:60]}')", path, "fill or delete that line")
        rows.append(words if words[-1] else words[:-1])
        labels.append(f"line {number}")
    if not rows:
        raise InputError("contains no poses", path, "every line must read 't px py pz qx qy qz qw'")
    return TextRows(path, rows, labels, header, tuple(comments), bool(divider))


def _is_name(line: str) -> bool:
    word = re.split(r"[,;\s]+", line.lstrip(",; "))[0]
    return word[:1].isalpha() and word.lower() not in ("nan", "inf", "infinity")


def _of_array(path: Path) -> TextRows:
    """Rows of an array of poses: [n, k], [n, 3, 4] or [n, 4, 4]."""
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
        if array.dtype.kind not in "fiu" or array.ndim not in (2, 3) or not array.size or array.nbytes > _LARGEST:
            raise ValueError(f"an array of {array.shape}, {array.dtype}")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"is not readable as poses ({error})", path, "save numbers of [n, 8] or [n, 4, 4]") from None
    flat = array.reshape(len(array), -1)
    return TextRows(path, [[repr(v) for v in row] for row in flat.tolist()], [f"row {i}" for i in range(len(flat))])
