"""What the decoders of Prophesee's words share: a state that carries on, counts of what is broken, and triggers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from jaxtyping import Bool

from efields.events.columns import EventColumns
from efields.events.side_streams import Triggers
from efields.formats import decode_kernels
from efields.formats.blank import ONES, ZEROS, runs_of
from efields.formats.decode_kernels import Decoded

_BLANK = 3
"""Words of zeros or of ones in a row that no camera writes."""
UNKNOWN, UNPLACED = 0, 1
"""The first places of every decoder's state: counts of words that the format does not have, and of events that could
not be placed."""


class EvtDecoder:
    """Decodes words piece by piece, whose upper four bits are their type; the state carries on from piece to piece."""

    WORD: ClassVar[np.dtype]
    """Type of a word."""
    TIMED: ClassVar[tuple[int, ...]]
    """Types of the words that tell the times of triggers: of time, and triggers."""
    KNOWN: ClassVar[np.ndarray]
    """For each of the 16 types, whether the format has it."""
    UPPER: ClassVar[tuple[int, int]]
    """Where the upper part of the time lies in its word, and of how many bits it is."""
    START: ClassVar[tuple[int, ...]]
    """The state before the first word."""
    REPEATED: ClassVar[dict[int, int]]
    """For types of words, how many equal ones in a row no camera writes."""

    KERNEL: ClassVar[str] = ""
    """Name of the compiled kernel that decodes the same; empty: there is none."""

    def __init__(self, kernels: bool = True) -> None:
        """`kernels=False` decodes in numpy alone, which the compiled way must equal."""
        self._state = np.array(self.START, dtype=np.int64)
        self._kernels = kernels
        self._triggers: list[tuple[np.ndarray, np.ndarray]] = []
        self.first_unknown: int | None = None
        """Index in the last piece of its first word of a type that the format does not have."""

    @property
    def unknown(self) -> int:
        """Words so far of a type that the format does not have."""
        return int(self._state[UNKNOWN])

    @property
    def unplaced(self) -> int:
        """Events and triggers left out so far because no time or no row came before them."""
        return int(self._state[UNPLACED])

    @property
    def triggers(self) -> Triggers:
        """Edges at the trigger inputs in all words so far, of all channels."""
        t_us = [t for t, _ in self._triggers]
        rising = [rose for _, rose in self._triggers]
        return Triggers(
            np.concatenate([np.zeros(0, np.int64), *t_us]), np.concatenate([np.zeros(0, np.bool_), *rising])
        )

    def decode(self, words: np.ndarray) -> EventColumns:
        """The events of these words (of type `WORD`), which follow the words of the last call."""
        words = np.require(words, self.WORD, ["C", "A"])
        unknown = self.unknown
        found = decode_kernels.evt(self.KERNEL, words, self._state) if self._kernels and self.KERNEL else None
        columns, t_us, rising = found or self._decoded(words)
        self.first_unknown = None
        if self.unknown > unknown:
            self.first_unknown = int(np.argmin(self.KNOWN[self.types(words)]))
        if len(t_us):
            self._triggers.append((t_us, rising))
        return columns

    def skim(self, words: np.ndarray) -> None:
        """Gather the triggers of these words without decoding events."""
        types = self.types(words)
        self.decode(words[np.isin(types, self.TIMED)])

    @classmethod
    def types(cls, words: np.ndarray) -> np.ndarray:
        """The upper four bits of each word."""
        return words >> (8 * cls.WORD.itemsize - 4)

    @classmethod
    def faults(cls, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which words are of no type, and which upper parts of the time lie a quarter of their range behind the last.

        Cameras write an upper part for each of its values; see `whole_runs`.
        """
        types = cls.types(words)
        at = np.flatnonzero(types == 8)
        low, bits = cls.UPPER
        upper = (words[at] >> low).astype(np.int64) & ((1 << bits) - 1)
        jumps = np.zeros(len(words), bool)
        jumps[at[1:]] = np.diff(upper) % (1 << bits) > 1 << (bits - 2)
        blocks = cls.blocks(words)
        return ~cls.KNOWN[types] if blocks is None else ~cls.KNOWN[types] | blocks, jumps

    @classmethod
    def blocks(cls, words: np.ndarray) -> Bool[np.ndarray, " n"] | None:
        """Which words stand in a block of one word again and again, as of zeros; None where there is no such block."""
        ones = np.iinfo(cls.WORD).max
        events = words[1:] < max(cls.REPEATED) + 1 << 8 * cls.WORD.itemsize - 4
        again = np.flatnonzero((words[1:] == words[:-1]) & (events | (words[1:] == ones)))
        if not len(again):
            return None
        same = np.zeros(len(words), bool)
        same[again] = True  # with the next one
        found = np.zeros(len(words), bool)
        for kind, least in (*cls.REPEATED.items(), (None, _BLANK)):
            blank = (words == 0) | (words == ones)
            of_kind = same & (blank if kind is None else (cls.types(words) == kind) & ~blank)
            runs = runs_of(of_kind, least - 1)
            found |= runs
            found[1:] |= runs[:-1]
        return found if found.any() else None

    @classmethod
    def block_of(cls, word: int) -> str:
        """What to call a block whose first word this is."""
        if word == 0:
            return ZEROS
        return ONES if word == np.iinfo(cls.WORD).max else "one word repeated over and over, where events should be"

    def from_time_on(self, words: np.ndarray) -> tuple[np.ndarray, int]:
        """Behind words that were lost: these from their first upper time on, and how many events lie before it."""
        at = np.flatnonzero(self.types(words) == 8)
        first = int(at[0]) if len(at) else len(words)
        before = type(self)(self._kernels)
        before.decode(words[:first])
        return words[first:], before.unplaced

    def forget(self) -> None:
        """Go on behind words that were lost: the time still counts, what it was set for does not."""

    def _decoded(self, words: np.ndarray) -> Decoded:
        """In numpy; the state is carried on."""
        raise NotImplementedError
