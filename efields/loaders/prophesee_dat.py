"""Prophesee DAT: lines of text that begin with '%', two bytes (type and size of an event), then events of 8 bytes.

Each event is a time in microseconds (32 bits, wraps after 71.6 minutes) and an address, both little endian. The address
is x in bits 0-13, y in bits 14-27 and polarity in bit 28 (1 is ON) from version 2 on (`% Version 2`), and x in bits
0-8, y in bits 9-16 and polarity in bit 17 in version 1. Type 0x00 is the older name of 0x0C and laid out alike. Width
and height are `% Width` and `% Height`; `% T0 N`, which faery writes, is added to all times. y is 0 at the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.blank import blank_records, report_blank
from efields.formats.damages import Damages
from efields.formats.evt.header import MOST, Header, checked_header_size, read_header
from efields.formats.opening import first_bytes, opened_bytes
from efields.formats.whole_runs import whole_runs
from efields.loaders._options import OneFile
from efields.recordings.event_file import EventFile
from efields.recordings.sensor_size import checked_size, with_assumed_size

BEGINS = rb"(?i)%([^\n]*\n%)*?[ \t]*(version|width|height|data)\b"

_TYPES = (0x00, 0x0C)
_EVENT = np.dtype([("t", "<u4"), ("address", "<u4")])
_ROWS = 1 << 16
"""Events decoded at a time, so that columns stay in the cache."""
_JUMP_US, _FALL_US = 60_000_000, 1_000_000
"""Time steps, forward and backward, that salvage treats as garbage."""


@dataclass(frozen=True)
class Config(OneFile):
    """How to read a DAT file."""

    def open(self, path: str | Path) -> EventFile:
        """Read the header. Raises `InputError` for events that are not of changes of brightness."""
        path = Path(path)
        data = opened_bytes(path)
        header = read_header(data[:MOST].tobytes())
        if header.end == 0:
            raise InputError("does not begin with a header of '%' lines", path, "copy the complete file again")
        head = data[header.end : header.end + 2].tobytes()
        if len(head) < 2 or head[0] not in _TYPES or head[1] != _EVENT.itemsize:
            found = f"type {head[0]:#04x} of {head[1]} bytes" if len(head) == 2 else "nothing"
            raise InputError(
                f"holds {found} after its header, not events of type 0x00 or 0x0c of 8 bytes, at byte {header.end:,}",
                path,
                "choose a file of CD events",
            )
        checked_size(self.width, self.height, path)
        number = header.number("version")
        version = 1 if number is not None and number < 2 else 2
        name = f"Prophesee DAT {version}"
        size = (self.width, self.height) if self.width else checked_header_size(header, path)
        if size is None:
            found = with_assumed_size(
                EventFile(name, path, 0, 0, _Events(data, header, version, (1 << 14, 1 << 14)).decode)
            )
            decode = _Events(data, header, version, (found.width, found.height)).decode
            return replace(found, decode=decode)
        return EventFile(name, path, *size, _Events(data, header, version, size).decode)


def matches(path: str | Path) -> bool:
    """Whether `path` has a header and then the type and size of an event."""
    start = first_bytes(Path(path), 1 << 13)
    header = read_header(start)
    head = start[header.end : header.end + 2]
    named = {"version", "width", "height", "data"} & header.values.keys()
    return bool(named) and len(head) == 2 and head[0] in _TYPES and head[1] == _EVENT.itemsize


@dataclass(frozen=True)
class _Events:
    """The events of a file."""

    data: np.ndarray
    header: Header
    version: int
    size: tuple[int, int]
    """Width and height, by which salvage tells events from garbage."""

    def decode(self, damages: Damages) -> Iterator[EventColumns]:
        """All events; bytes that are no whole event are a damage."""
        t0, last, loops = self.header.number("t0") or 0, 0, 0
        for part in self._whole(damages) if damages.salvage else self._pieces(damages):
            x, y, t, on = self._fields(part)
            # Only a fall of half of the range is a wrap; a smaller one is a time that goes backwards.
            wraps = loops + np.cumsum(np.diff(t, prepend=last) <= -(1 << 31))
            last, loops = int(t[-1]), int(wraps[-1])
            yield EventColumns.of(x, y, t + (wraps << 32) + t0, on)
        over = (len(self.data) - self.start) % _EVENT.itemsize
        if over and not damages.salvage:
            damages.found("the last event is truncated", byte=len(self.data) - over)

    @property
    def start(self) -> int:
        """Byte of the first event."""
        return self.header.end + 2

    def _pieces(self, damages: Damages) -> Iterator[np.ndarray]:
        end = len(self.data) - (len(self.data) - self.start) % _EVENT.itemsize
        for at in range(self.start, end, _ROWS * _EVENT.itemsize):
            piece = self.data[at : min(at + _ROWS * _EVENT.itemsize, end)]
            report_blank(piece, _EVENT.itemsize, at, damages)
            yield piece

    def _whole(self, damages: Damages) -> Iterator[np.ndarray]:
        what = "an event lies outside the sensor or in a block of zeros, or a time jumps"
        runs = whole_runs(self.data, self.start, _EVENT.itemsize, self._faults, what, damages)
        return (records for records, _ in runs)

    def _faults(self, records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y, t, _ = self._fields(records)
        step = np.diff(t, prepend=t[:1]) % (1 << 32)
        itself = (x >= self.size[0]) | (y >= self.size[1]) | blank_records(records, _EVENT.itemsize)
        return itself, (step > _JUMP_US) & (step < (1 << 32) - _FALL_US)

    def _fields(self, records: np.ndarray) -> tuple[np.ndarray, ...]:
        """x, y, 32 bits of time as int64, ON."""
        events = np.frombuffer(records.tobytes(), _EVENT)
        t, address = events["t"].astype(np.int64), events["address"]
        if self.version == 1:
            return address & 0x1FF, address >> 9 & 0xFF, t, address >> 17 & 1
        return address & 0x3FFF, address >> 14 & 0x3FFF, t, address >> 28 & 1
