"""AEDAT 2.0, the files of jAER: lines that begin with '#', then records of 8 bytes, big-endian: address, microseconds.

What an address means depends on the chip, which newer files name ('# AEChip: ...DAVIS240C'); where they do not, an
address that needs more than 16 bits is one of a DAVIS. DVS128: bit 0 polarity (0: ON), bits 1 to 7 x, 8 to 14 y, bit 15
an edge at the trigger input. DAVIS: see `efields.formats.aedat.aedat2`.

jAER counts y from the bottom, and x of events (not of frames) from the right: here the origin is the upper left pixel,
as jAER shows it, so that x = width - 1 - bits, y = height - 1 - bits. Checked with the simulated recordings of
Rueckauer and Delbruck (2016), whose ground truth lies where mirrored events lie, and with a recording of a dark box,
whose leading edge is OFF.

Numbers of the IMU are scaled by the ranges that the header names (jAER's preferences ImuGyroScale, ImuAccelScale); axes
are those of the sensor chip. Frames hold reset read minus signal read, 0 to 1023.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.side_streams import SideStreams
from efields.formats.aedat.aedat2 import IMU_PARTS, FrameReads, ImuParts, RecordFile, Records
from efields.formats.aedat.header import read_header, sensor_named
from efields.formats.aedat.side_parts import imu_of, triggers_of
from efields.formats.damages import Damages
from efields.formats.opening import first_bytes, opened_bytes
from efields.loaders._options import OneFile
from efields.recordings.event_file import EventFile
from efields.recordings.sensor_size import checked_size

BEGINS = rb"#!AER-DAT2\.0"

_MAGIC = b"#!AER-DAT2.0"
_LSB_PER_DEGREE_S = {250: 131.0, 500: 65.5, 1000: 32.8, 2000: 16.4}
_LSB_PER_G = {2: 16384.0, 4: 8192.0, 8: 4096.0, 16: 2048.0}
_ADC_MAX = 1023.0
_TURN = 1 << 16
"""A place outside the sensor that was mirrored below zero is a 16-bit number all the same."""


@dataclass(frozen=True)
class Config(OneFile):
    """How to read an AEDAT 2.0 file."""

    def open(self, path: str | Path) -> EventFile:
        """Read the header. Raises `InputError` for what is no such file, and for a chip that is not known."""
        file = Path(path)
        checked_size(self.width, self.height, file)
        data = opened_bytes(file)
        lines, first = read_header(data, _MAGIC, file)
        records = RecordFile(file, data, first)
        size, davis, notes = _chip(lines, records)
        if self.width:
            size, notes = (self.width, self.height), ()
        scale, scale_notes = _imu_scale(lines, records) if davis else (np.ones(6), ())
        decode = _decode_davis if davis else _decode_dvs
        return EventFile(
            format="AEDAT 2.0",
            path=file,
            width=size[0],
            height=size[1],
            decode=lambda damages: decode(records, size, damages),
            side_streams=lambda damages: (
                _side_davis(records, size, scale, damages) if davis else _side_dvs(records, damages)
            ),
            notes=notes + scale_notes,
            place_in_file=lambda x, y: ((size[0] - 1 - x) % _TURN, (size[1] - 1 - y) % _TURN),
        )


def matches(path: str | Path) -> bool:
    """Whether the file begins like AEDAT 2.0."""
    return first_bytes(Path(path), len(_MAGIC)) == _MAGIC


def _chip(lines: list[str], records: RecordFile) -> tuple[tuple[int, int], bool, tuple[str, ...]]:
    """Size of the sensor, whether it is a DAVIS, and a note where that was found from addresses alone."""
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("AEChip:")), "")
    if named:
        size, name = sensor_named(named), named.rpartition(".")[2].lower()
        if size is None or not name.startswith(("davis", "dvs128", "tmpdiff128")):
            do = "convert the file to another format with jAER"
            raise InputError(
                f"is a recording of the chip '{named}', whose address format is not known", records.path, do
            )
        return size, name.startswith("davis"), ()
    columns = rows = 0
    davis = False
    for part in records.chunks():
        if davis or (part.address >> 16).any():
            davis = True
            events = part.address[part.is_event]
            columns = max(columns, int((events >> 12 & 0x3FF).max(initial=0)) + 1)
            rows = max(rows, int((events >> 22 & 0x1FF).max(initial=0)) + 1)
    known = ((240, 180), (346, 260), (640, 480)) if davis else ((128, 128),)
    size = next((size for size in known if size[0] >= columns and size[1] >= rows), known[-1])
    name = f"DAVIS of {size[0]} x {size[1]} pixels" if davis else "DVS128"
    return size, davis, (f"The file does not name its camera: addresses are assumed to be those of a {name}.",)


def _imu_scale(lines: list[str], records: RecordFile) -> tuple[np.ndarray, tuple[str, ...]]:
    """g and degrees/s of one step of the six axes, and notes on what was assumed."""
    text = "\n".join(line for line in lines if "mu" in line)
    gyro = _said(text, r'ImuGyroScale" value="\D*(\d+)"', r'imu3_GYRO_CONFIG" value="(\d+)"', 250)
    accel = _said(text, r'ImuAccelScale" value="\D*(\d+)"', r'imu4_ACCEL_CONFIG" value="(\d+)"', 2)
    missing = gyro not in _LSB_PER_DEGREE_S or accel not in _LSB_PER_G
    gyro, accel = (gyro if gyro in _LSB_PER_DEGREE_S else 500), (accel if accel in _LSB_PER_G else 4)
    scale = np.repeat([1 / _LSB_PER_G[accel], 1 / _LSB_PER_DEGREE_S[gyro]], 3)
    if not any(part.is_imu.any() for part in records.chunks()):
        return scale, ()
    notes: tuple[str, ...] = ()
    if missing:
        notes = (f"The header lacks the ranges of the IMU: {gyro} degrees/s and {accel} g are assumed.",)
    if _ends_in_a_sample(records):
        notes += ("The file ends in the middle of an IMU sample, which was left out.",)
    return scale, notes


def _said(text: str, in_words: str, in_register: str, least: int) -> int:
    """A range as the preferences name it, else from bits 3 and 4 of the register; 0 where there is neither."""
    if found := re.search(in_words, text):
        return int(found[1][:6])
    found = re.search(in_register, text)
    return least << (int(found[1][:6]) >> 3 & 3) if found else 0


def _ends_in_a_sample(records: RecordFile) -> bool:
    tail = RecordFile(records.path, records.data, records.first + 8 * max(0, records.count - 4096))
    last = [part.address[part.is_imu] for part in tail.chunks()]
    codes = np.concatenate(last) >> 28 & 7 if last else np.zeros(0, dtype=np.uint32)
    return len(codes) > 0 and int(codes[-1]) != IMU_PARTS - 1


def _decode_dvs(records: RecordFile, size: tuple[int, int], damages: Damages) -> Iterator[EventColumns]:
    for part in records.chunks(damages):
        foreign = part.address >> 16 != 0
        if foreign.any():
            byte = part.byte + 8 * int(np.argmax(foreign))
            lost = int(np.count_nonzero(foreign))
            damages.found("an address has bits that a DVS128 does not have", byte=byte, lost_events=lost)
        events = part.take(~foreign & (part.address & 0x8000 == 0))
        x, y = events.address >> 1 & 0x7F, events.address >> 8 & 0x7F
        yield _mirrored(x, y, events, events.address & 1 == 0, size)


def _decode_davis(records: RecordFile, size: tuple[int, int], damages: Damages) -> Iterator[EventColumns]:
    for part in records.chunks(damages):
        events = part.take(part.is_event & (part.address & 0x400 == 0))
        x, y = events.address >> 12 & 0x3FF, events.address >> 22 & 0x1FF
        yield _mirrored(x, y, events, events.address & 0x800 != 0, size)


def _mirrored(
    x: np.ndarray, y: np.ndarray, events: Records, polarity: np.ndarray, size: tuple[int, int]
) -> EventColumns:
    """Columns with the origin at the upper left; places outside the sensor become large ones, which none holds."""
    columns, rows = np.uint16(size[0] - 1), np.uint16(size[1] - 1)
    return EventColumns(columns - x.astype(np.uint16), rows - y.astype(np.uint16), events.t_us, polarity)


def _side_dvs(records: RecordFile, damages: Damages) -> SideStreams:
    """Edges at the input of a DVS128, which says nothing of their direction: they count as rising."""
    edges = [part.take(part.address & 0xFFFF8000 == 0x8000) for part in records.chunks(damages)]
    return SideStreams(triggers=triggers_of([(e.t_us, np.ones(len(e.t_us), dtype=bool)) for e in edges]))


def _side_davis(records: RecordFile, size: tuple[int, int], scale: np.ndarray, damages: Damages) -> SideStreams:
    """IMU samples, frames, and edges, of which only the address ending in 2 is a falling one."""
    imu, frames = ImuParts(damages), FrameReads(*size, damages)
    edges: list[tuple[np.ndarray, np.ndarray]] = []
    part = None
    for part in records.chunks(damages):
        edge = part.take(part.is_event & (part.address & 0x400 != 0))
        edges.append((edge.t_us, edge.address & 7 != 2))
        imu.add(part.take(part.is_imu))
        frames.add(part.take(~part.is_event & ~part.is_imu))
    if part is not None:
        frames.add(part.take(np.zeros(len(part.t_us), dtype=bool)), end=True)
    axes = [(t_us, raw[:, [0, 1, 2, 4, 5, 6]] * scale) for t_us, raw in imu.samples]
    return SideStreams(imu_of(axes), frames.stack.frames(_ADC_MAX), triggers_of(edges))
