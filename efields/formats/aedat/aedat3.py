"""Packets of AEDAT 3.1: a header of 28 bytes, then events of one kind and one size; little-endian throughout.

Header: int16 kind (0 special, 1 polarity, 2 frame, 3 IMU of 6 axes, 4 IMU of 9 axes, others), int16 source, int32 bytes
of an event, int32 place of the timestamp in an event, int32 overflows of the timestamp, int32 events that fit, int32
events, int32 valid events. Bit 0 of an event's first word says whether it is valid. Times are int32 microseconds that
begin again after 2^31, which the header counts. Source: "AEDAT 3.1", docs.inivation.com.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from efields.formats.damages import Damages

SPECIAL, POLARITY, FRAME, IMU6, IMU9 = range(5)
FRAME_HEADER = 36
_HEADER = struct.Struct("<hhiiiiii")
_FIXED = {SPECIAL: 8, POLARITY: 8, IMU6: 36, IMU9: 48}
_KINDS = 128
_STEP = 1 << 20


class Packet(NamedTuple):
    """One packet, its events not looked at yet."""

    kind: int
    """What its events are."""
    source: int
    """Which camera they are from."""
    size: int
    """Bytes of an event."""
    overflows: int
    """How often the timestamps began again."""
    number: int
    """Events that are there."""
    valid: int
    """Events that the header calls valid."""
    body: memoryview
    """The bytes of the events that are there."""
    byte: int
    """Where the packet begins in the file."""
    cut: bool
    """Whether events are missing at its end."""

    def rows(self, dtype: np.dtype) -> np.ndarray:
        """The valid events, as records of `dtype`, whose first field is the word with the valid bit."""
        rows = np.frombuffer(self.body, dtype=dtype, count=self.number)
        return rows[rows[(rows.dtype.names or ("",))[0]] & 1 == 1]

    def times(self, t: np.ndarray) -> Int64[np.ndarray, " n"]:
        """Timestamps with the overflows before them."""
        return t.astype(np.int64) + (self.overflows << 31)


def packets(data: np.ndarray, first: int, path: Path, damages: Damages) -> Iterator[Packet]:
    """All packets in file order; what is broken is reported, and the walk goes on with the next that is whole."""
    view, at, end = data.data, first, len(data)
    while at < end:
        header = _header(view, at)
        after = _after(header, at)
        if header is None or after > end:
            nearest = _next_packet(view, at + 1)
            if nearest == end and header is not None and header[0] in _FIXED:
                whole = (end - at - 28) // header[2]
                what = "the last packet is truncated"
                damages.found(what, byte=at, lost_events=(header[6] - whole) if header[0] == POLARITY else 0)
                yield _packet(view, at, header, whole, end)
                return
            left = end - at < 28
            what = (
                "there are leftover bytes that are not a packet"
                if left
                else "a packet's header is broken or it is truncated"
            )
            damages.found(what, byte=at, lost_bytes=nearest - at)
            at = nearest
            continue
        yield _packet(view, at, header, header[6], after)
        at = after


def _packet(view: memoryview, at: int, header: tuple[int, ...], number: int, end: int) -> Packet:
    kind, source, size, _, overflows, _, named, valid = header
    return Packet(kind, source, size, overflows, number, valid, view[at + 28 : end], at, number < named)


def _header(view: memoryview, at: int) -> tuple[int, ...] | None:
    """The numbers of a header that may be one, else None."""
    if at + 28 > len(view):
        return None
    header = _HEADER.unpack_from(view, at)
    kind, source, size, place, overflows, capacity, number, valid = header
    fits = 0 <= kind < _KINDS and source >= 0 and size == _FIXED.get(kind, size) and 4 <= place <= size - 4
    return header if fits and overflows >= 0 and capacity >= number >= valid >= 0 else None


def _after(header: tuple[int, ...] | None, at: int) -> int:
    return at if header is None else at + 28 + header[2] * header[6]


def _next_packet(view: memoryview, at: int) -> int:
    """The next byte where a header of events of a known size lies that ends in the file, or its end.

    Most sizes are told by their bytes alone, so that few places are looked at closely.
    """
    for begin in range(at, len(view), _STEP):
        part = np.frombuffer(view[begin : begin + _STEP + 8], dtype=np.uint8)
        if len(part) < 8:
            break
        kind, size = part[:-7], part[4:-3]
        high = (part[1:-6] == 0) & (part[5:-2] == 0) & (part[6:-1] == 0) & (part[7:] == 0)
        may = high & np.isin(kind.astype(np.int64) << 8 | size, [k << 8 | s for k, s in _FIXED.items()])
        for place in (np.flatnonzero(may) + begin).tolist():
            header = _header(view, place)
            if header is not None and header[3] == 4 and _after(header, place) <= len(view):
                return place
    return len(view)
