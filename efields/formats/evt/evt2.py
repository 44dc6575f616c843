"""EVT 2.0 and 2.1 words to events (Prophesee, "EVT 2.0 format", "EVT 2.1 format").

A word has 32 bits (2.0) or 64 (2.1), its type in the upper four:

    0, 1  OFF or ON: 6 bits of lower time, 11 of x, 11 of y; in 2.1 follow 32 bits of which bit i is an event at x + i
    8     upper 28 bits of the time; in 2.1 32 unused bits follow
    A     trigger: 6 bits of lower time, the channel in bits 8-12 and the edge in bit 0 of a 2.0 word, or of the upper
          half of a 2.1 word
    E, F  other messages and their continuation, left out

Time is microseconds; the counter of 34 bits wraps after 4.8 hours: an upper part that falls by half of its range or
more has wrapped. Words of 2.1 are little endian whole (GenX320), or "legacy" (IMX636): the upper half comes first.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from efields.events.columns import EventColumns
from efields.formats.decode_kernels import Decoded
from efields.formats.evt.decoder import UNKNOWN, UNPLACED, EvtDecoder

UPPER, LOOPS = 2, 3
HALF_RANGE = 1 << 27
"""Fall of the upper 28 bits that is a wrap."""

_MASK = np.arange(32, dtype=np.uint32)


class Evt2Decoder(EvtDecoder):
    """Decodes words of EVT 2.0 piece by piece; the time carries on."""

    KERNEL = "evt2"
    WORD = np.dtype("<u4")
    TIMED = (8, 10)
    KNOWN = np.isin(np.arange(16), [0, 1, 8, 10, 14, 15])
    UPPER = (0, 28)
    START = (0, 0, -1, 0)
    REPEATED: ClassVar[dict[int, int]] = {0: 8, 1: 8}

    def _decoded(self, words: np.ndarray) -> Decoded:
        return _decode(words, self._state)[0]


class Evt21Decoder(EvtDecoder):
    """Decodes words of EVT 2.1 piece by piece, their upper half as the upper 32 bits; the time carries on."""

    WORD = np.dtype("<u8")
    TIMED = (8, 10)
    KNOWN = Evt2Decoder.KNOWN
    UPPER = (32, 28)
    START = Evt2Decoder.START
    REPEATED: ClassVar[dict[int, int]] = {0: 4, 1: 4}

    def _decoded(self, words: np.ndarray) -> Decoded:
        heads, bits = (words >> np.uint64(32)).astype(np.uint32), words.astype(np.uint32)
        (columns, edge, rising), placed = _decode(heads, self._state)
        bits = bits[heads >> 28 <= 1]
        late = bits[~placed]  # each was counted as one event
        self._state[UNPLACED] += int((late[:, None] >> _MASK & 1).sum()) - len(late)
        is_set = (bits[placed][:, None] >> _MASK & 1).astype(bool)
        which, offset = np.nonzero(is_set)
        x, y, t_us, polarity = columns.take(which)
        return EventColumns.of(x + offset, y, t_us, polarity), edge, rising

    @staticmethod
    def halves_swapped(words: np.ndarray) -> bool:
        """Whether these words (little endian) look like the "legacy" order, upper half first."""
        halves = words[:4096].view(np.uint32).reshape(-1, 2)
        return _plausible(halves[:, 0], halves[:, 1]) > _plausible(halves[:, 1], halves[:, 0])


def _plausible(heads: np.ndarray, bits: np.ndarray) -> int:
    """Number of words that a camera could have written: vectors begin at columns that 32 divides and are not empty.

    A word of time counts twice, as its other half of zeros looks like a vector at the origin.
    """
    types = heads >> 28
    vector = (types <= 1) & ((heads >> 11 & 31) == 0) & (bits != 0)
    return int(np.count_nonzero(vector) + 2 * np.count_nonzero(types == 8))


def _decode(words: np.ndarray, state: np.ndarray) -> tuple[Decoded, np.ndarray]:
    """Events and triggers in numpy, and which events had a time already; the state is carried on."""
    kind = words >> 28
    state[UNKNOWN] += np.count_nonzero(~Evt2Decoder.KNOWN[kind])
    is_upper = kind == 8
    uppers = np.concatenate([state[UPPER : UPPER + 1], words[is_upper] & 0xFFFFFFF])
    loops = state[LOOPS] + np.concatenate([[0], np.cumsum(uppers[:-1] - uppers[1:] >= HALF_RANGE)])
    state[UPPER], state[LOOPS] = uppers[-1], loops[-1]
    times = np.where(uppers < 0, -1, loops << 34 | uppers << 6)
    # Gathered for all words at once: cheaper than for each kind.
    base = times[np.cumsum(is_upper)]
    is_event, is_trigger = kind <= 1, kind == 10
    event, t = words[is_event], base[is_event]
    edge, edge_t = words[is_trigger], base[is_trigger]
    placed, seen = t >= 0, edge_t >= 0
    if not (placed.all() and seen.all()):
        state[UNPLACED] += np.count_nonzero(~placed) + np.count_nonzero(~seen)
        event, t, edge, edge_t = event[placed], t[placed], edge[seen], edge_t[seen]
    columns = EventColumns.of(event >> 11 & 0x7FF, event & 0x7FF, t | (event >> 22 & 63), event >> 28)
    return (columns, edge_t | (edge >> 22 & 63), (edge & 1).astype(bool)), placed
