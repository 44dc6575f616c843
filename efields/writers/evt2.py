"""Prophesee RAW with words of EVT 2.0 (see `efields/formats/evt/evt2.py`): one word for each event.

Frames and IMU do not fit in; triggers get channel 0.
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


def write(events: Iterator[EventColumns], path: Path, about: About) -> int:
    """Write sorted events; gives their number. Raises `InputError` for more than 2048 pixels and negative times."""
    return _EVT2.write(events, path, about)


def _encode(items: Items, state: np.ndarray) -> np.ndarray:
    """Each item as one word or two: upper time where it changes, and the event or trigger."""
    if not len(items.t):
        return np.zeros(0, "<u4")
    upper = items.t >> 6
    words = np.empty((len(upper), 2), "<u4")
    words[:, 0] = _gap_word(upper)
    kind = np.where(items.trigger, np.uint32(0xA), items.on) << np.uint32(28)
    low = (items.t & 63).astype(np.uint32) << np.uint32(22)
    words[:, 1] = kind | low | np.where(items.trigger, items.on, items.x << np.uint32(11) | items.y)
    kept = np.stack([np.diff(upper, prepend=state[0]) != 0, np.ones(len(upper), bool)], axis=1)
    state[0] = upper[-1]
    return words[kept]


def _gap_word(upper: np.ndarray) -> np.ndarray:
    return (0x80000000 | (upper & 0xFFFFFFF)).astype("<u4")


_EVT2 = Evt("2.0", "EVT2", 6, 28, _encode, _gap_word)
