"""Prophesee RAW with words of EVT 3.0 (see `efields/formats/evt/evt3.py`), one word of x for each event.

Events of a row that a camera would put in a vector are written one by one, so that they keep their order. Frames and
IMU do not fit in; triggers get channel 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from efields.events.columns import EventColumns
from efields.formats.about import About
from efields.formats.evt.writing import Evt, Items

SUFFIX = ".raw"
STORES_SIZE = True

_UPPER, _LOWER, _ROW = range(3)


def write(events: Iterator[EventColumns], path: Path, about: About) -> int:
    """Write sorted events; gives their number. Raises `InputError` for more than 2048 pixels and negative times."""
    return _EVT3.write(events, path, about)


def _encode(items: Items, state: np.ndarray) -> np.ndarray:
    """Each item as up to four words: upper time, lower time, row, and x or the trigger."""
    if not len(items.t):
        return np.zeros(0, "<u2")
    upper, lower = items.t >> 12, items.t & 0xFFF
    new_upper = np.diff(upper, prepend=state[_UPPER]) != 0
    new_lower = new_upper | (np.diff(lower, prepend=state[_LOWER]) != 0)
    # A trigger has no row, and leaves that of the events before it.
    event = ~items.trigger
    rows = items.y[event].astype(np.int64)
    new_row = np.zeros(len(event), bool)
    new_row[event] = np.diff(rows, prepend=state[_ROW]) != 0
    words = np.empty((len(event), 4), "<u2")
    words[:, 0] = 0x8000 | (upper & 0xFFF)
    words[:, 1] = 0x6000 | lower
    words[:, 2] = items.y
    words[:, 3] = np.where(items.trigger, 0xA000 | items.on, 0x2000 | items.on << 11 | items.x)
    kept = np.stack([new_upper, new_lower, new_row, np.ones(len(event), bool)], axis=1)
    state[_UPPER], state[_LOWER] = upper[-1], lower[-1]
    if len(rows):
        state[_ROW] = rows[-1]
    return words[kept]


def _gap_word(upper: np.ndarray) -> np.ndarray:
    return (0x8000 | (upper & 0xFFF)).astype("<u2")


_EVT3 = Evt("3.0", "EVT3", 12, 12, _encode, _gap_word)
