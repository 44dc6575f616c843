"""AEDAT 3.1, the files of cAER: lines that begin with '#', then packets of events (`efields.formats.aedat.aedat3`).

- polarity, 8 bytes: uint32 with valid (bit 0), ON (bit 1), y (bits 2 to 16), x (bits 17 to 31), int32 microseconds;
- special, 8 bytes: uint32 with valid (bit 0) and type (bits 1 to 7: 2, 6, 9 rising edges, 3, 7, 10 falling ones, 4, 8,
  11 pulses at the trigger inputs; others are marks that are not read), then int32 microseconds;
- frame: uint32 with valid (bit 0) and channels (bits 1 to 3), int32 times of start and end of the frame and of its
  exposure, int32 columns, rows, left, top, then uint16 pixels (grey, RGB or RGBA) that fill all 16 bits;
- IMU, 36 or 48 bytes: uint32 with valid, int32 microseconds, float32 acceleration x, y, z in g, angular velocity
  x, y, z in degrees/s, temperature, and for 9 axes the magnetic field.

The origin is the upper left pixel. Which camera wrote them says a line such as '#Source 1: DAVIS240C'. Only files in
the format RAW are read, not the compressed ones. Source: "AEDAT 3.1", docs.inivation.com.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.events.columns import CHUNK, EventColumns
from efields.events.side_streams import SideStreams
from efields.formats.aedat.aedat3 import FRAME, FRAME_HEADER, IMU6, IMU9, POLARITY, SPECIAL, Packet, packets
from efields.formats.aedat.frame_stack import FrameStack, middle
from efields.formats.aedat.header import read_header, sensor_named
from efields.formats.aedat.side_parts import imu_of, triggers_of
from efields.formats.damages import Damages
from efields.formats.opening import first_bytes, opened_bytes
from efields.loaders._options import OneFile
from efields.recordings.event_file import EventFile
from efields.recordings.sensor_size import checked_size, with_assumed_size

BEGINS = rb"#!AER-DAT3\."

_MAGIC = b"#!AER-DAT3."
_EVENT = np.dtype([("word", "<u4"), ("t", "<i4")])
_IMU = {
    IMU6: np.dtype([("word", "<u4"), ("t", "<i4"), ("axes", "<f4", 6), ("temperature", "<f4")]),
    IMU9: np.dtype([("word", "<u4"), ("t", "<i4"), ("axes", "<f4", 6), ("temperature", "<f4"), ("compass", "<f4", 3)]),
}
_RISING, _FALLING = (2, 4, 6, 8, 9, 11), (3, 7, 10)


@dataclass(frozen=True)
class Config(OneFile):
    """How to read an AEDAT 3.1 file."""

    def open(self, path: str | Path) -> EventFile:
        """Read the header. Raises `InputError` for what is no such file, another version, or a compressed format."""
        file = Path(path)
        checked_size(self.width, self.height, file)
        data = opened_bytes(file)
        lines, first = read_header(data, _MAGIC, file)
        _check_version(lines, file)
        sources = {int(found[1]): found[2].strip() for line in lines if (found := _SOURCE.fullmatch(line))}
        source = _first_source(data, first, file)
        notes: tuple[str, ...] = ()
        if len(sources) > 1:
            others = ", ".join(f"{name} ({number})" for number, name in sources.items() if number != source)
            notes += (f"Events of source {source} were read; those of {others}, if there are any, were not.",)

        def decode(damages: Damages) -> Iterator[EventColumns]:
            return _decode(data, first, file, source, set(sources), damages)

        size: tuple[int, int] | None = (self.width, self.height)
        if not self.width:
            size = sensor_named(sources.get(source, ""))
        assumed = size is None
        if size is None:
            found = with_assumed_size(EventFile("AEDAT 3.1", file, 0, 0, decode, notes=notes))
            size, notes = (found.width, found.height), found.notes
        width, height = size
        return EventFile(
            format="AEDAT 3.1",
            path=file,
            width=width,
            height=height,
            decode=decode,
            side_streams=lambda damages: _side(data, first, file, source, FrameStack(width, height), damages),
            notes=notes,
            size_assumed=assumed,
        )


def matches(path: str | Path) -> bool:
    """Whether the file begins like AEDAT 3."""
    return first_bytes(Path(path), len(_MAGIC)) == _MAGIC


_SOURCE = re.compile(r"Source (\d{1,5}): *(.*)")


def _check_version(lines: list[str], path: Path) -> None:
    if lines[0] != "!AER-DAT3.1":
        raise InputError(f"is of version '{lines[0][1:40]}', not AER-DAT3.1", path, "convert it with DV")
    written = next((line.partition(":")[2].strip() for line in lines if line.startswith("Format:")), "RAW")
    if written.upper() != "RAW":
        do = "write it again with cAER in the format RAW, or convert it with DV"
        raise InputError(f"is compressed (format '{written[:40]}'), which is not read", path, do)


def _first_source(data: np.ndarray, first: int, path: Path) -> int:
    """The source of the first packet of events; -1 where there is none."""
    walk = packets(data, first, path, Damages(path, salvage=True))
    return next((packet.source for packet in walk if packet.kind == POLARITY), -1)


def _decode(
    data: np.ndarray, first: int, path: Path, source: int, named: set[int], damages: Damages
) -> Iterator[EventColumns]:
    held: list[EventColumns] = []
    count = 0
    for packet in packets(data, first, path, damages):
        if packet.kind != POLARITY:
            continue
        if packet.source != source:
            if packet.source not in named:
                what = "a packet of events is from a source that the header does not name"
                damages.found(what, byte=packet.byte, lost_events=packet.number)
            continue
        rows = packet.rows(_EVENT)
        if not packet.cut and len(rows) < packet.valid:
            what = "fewer events of a packet are valid than its header says"
            damages.found(what, byte=packet.byte, lost_events=packet.valid - len(rows))
        word, t = rows["word"], rows["t"]
        if (t < 0).any():
            what, lost = "an event's time is negative in the packet", int(np.count_nonzero(t < 0))
            damages.found(what, byte=packet.byte, lost_events=lost)
            word, t = word[t >= 0], t[t >= 0]
        held.append(EventColumns.of(word >> 17, word >> 2 & 0x7FFF, packet.times(t), word & 2 != 0))
        count += len(t)
        if count >= CHUNK:
            yield EventColumns.concat(held)
            held, count = [], 0
    if count:
        yield EventColumns.concat(held)


def _side(data: np.ndarray, first: int, path: Path, source: int, stack: FrameStack, damages: Damages) -> SideStreams:
    """Frames, IMU samples and edges of the camera that the events are from, or of all where there are no events."""
    imu: list[tuple[np.ndarray, np.ndarray]] = []
    edges: list[tuple[np.ndarray, np.ndarray]] = []
    for packet in packets(data, first, path, damages):
        if source not in (packet.source, -1):
            continue
        if packet.kind in _IMU:
            rows = packet.rows(_IMU[packet.kind])
            imu.append((packet.times(rows["t"]), rows["axes"]))
        elif packet.kind == SPECIAL:
            rows = packet.rows(_EVENT)
            kind = rows["word"] >> 1 & 0x7F
            kept = np.isin(kind, _RISING + _FALLING)
            edges.append((packet.times(rows["t"][kept]), np.isin(kind[kept], _RISING)))
        elif packet.kind == FRAME:
            _add_frames(packet, stack, damages)
    return SideStreams(imu_of(imu), stack.frames(), triggers_of(edges))


def _add_frames(packet: Packet, stack: FrameStack, damages: Damages) -> None:
    for begin in range(0, packet.size * packet.number, packet.size):
        if packet.size < FRAME_HEADER:
            damages.found("a frame is smaller than its header", byte=packet.byte, lost_bytes=packet.size)
            return
        event = packet.body[begin : begin + packet.size]
        word = int.from_bytes(event[:4], "little")
        _, _, opens, closes, width, height, left, top = np.frombuffer(event[4:FRAME_HEADER], dtype="<i4").tolist()
        channels = word >> 1 & 7
        if word & 1 == 0:
            continue
        fits = channels in (1, 3, 4) and width > 0 and height > 0
        if not fits or FRAME_HEADER + 2 * width * height * channels > packet.size:
            damages.found("a frame's size does not fit its pixels", byte=packet.byte, lost_bytes=packet.size)
            continue
        pixels = np.frombuffer(event, dtype="<u2", count=width * height * channels, offset=FRAME_HEADER)
        image = pixels.reshape(height, width, channels)[:, :, :3].astype(np.uint16)
        t_us = middle(opens, closes, int(np.frombuffer(event[4:8], dtype="<i4")[0])) + (packet.overflows << 31)
        if not stack.add(image, t_us, left, top):
            what = "a frame differs in size or type from earlier ones, or lies outside the sensor"
            damages.found(what, byte=packet.byte, lost_bytes=packet.size)
