"""Bytes of Event Stream files to events: the decoder, and the way back to whole events behind broken bytes.

An event is some bytes (see `efields/loaders/event_stream.py`), of which the first holds the time since the last event.
Between events stand bytes that only add time. Whether a byte begins an event follows from all bytes before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from efields.events.columns import EventColumns
from efields.formats import decode_kernels
from efields.formats.blank import runs_of

_TIME, _LEFT_OUT = range(2)
_ZEROS = 15
"""Bytes of zeros in a row that are not events: three or five of one pixel at one time."""
_LINKS = 8
"""Events in a row that must lie inside the sensor to trust that they are events."""


@dataclass
class EventStreamDecoder:
    """Decodes bytes piece by piece; the time carries on, and the caller gives again what was not used."""

    major: int
    """Version 1: events of 3 bytes; version 2: of 5."""
    atis: bool
    """Events of an ATIS camera, some of which measure exposure and are left out; else of a DVS."""
    kernels: bool = True
    """False decodes in numpy alone, which the compiled way must equal."""
    _state: np.ndarray = field(default_factory=lambda: np.zeros(2, np.int64))

    @property
    def left_out(self) -> int:
        """Measurements of exposure so far."""
        return int(self._state[_LEFT_OUT])

    @property
    def size(self) -> int:
        """Bytes of an event."""
        return 5 if self.major == 2 else 3

    def state(self) -> np.ndarray:
        """What `restore` takes, to decode some bytes again."""
        return self._state.copy()

    def restore(self, state: np.ndarray) -> None:
        """Go back to an earlier state."""
        self._state[:] = state

    def decode(self, data: np.ndarray) -> tuple[EventColumns, int]:
        """Events of these bytes (uint8), y as stored, and how many of the bytes they are."""
        data = np.ascontiguousarray(data)
        found = decode_kernels.event_stream(data, self.atis, self._state) if self.kernels and self.major == 2 else None
        return found or self.placed(data)[:2]

    def placed(self, data: np.ndarray) -> tuple[EventColumns, int, np.ndarray]:
        """As `decode`, in numpy, and at which byte each event begins."""
        top, step, shift = self._first_byte()
        after = np.arange(len(data), dtype=np.int64) + np.where(self._adds_time(data), 1, self.size)
        steps = _orbit(after, len(data))
        used = int(after[steps[-1]]) if len(steps) else 0
        if used > len(data):
            used, steps = int(steps[-1]), steps[:-1]
        first = data[steps].astype(np.int64)
        only_time = self._adds_time(data)[steps]
        t_us = self._state[_TIME] + np.cumsum(
            np.where(only_time, step * self._overflows(first, top), first >> shift if self.major == 2 else first & step)
        )
        if len(t_us):
            self._state[_TIME] = t_us[-1]
        head, t_us = steps[~only_time], t_us[~only_time]
        x, y, on, exposure = self._fields(data, head)
        if self.atis:
            self._state[_LEFT_OUT] += np.count_nonzero(exposure)
            x, y, t_us, on, head = (column[~exposure] for column in (x, y, t_us, on, head))
        return EventColumns.of(x, y, t_us, on), used, head

    def zeros(self, data: np.ndarray) -> np.ndarray | None:
        """Which bytes stand in a block of zeros, more than events of one pixel at one time can be; None where none."""
        lanes = np.ascontiguousarray(data[: len(data) // 8 * 8]).view(np.uint64)
        if not (lanes == 0).any():
            return None
        found = runs_of(data == 0, _ZEROS)
        return found if found.any() else None

    def next_whole(self, data: np.ndarray, width: int, height: int) -> int:
        """The first byte from which some events in a row lie inside the sensor; the length where there is none."""
        n, room = len(data), self.size - 1
        only_time = self._adds_time(data)
        padded = np.concatenate([data, np.zeros(room, np.uint8)])
        x, y, _, _ = self._fields(padded, np.arange(n))
        good = np.concatenate([only_time | ((x < width) & (y < height)), np.ones(room + 1, bool)])
        after = np.minimum(np.arange(n) + np.where(only_time, 1, self.size), n)
        at, trusted = np.arange(n), np.ones(n, bool)
        after = np.append(after, n)
        for _ in range(_LINKS):
            trusted &= good[at]
            at = after[at]
        # A row of bytes that only add time, or of zeros, proves nothing.
        trusted &= ~only_time
        if (zeros := self.zeros(data)) is not None:
            trusted &= ~zeros
        return int(np.argmax(trusted)) if trusted.any() else n

    def _first_byte(self) -> tuple[int, int, int]:
        """From which value on a first byte only adds time, in what steps, and where the bits of time begin."""
        if self.major == 2:
            return (0xFC, 63, 2) if self.atis else (0xFE, 127, 1)
        return (0, 31, 5) if self.atis else (0, 15, 4)

    def _adds_time(self, data: np.ndarray) -> np.ndarray:
        top, step, _ = self._first_byte()
        return data >= top if self.major == 2 else (data & step) == step

    def _overflows(self, first: np.ndarray, top: int) -> np.ndarray:
        return first - top if self.major == 2 else first >> self._first_byte()[2]

    def _fields(self, data: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, ...]:
        """x, y as stored, ON, and whether it measures exposure."""
        byte = [data[head + i].astype(np.int64) for i in range(self.size)]
        if self.major == 2:
            on = byte[0] >> (1 if self.atis else 0) & 1
            return byte[1] | byte[2] << 8, byte[3] | byte[4] << 8, on == 1, (byte[0] & 1) == 1
        if self.atis:
            x, y = byte[0] >> 5 | (byte[1] & 63) << 3, byte[1] >> 6 | (byte[2] & 63) << 2
            return x, y, byte[2] >> 7 == 1, (byte[2] >> 6 & 1) == 1
        x, y = byte[0] >> 4 | (byte[1] & 63) << 4, byte[1] >> 6 | (byte[2] & 127) << 2
        return x, y, byte[2] >> 7 == 1, np.zeros(len(head), bool)


def _orbit(after: np.ndarray, n: int) -> np.ndarray:
    """0, after[0], after[after[0]] and so on below n, found by doubling: each round jumps twice as far as the last."""
    jump = np.append(np.minimum(after, n), n).astype(np.int32)
    steps = np.zeros(min(n, 1), dtype=np.int32)
    while len(steps) and steps[-1] < n:
        steps = np.concatenate([steps, jump[steps]])
        jump = jump[jump]
    return steps[: np.searchsorted(steps, n)].astype(np.int64)
