"""N-MNIST and N-Caltech101 (Orchard et al., 2015): events of 5 bytes to the end of the file, no header.

An event is x, y, then 24 bits, big endian: polarity (1 is ON) and 23 bits of time in microseconds. y is 0 at the top.
An event with y = 240 is none: it adds 2^13 us to all times from it on, as the dataset's own readers do. The sensor of
N-MNIST is the 34 x 34 pixels that were kept, that of N-Caltech101 an ATIS of 240 x 180.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from efields.events.columns import EventColumns
from efields.formats.blank import blank_records, report_blank
from efields.formats.damages import Damages
from efields.formats.opening import first_bytes, opened_bytes
from efields.formats.whole_runs import whole_runs
from efields.loaders._options import OneFile
from efields.loaders._strangers import of_other_kind
from efields.recordings.event_file import EventFile
from efields.recordings.sensor_size import checked_size, with_assumed_size

BEGINS = rb""

_SIZE = 5
_OVERFLOW_ROW, _OVERFLOW_US = 240, 1 << 13
_MOST = (240, 180)
"""The largest sensor of these datasets."""
_RANGE_US = 1 << 23
_JUMP_US, _FALL_US = 1 << 14, 1 << 10
"""Time steps, forward and backward, that salvage treats as garbage: short, as events read one byte off look real."""
_BYTES = _SIZE << 16
_BLANK = 3
"""Records of zeros in a row that are not events."""
_LOOKED_AT = 2048
"""Events that `matches` looks at."""


@dataclass(frozen=True)
class Config(OneFile):
    """How to read a file of 5-byte events."""

    def open(self, path: str | Path) -> EventFile:
        """Open the file. Raises `InputError` where it cannot be read."""
        path = Path(path)
        data = opened_bytes(path)
        checked_size(self.width, self.height, path)

        size, notes = (self.width, self.height), ()
        if not self.width:
            found = with_assumed_size(EventFile("", path, 0, 0, partial(_decode, data, _MOST)))
            # An event beyond the sensors of these datasets is damage, not a larger sensor.
            size, notes = (min(found.width, _MOST[0]), min(found.height, _MOST[1])), found.notes
        decode = partial(_decode, data, size)
        return EventFile("N-MNIST 5-byte events", path, *size, decode, notes=notes, size_assumed=not self.width)


def matches(path: str | Path) -> bool:
    """Whether the first bytes of `path` are such events, all inside a sensor and in order of time."""
    start = first_bytes(Path(path), _SIZE * _LOOKED_AT)
    count = len(start) // _SIZE
    if count < 2 or not re.search(rb"[^\t\n\r -~]", start) or of_other_kind(start):  # nor is text
        return False
    x, y, t, _ = _fields(np.frombuffer(start, np.uint8, count * _SIZE))
    overflow = y == _OVERFLOW_ROW
    t = t + _OVERFLOW_US * np.cumsum(overflow)
    inside = ((x < _MOST[0]) & (y < _MOST[1])) | overflow
    return bool(inside.all() and (np.diff(t) >= 0).all() and t[-1] > t[0])


def _fields(data: np.ndarray) -> tuple[np.ndarray, ...]:
    """x, y, 23 bits of time, polarity."""
    event = data.reshape(-1, _SIZE)
    t = (event[:, 2] & 127).astype(np.int64) << 16 | event[:, 3].astype(np.int64) << 8 | event[:, 4]
    return event[:, 0], event[:, 1], t, event[:, 2] >> 7


def _decode(data: np.ndarray, size: tuple[int, int], damages: Damages) -> Iterator[EventColumns]:
    end = len(data) - len(data) % _SIZE
    added, last = 0, 0

    def faults(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y, t, _ = _fields(records)
        step = np.diff(t, prepend=t[:1]) % _RANGE_US
        outside = ((x >= size[0]) | (y >= size[1])) & (y != _OVERFLOW_ROW)
        return outside | blank_records(records, _SIZE, _BLANK), (step > _JUMP_US) & (step < _RANGE_US - _FALL_US)

    what = "an event lies outside the sensor or in a block of zeros, or a time jumps"
    if damages.salvage:
        parts = (records for records, _ in whole_runs(data, 0, _SIZE, faults, what, damages))
    else:
        parts = _pieces(data[:end], damages)
    for part in parts:
        x, y, t, on = _fields(part)
        overflow = y == _OVERFLOW_ROW
        wraps = np.diff(t, prepend=last) <= -_RANGE_US // 2
        more = added + np.cumsum(overflow * _OVERFLOW_US + wraps * _RANGE_US)
        added, last = int(more[-1]), int(t[-1])
        columns = EventColumns.of(x, y, t + more, on)
        yield columns.take(~overflow) if overflow.any() else columns
    if end < len(data) and not damages.salvage:
        damages.found("the last event is truncated", byte=end)


def _pieces(data: np.ndarray, damages: Damages) -> Iterator[np.ndarray]:
    for at in range(0, len(data), _BYTES):
        piece = np.asarray(data[at : at + _BYTES])
        report_blank(piece, _SIZE, at, damages, _BLANK)
        yield piece
