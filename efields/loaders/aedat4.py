"""AEDAT 4, the files of iniVation's DV software and dv-processing: events, frames, IMU and triggers in packets.

The container is described in `efields.formats.aedat.aedat4`. Inside a packet lies one FlatBuffer table:

- `EVTS`: a vector of structs: int64 microseconds (of the Unix clock), int16 x, int16 y, bool ON, 3 bytes unused;
- `FRME`: times of the frame and its exposure, OpenCV type (0, 16, 24: uint8 of 1, 3 (BGR) and 4 (BGRA) channels; 2, 18,
  26: the same in uint16), size and position on the sensor, pixels;
- `IMUS`: a vector of tables: time, temperature, acceleration in g, angular velocity in degrees/s, magnetic field;
- `TRIG`: a vector of tables: time and type (1, 4 rise, 2, 5 fall, 3 pulse; 6 to 9: start and end of the camera's own
  frames and exposures).

x = 0 is at the left, y = 0 at the top. Source: "AEDAT 4.0", docs.inivation.com, and the schemas of dv-processing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from efields.errors import InputError
from efields.events.columns import CHUNK, EventColumns
from efields.events.side_streams import SideStreams
from efields.formats.aedat.aedat4 import KINDS, MAGIC, Container, Payload, Stream, opened, packets
from efields.formats.aedat.flatbuffer import BrokenBufferError, Table, Tables, root
from efields.formats.aedat.frame_stack import FrameStack, middle
from efields.formats.aedat.side_parts import imu_of, triggers_of
from efields.formats.blank import blank_records
from efields.formats.damages import Damages
from efields.formats.opening import first_bytes
from efields.loaders._options import OneFile
from efields.recordings.event_file import EventFile
from efields.recordings.gathering import recording_of
from efields.recordings.recording import Recording
from efields.recordings.sensor_size import checked_size, with_assumed_size

BEGINS = rb"#!AER-DAT4\.0\r\n"

EVENT = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("on", "u1"), ("unused", "u1", 3)])
"""One event as it lies in a packet."""
_BLANK = bytes(2 * EVENT.itemsize)
"""Two events that are none."""
_MOST_BESIDE = 64
"""Bytes of a packet of events that may be something else."""
_FRAME_TYPES = {0: ("<u1", 1), 16: ("<u1", 3), 24: ("<u1", 4), 2: ("<u2", 1), 18: ("<u2", 3), 26: ("<u2", 4)}
_RISING, _FALLING, _OWN = (1, 3, 4, 6, 8), (2, 5, 7, 9), (6, 7, 8, 9)


@dataclass(frozen=True)
class Config(OneFile):
    """How to read an AEDAT 4 file."""

    triggers: Literal["all", "external"] = "all"
    """Which triggers to read: all, including the marks of the camera's own frames, or only external ones."""

    def load(self, path: str | Path) -> Recording:
        """Read all of the file. Raises `InputError` for damage unless `salvage`, and where it holds no events."""
        file = self.open(path)
        container = opened(file.path)
        if not container.of("EVTS"):
            held = ", ".join(f"{KINDS.get(s.kind, s.kind)} ({s.name})" for s in container.streams) or "nothing"
            raise InputError(f"contains no events, only {held}", file.path, "choose a recording with an event stream")
        return recording_of(file, self.salvage)

    def open(self, path: str | Path) -> EventFile:
        """Read the header. Raises `InputError` for what is no such file, or whose header is broken."""
        file = Path(path)
        checked_size(self.width, self.height, file)
        container = opened(file)
        events, sized = container.of("EVTS"), [*container.of("EVTS"), *container.of("FRME")]
        notes = _notes(events, container.of("TRIG"), self.triggers)
        width, height = self.width, self.height
        if not width:
            width, height = next(((s.width, s.height) for s in sized if s.width and s.height), (0, 0))
        assumed = not width
        if assumed:
            unsized = EventFile("AEDAT 4.0", file, 0, 0, lambda damages: _decode(container, events[:1], damages))
            found = with_assumed_size(replace(unsized, notes=notes))
            width, height, notes = found.width, found.height, found.notes
        return EventFile(
            format="AEDAT 4.0",
            path=file,
            width=width,
            height=height,
            decode=lambda damages: _decode(container, events[:1], damages),
            side_streams=lambda damages: _side(container, (width, height), self.triggers == "all", damages),
            place_in_file=lambda x, y: (_signed(x), _signed(y)),
            notes=notes,
            size_assumed=assumed,
        )


def matches(path: str | Path) -> bool:
    """Whether the file begins like AEDAT 4."""
    return first_bytes(Path(path), len(MAGIC)) == MAGIC


def _notes(events: tuple[Stream, ...], triggers: tuple[Stream, ...], which: str) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if len(events) > 1:
        others = ", ".join(f"'{stream.name}' ({stream.number})" for stream in events[1:])
        notes += (f"The first event stream, '{events[0].name}' ({events[0].number}), was read, not {others}.",)
    if triggers and which == "all":
        notes += (
            "Triggers may hold marks of the camera's own frames, beginnings as rising and ends as falling edges "
            "(triggers = 'external' leaves them out).",
        )
    return notes


def _decode(container: Container, streams: tuple[Stream, ...], damages: Damages) -> Iterator[EventColumns]:
    """The events of one stream, or none where there is no stream."""
    held: list[np.ndarray] = []
    count = 0
    for packet in packets(container, {stream.number for stream in streams}, damages):
        try:
            first, number = root(packet.buffer, 4, b"EVTS").vector(0, EVENT.itemsize, cut=packet.cut)
        except BrokenBufferError:
            _report(packet, damages)
            continue
        if not packet.cut and len(packet.buffer) - first - EVENT.itemsize * number > _MOST_BESIDE:
            _report(packet, damages)  # fewer events than there is room for: they are not where they should be
            continue
        rows = np.frombuffer(packet.buffer, dtype=EVENT, count=number, offset=first)
        if _BLANK in packet.buffer:
            blank = blank_records(rows.view(np.uint8), EVENT.itemsize)
            lost = int(np.count_nonzero(blank))
            if lost:
                damages.found("events of a packet lie in a block of zeros", byte=packet.byte, lost_events=lost)
            rows = rows[~blank]
        held.append(rows)
        if (held[-1]["on"] > 1).any():
            right = held[-1]["on"] <= 1
            what = "an event's polarity is neither 0 nor 1 in the packet"
            damages.found(what, byte=packet.byte, lost_events=int(np.count_nonzero(~right)))
            held[-1] = held[-1][right]
        count += number
        if count >= CHUNK:
            yield _columns(held)
            held, count = [], 0
    if count:
        yield _columns(held)


def _signed(place: int) -> int:
    """A place as the file has it: 16 bits with a sign."""
    return place - (1 << 16) if place >= 1 << 15 else place


def _columns(held: list[np.ndarray]) -> EventColumns:
    """Events as columns; negative places become large ones, which no sensor holds."""
    x, y, t_us, on = (np.concatenate([part[name] for part in held]) for name in ("x", "y", "t", "on"))
    return EventColumns(x.view(np.uint16), y.view(np.uint16), t_us, on.view(bool))


def _report(packet: Payload, damages: Damages) -> None:
    if not packet.cut:  # that it is cut was reported when it was read
        damages.found("a packet's contents are broken", byte=packet.byte, lost_bytes=len(packet.buffer))


def _side(container: Container, size: tuple[int, int], own_marks: bool, damages: Damages) -> SideStreams:
    """Frames, IMU samples and triggers of the first stream of each kind."""
    kinds = {streams[0].number: kind for kind in ("FRME", "IMUS", "TRIG") if (streams := container.of(kind))}
    imu: list[tuple[np.ndarray, np.ndarray]] = []
    triggers: list[tuple[np.ndarray, np.ndarray]] = []
    sized = next(((s.width, s.height) for s in container.of("FRME")[:1] if s.width and s.height), size)
    stack = FrameStack(*sized)
    for packet in packets(container, set(kinds), damages):
        identifier = kinds[packet.stream]
        try:
            table = root(packet.buffer, 4, identifier.encode())
            if identifier == "FRME":
                if not packet.cut:
                    _add_frame(table, stack, packet.byte, damages)
                continue
            rows = Tables(table, 0, cut=packet.cut)
            t_us = rows.column(0, "<i8")
            if identifier == "IMUS":
                imu.append((t_us, np.stack([rows.column(field, "<f4") for field in range(2, 8)], axis=1)))
            else:
                kind = rows.column(1, "<i1")
                kept = np.isin(kind, _RISING + _FALLING) & (own_marks | ~np.isin(kind, _OWN))
                triggers.append((t_us[kept], np.isin(kind[kept], _RISING)))
        except BrokenBufferError:
            _report(packet, damages)
    return SideStreams(imu_of(imu), stack.frames(), triggers_of(triggers))


def _add_frame(table: Table, stack: FrameStack, byte: int, damages: Damages) -> None:
    dtype, channels = _FRAME_TYPES.get(table.scalar(5, "<b"), ("", 0))
    if not channels:
        damages.left_out("frames whose pixels are of an unknown type")
        return
    width, height, left, top = (int(table.scalar(field, "<h")) for field in (6, 7, 8, 9))
    first, count = table.vector(10, 1)
    pixels = np.dtype(dtype)
    if min(width, height) < 1 or count != width * height * channels * pixels.itemsize:
        damages.found("a frame's size does not fit its pixels", byte=byte, lost_bytes=count)
        return
    image = np.frombuffer(table.buffer, pixels, width * height * channels, first).reshape(height, width, channels)
    if channels > 1:
        image = np.ascontiguousarray(image[:, :, 2::-1])  # BGR or BGRA to RGB
    begin, end, stamp = (int(table.scalar(field, "<q")) for field in (3, 4, 0))
    if not stack.add(image.astype(pixels.newbyteorder("=")), middle(begin, end, stamp), left, top):
        damages.found(
            "a frame differs in size or type from earlier ones, or lies outside the sensor", byte=byte, lost_bytes=count
        )
