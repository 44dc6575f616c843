"""The records of AEDAT 2.0: big-endian uint32 address and uint32 microseconds; what addresses of a DAVIS mean.

Bit 31 of a DAVIS address tells events (0) from frames and IMU (1); bits 30 to 22 are y, bits 21 to 12 are x. Of events,
bit 11 is the polarity (1: ON) and bit 10 marks an edge at the trigger input. Of the others, bits 11 and 10 are 0 for a
reset read, 1 for a signal read (the 10-bit value in bits 9 to 0), and 3 for a number of the IMU: which one in bits 30
to 28 (acceleration x, y, z, temperature, angular velocity x, y, z), int16 in bits 27 to 12. Source: jAER's DavisChip
and IMUSample, and "AEDAT 2.0", docs.inivation.com.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt32

from efields.events.columns import CHUNK
from efields.formats.aedat.frame_stack import FrameStack, middle
from efields.formats.blank import blank_records, report_blank
from efields.formats.damages import Damages

IMU_PARTS = 7


class Records(NamedTuple):
    """Some records in file order."""

    address: UInt32[np.ndarray, " n"]
    """What was measured where."""
    t_us: Int64[np.ndarray, " n"]
    """When, unwrapped."""
    byte: int
    """Where the first begins."""

    @property
    def is_event(self) -> np.ndarray:
        """Which are events or trigger edges of a DAVIS."""
        return self.address < 1 << 31

    @property
    def is_imu(self) -> np.ndarray:
        """Which are numbers of the IMU of a DAVIS."""
        return self.address & 0x80000C00 == 0x80000C00

    def take(self, which: np.ndarray) -> Records:
        """The records of a mask."""
        return Records(self.address[which], self.t_us[which], self.byte)


@dataclass(frozen=True)
class RecordFile:
    """Records from a byte of a file on."""

    path: Path
    """The file."""
    data: np.ndarray
    """All its bytes."""
    first: int
    """Where records begin."""

    @property
    def count(self) -> int:
        """Number of whole records."""
        return (len(self.data) - self.first) // 8

    def chunks(self, damages: Damages | None = None) -> Iterator[Records]:
        """All of them; bytes left over are reported.

        Timestamps are 32-bit counters: each step is taken for the shorter way round, so that they may wrap (after 71.6
        minutes) and go backwards.
        """
        last, t_us = -1, 0
        for begin in range(0, self.count, CHUNK):
            count, byte = min(CHUNK, self.count - begin), self.first + 8 * begin
            rows = np.frombuffer(self.data, dtype=">u4", count=2 * count, offset=byte).astype(np.uint32)
            rows = self._not_blank(rows, byte, damages)
            if not len(rows):
                continue
            counter = rows[1::2]
            if last < 0:
                last = t_us = int(counter[0])
            steps = np.diff(counter, prepend=np.uint32(last)).view(np.int32)
            times = t_us + np.cumsum(steps, dtype=np.int64)
            last, t_us = int(counter[-1]), int(times[-1])
            yield Records(rows[::2], times, byte)
        left = (len(self.data) - self.first) % 8
        if damages is not None and left:
            damages.found("the last record is truncated", byte=len(self.data) - left, lost_bytes=left)

    def _not_blank(self, rows: np.ndarray, byte: int, damages: Damages | None) -> np.ndarray:
        """Address and time of each record that is not in a block of zeros or ones; such blocks are reported."""
        data = rows.view(np.uint8)
        blank = blank_records(data, 8)
        if not blank.any():
            return rows
        if damages is not None:
            report_blank(data, 8, byte, damages)
        return rows.reshape(-1, 2)[~blank].reshape(-1)


class ImuParts:
    """Numbers of the IMU gathered into samples of seven."""

    def __init__(self, damages: Damages) -> None:
        self._damages = damages
        self._rest: Records | None = None
        self.samples: list[tuple[np.ndarray, np.ndarray]] = []
        """Times, and the seven raw numbers of each sample."""

    def add(self, records: Records) -> None:
        """Take the next numbers; those that are not seven in order are a damage, but for the last ones of the file."""
        if self._rest is not None:
            address = np.concatenate([self._rest.address, records.address])
            records = Records(address, np.concatenate([self._rest.t_us, records.t_us]), records.byte)
        code = (records.address >> 28 & 7).astype(np.int64)
        at = np.flatnonzero(code == 0)
        unfinished = at[at + IMU_PARTS > len(code)]
        keep = int(unfinished[0]) if len(unfinished) else len(code)
        at = at[at + IMU_PARTS <= keep]
        parts = at[:, None] + np.arange(IMU_PARTS)
        at, parts = at[whole := (code[parts] == np.arange(IMU_PARTS)).all(axis=1)], parts[whole]
        broken = keep - IMU_PARTS * len(at)
        if broken and self._rest is None:  # a recording may begin in the middle of a sample
            broken -= int(at[0]) if len(at) and at[0] < IMU_PARTS else 0
        if broken:
            self._damages.found("an IMU sample is incomplete", byte=records.byte, lost_bytes=8 * broken)
        raw = (records.address[parts] >> 12 & 0xFFFF).astype(np.uint16).view(np.int16)
        self.samples.append((records.t_us[at], raw))
        self._rest = records.take(np.arange(len(code)) >= keep)


class FrameReads:
    """Reads of pixels gathered into frames: reset read minus signal read, so that bright is large.

    Pixels are read column by column or row by row; where x and y both jump, the next scan begins. The first and the
    last scan may be incomplete, as the recording began or ended in it; others are a damage, and so are stray reads.
    """

    def __init__(self, width: int, height: int, damages: Damages) -> None:
        self._size, self._damages = (width, height), damages
        self._open: dict[int, Records | None] = {0: None, 1: None}
        self._reset: tuple[np.ndarray, int, int] | None = None
        self.stack = FrameStack(width, height)
        """The frames so far."""

    def add(self, records: Records, *, end: bool = False) -> None:
        """Take the next reads; `end` closes the last scans."""
        finished: list[tuple[int, int, Records]] = []
        for read in (0, 1):
            part = records.take(records.address >> 10 & 3 == read)
            begins = (held := self._open[read]) is None
            if held is not None:
                address = np.concatenate([held.address, part.address])
                part = Records(address, np.concatenate([held.t_us, part.t_us]), held.byte)
            if len(part.address):
                finished += [(int(scan.t_us[0]), read, scan) for scan in self._scans(read, part, begins, end)]
        for _, read, scan in sorted(finished, key=lambda item: item[:2]):
            self._close(read, scan)

    def _scans(self, read: int, part: Records, begins: bool, end: bool) -> list[Records]:
        """The whole scans of one kind of read; what may go on is kept for the next records."""
        pixels, count = self._size[0] * self._size[1], len(part.address)
        x, y = _places(part.address)
        jumps = np.flatnonzero((np.abs(np.diff(x)) > 1) & (np.abs(np.diff(y)) > 1)) + 1
        last = int(jumps[-1]) if len(jumps) else 0
        over = end or count - last > pixels
        edges = np.concatenate([[0], jumps, [count] if over else []]).astype(np.int64)
        whole = np.diff(edges) == pixels
        broken = int(edges[-1]) - pixels * int(whole.sum())
        if begins and len(whole) and not whole[0] and self._was_cut(x[: edges[1]], y[: edges[1]], -1):
            broken -= int(edges[1])
        if end and len(whole) > (begins and last == 0) and not whole[-1] and self._was_cut(x[last:], y[last:], 0):
            broken -= count - last
        if broken:
            self._damages.found("a frame lacks pixels", byte=part.byte, lost_bytes=8 * broken)
        rest = slice(int(edges[-1]), None)
        self._open[read] = Records(part.address[rest], part.t_us[rest], part.byte + 8 * int(edges[-1]))
        spans = [slice(first, first + pixels) for first in edges[:-1][whole].tolist()]
        return [Records(part.address[span], part.t_us[span], part.byte) for span in spans]

    def _was_cut(self, x: np.ndarray, y: np.ndarray, inner: int) -> bool:
        """Whether an end of the recording cut a scan: it ends in a corner, or is long, but not where it was cut."""
        width, height = self._size
        corner = np.isin(x[[0, -1]], (0, width - 1)) & np.isin(y[[0, -1]], (0, height - 1))
        return bool((corner[inner] or len(x) >= min(width, height)) and not corner[inner + 1])

    def _close(self, read: int, scan: Records) -> None:
        width, height = self._size
        x, y = _places(scan.address)
        if x.max() >= width or y.max() >= height:
            what = "a frame has pixels outside the sensor"
            self._damages.found(what, byte=scan.byte, lost_bytes=8 * len(x))
            return
        values = np.zeros((height, width), dtype=np.int32)
        values[height - 1 - y, x] = (scan.address & 0x3FF).astype(np.int32)
        if read == 0:
            self._reset = (values, int(scan.t_us[0]), int(scan.t_us[-1]))
        elif self._reset is not None:
            reset, first, last = self._reset
            # All pixels are exposed at once, from the end of the reset, or a column after the other (rolling shutter).
            begin = last if last <= int(scan.t_us[0]) else first
            image = np.maximum(reset - values, 0).astype(np.uint16)[:, :, None]
            self.stack.add(image, middle(begin, int(scan.t_us[0]), int(scan.t_us[0])))
            self._reset = None


def _places(address: UInt32[np.ndarray, " n"]) -> tuple[np.ndarray, np.ndarray]:
    return (address >> 12 & 0x3FF).astype(np.int64), (address >> 22 & 0x1FF).astype(np.int64)
