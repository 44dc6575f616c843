"""Text, one event per line: `t x y p`, the time in seconds with six decimals (exact), polarity 1 up and 0 down.

The layout of the Event Camera Dataset. The size of the sensor is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from efields.atomic import replacing
from efields.errors import InputError
from efields.events.columns import EventColumns, in_chunks
from efields.formats.about import About

SUFFIX = ".txt"
STORES_SIZE = False

_PART = 1 << 16  # lines made together, so that their bytes stay in the cache


def write(events: Iterator[EventColumns], path: Path, about: About) -> int:
    """Write the events; gives their number. Raises `InputError` for times before 0 and a place that cannot be written.

    Frames, IMU samples and the size of the sensor are left out.
    """
    count = 0
    with replacing(path) as temporary, temporary.open("wb") as file:
        for chunk in events:
            if chunk.count and int(chunk.t_us.min()) < 0:
                raise InputError(
                    "events before time 0 cannot be written as text", path, "shift the times with --from-zero"
                )
            for part in in_chunks(chunk, _PART):
                file.write(_lines(part))
            count += chunk.count
    return count


def _lines(events: EventColumns) -> bytes:
    """Lines of these events, all digits at once: leading zeros are dropped from a table of characters."""
    seconds, micros = np.divmod(events.t_us, 1_000_000)
    blank = np.full((events.count, 1), ord(" "), dtype=np.uint8)
    point = np.full((events.count, 1), ord("."), dtype=np.uint8)
    pieces, kept = [], []
    for numbers, width, shown in (
        (seconds, 0, None),
        (point, 1, True),
        (micros, 6, True),
        (blank, 1, True),
        (events.x, 0, None),
        (blank, 1, True),
        (events.y, 0, None),
        (blank, 1, True),
        (events.polarity, 1, True),
        (np.full_like(blank, ord("\n")), 1, True),
    ):
        letters = numbers if numbers.ndim == 2 else _letters(numbers.astype(np.int64), width)
        pieces.append(letters)
        kept.append(np.ones(letters.shape, dtype=bool) if shown else _significant(letters))
    return np.concatenate(pieces, axis=1)[np.concatenate(kept, axis=1)].tobytes()


def _letters(numbers: Int64[np.ndarray, " n"], width: int) -> UInt8[np.ndarray, "n d"]:
    """Decimal digits as ASCII, with leading zeros; 0 digits: as many as the greatest number has."""
    width = width or len(str(int(numbers.max())))
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)


def _significant(letters: UInt8[np.ndarray, "n d"]) -> np.ndarray:
    """Which digits are no leading zeros; the last always counts."""
    kept = np.logical_or.accumulate(letters != ord("0"), axis=1)
    kept[:, -1] = True
    return kept
