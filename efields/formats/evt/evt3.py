"""EVT 3.0 words to events: the decoder of Prophesee's files and of the ROS messages that carry the same words.

A word has 16 bits, little endian, its type in the upper four (Prophesee, "EVT 3.0 format"):

    0  row: bits 0-10 y                          6  lower 12 bits of the time, microseconds
    2  one event: bits 0-10 x, bit 11 polarity   8  upper 12 bits of the time
    3  base of vectors: as 2, no event           A  trigger: bits 8-11 channel, bit 0 rising
    4  vector: bit i is an event at base + i, i < 12; the base then moves on by 12
    5  vector of 8 likewise                      7, E, F  other messages and their continuation, left out

Row, base and time stay as they are until a word changes them. The counter of 24 bits wraps each 16.8 seconds; an upper
part that falls by half of its range or more has wrapped. A change of the upper part sets the lower to zero, as
Prophesee's own decoder does. Events before the first time and the first row cannot be placed and are counted.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Int64

from efields.events.columns import EventColumns
from efields.formats.blank import runs_of
from efields.formats.decode_kernels import Decoded
from efields.formats.evt.decoder import UNKNOWN, UNPLACED, EvtDecoder

HALF_RANGE = 1 << 11
"""Fall of the upper 12 bits that is a wrap."""
_ROWS = 4
"""Rows behind each other, without an event in between, that no camera writes."""
MOST = 0xFFFF
"""Columns end here: a base that no file sets cannot overflow."""
UPPER, LOWER, ROW, LOOPS, BASE, BASE_ON = range(2, 8)
"""Places in the state that is carried from word to word, -1 where nothing was read yet."""

_PLACED = np.isin(np.arange(16), [2, 4, 5])
_BITS = np.arange(4096)[:, None] >> np.arange(12) & 1
_COUNT = _BITS.sum(1)
_OFFSET = np.argsort(1 - _BITS, axis=1, kind="stable")


class Evt3Decoder(EvtDecoder):
    """Decodes words piece by piece; row, base and time carry on from piece to piece."""

    KERNEL = "evt3"
    WORD = np.dtype("<u2")
    TIMED = (6, 8, 10)
    KNOWN = np.isin(np.arange(16), [0, 2, 3, 4, 5, 6, 7, 8, 10, 14, 15])
    UPPER = (0, 12)
    START = (0, 0, -1, 0, -1, 0, 0, 0)
    REPEATED: ClassVar[dict[int, int]] = {0: 3, 2: 8, 3: 3}

    @classmethod
    def blocks(cls, words: np.ndarray) -> Bool[np.ndarray, " n"] | None:
        """As for all words; and rows behind rows, as cameras name those alone in which something fired."""
        found = super().blocks(words)
        rows = words < 1 << 12
        if (rows[1:] & rows[:-1]).any():
            empty = runs_of(rows, _ROWS)
            found = empty if found is None else found | empty
        return found if found is not None and found.any() else None

    @classmethod
    def block_of(cls, word: int) -> str:
        """What to call a block whose first word this is."""
        return "rows without events" if 0 < word < 1 << 12 else super().block_of(word)

    def forget(self) -> None:
        """Go on behind words that were lost: events have no row until the next one."""
        self._state[ROW] = -1

    def _decoded(self, words: np.ndarray) -> Decoded:
        return _decode(words, self._state)


def _decode(words: np.ndarray, state: np.ndarray) -> Decoded:
    """Events and triggers in numpy; the state is carried on."""
    kind, payload = words >> 12, (words & 0xFFF).astype(np.int64)
    state[UNKNOWN] += np.count_nonzero(~Evt3Decoder.KNOWN[kind])
    is_time = (kind == 6) | (kind == 8)
    times = _times(kind[is_time] == 8, payload[is_time], state)
    times_before = np.cumsum(is_time)
    is_trigger = kind == 10
    edge = times[times_before[is_trigger]]
    rising = (payload[is_trigger] & 1).astype(bool)

    events = _PLACED[kind]
    single, bits = kind[events] == 2, payload[events]
    t = times[times_before[events]]
    rows = np.concatenate([state[ROW : ROW + 1], payload[kind == 0] & 0x7FF])
    row = rows[np.cumsum(kind == 0)[events]]
    base, on = _bases(kind, payload, events, state)
    x = np.where(single, bits & 0x7FF, base)
    on = np.where(single, bits >> 11, on).astype(bool)
    count = np.where(single, 1, _COUNT[np.where(kind[events] == 5, bits & 0xFF, bits)])
    which = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(which)) - (np.cumsum(count) - count)[which]
    offset = np.where(single[which], 0, _OFFSET[bits[which], place])
    columns = EventColumns.of(np.minimum(x[which] + offset, MOST), row[which], t[which], on[which])

    state[ROW] = rows[-1]
    placed, seen = (columns.t_us >= 0) & (row[which] >= 0), edge >= 0
    if not (placed.all() and seen.all()):
        state[UNPLACED] += np.count_nonzero(~placed) + np.count_nonzero(~seen)
        columns, edge, rising = columns.take(placed), edge[seen], rising[seen]
    return columns, edge, rising


def _times(is_upper: np.ndarray, value: np.ndarray, state: np.ndarray) -> Int64[np.ndarray, " n_plus_1"]:
    """Time before the first and after each word of time; -1 where no upper part was read yet."""
    uppers = np.concatenate([state[UPPER : UPPER + 1], value[is_upper]])
    loops = state[LOOPS] + np.concatenate([[0], np.cumsum(uppers[:-1] - uppers[1:] >= HALF_RANGE)])
    changed = np.zeros(len(value), dtype=bool)
    changed[is_upper] = uppers[1:] != uppers[:-1]
    which = np.concatenate([[0], np.cumsum(is_upper)])
    sets = ~is_upper | changed  # words that set the lower part
    lowers = np.concatenate([state[LOWER : LOWER + 1], np.where(is_upper, 0, value)[sets]])
    lower = lowers[np.concatenate([[0], np.cumsum(sets)])]
    upper = uppers[which]
    state[UPPER], state[LOOPS], state[LOWER] = uppers[-1], loops[-1], lower[-1]
    return np.where(upper < 0, -1, loops[which] << 24 | upper << 12 | lower)


def _bases(
    kind: np.ndarray, payload: np.ndarray, events: np.ndarray, state: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Base column and polarity of the vectors at each event word, and carry them on."""
    is_base = kind == 3
    step = np.where(kind == 4, 12, np.where(kind == 5, 8, 0))
    moved = np.cumsum(step)  # after each word
    starts = np.concatenate([state[BASE : BASE + 1], (payload[is_base] & 0x7FF) - moved[is_base]])
    ons = np.concatenate([state[BASE_ON : BASE_ON + 1], payload[is_base] >> 11])
    which = np.cumsum(is_base)
    base = starts[which[events]] + (moved - step)[events]
    state[BASE] = min(starts[-1] + (moved[-1] if len(moved) else 0), MOST)
    state[BASE_ON] = ons[-1]
    return base, ons[which[events]]
