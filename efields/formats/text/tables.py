"""Tables of numbers in text files."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.formats.text.events import read_events
from efields.formats.text.lines import TextLayout
from efields.text import decoded


def read_event_text(path: Path, layout: TextLayout | None = None) -> EventColumns:
    """All lines `t x y p`, time in seconds rounded to whole microseconds, or of another layout.

    Raises `InputError` naming the first broken line.
    """
    return EventColumns.concat(list(read_events(path, layout or TextLayout(), Damages(path))))


def read_short_text(path: Path, largest: int) -> str:
    """A text of at most `largest` bytes. Raises `InputError` for a folder, an unreadable or larger file, or no text."""
    if path.is_dir():
        raise InputError("is a folder, not a file", path, "give a file inside it")
    try:
        if path.stat().st_size > largest:
            raise InputError(f"is larger than {largest >> 20} MB", path, "give a file with only the camera or poses")
        text = decoded(path.read_bytes(), path)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path, "check its permissions") from None
    if not text.strip():
        raise InputError("is empty", path, "copy the file again")
    return text


_LONGEST = 1 << 30
"""Bytes of the longest table that is read whole."""


def read_table(path: Path, columns: int, layout: str) -> Float64[np.ndarray, "n columns"]:
    """A table of numbers, `#` comments skipped.

    Raises `InputError` when the file is missing or a line is broken; `layout` names the columns for the message.
    """
    try:
        if path.stat().st_size > _LONGEST:
            raise InputError("is too long for a table of poses or frames", path, f"every line must read '{layout}'")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty file: the caller says what that means
            table = np.loadtxt(io.StringIO(decoded(path.read_bytes(), path)), dtype=np.float64, comments="#", ndmin=2)
    except FileNotFoundError:
        raise InputError("no such file", path, "copy the complete recording again") from None
    except (OSError, ValueError) as error:
        reason = _first_broken_line(path, columns) or str(error)
        raise InputError(f"cannot be read: {reason}", path, f"every line must read '{layout}'") from None
    if table.size == 0:
        return table.reshape(0, columns)
    if table.shape[1] != columns:
        raise InputError(
            f"has {table.shape[1]} values per line, not {columns}", path, f"every line must read '{layout}'"
        )
    return table


def _first_broken_line(path: Path, columns: int) -> str | None:
    """Number and text of the first line that is not `columns` numbers; None when the file itself cannot be read."""
    try:
        with path.open("r", encoding="utf-8-sig", errors="replace") as lines:
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
