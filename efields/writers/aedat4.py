"""AEDAT 4, as iniVation's DV software, dv-processing, faery and efields read it: LZ4 packets and a table at the end.

Events are stream 0; frames, IMU samples and triggers, where there are any, streams 1 to 3, each packet placed by its
first time. Written exactly: events, times, uint8 and uint16 frames (with the time of each as its whole exposure),
edges. IMU samples are stored in g and degrees/s as 32-bit floats. Frames of other types are left out. The format of the
container is described in `efields.formats.aedat.aedat4`, that of the packets in `loaders.aedat4`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import numpy as np

from efields.atomic import replacing
from efields.errors import InputError
from efields.events.columns import EventColumns, in_chunks
from efields.events.side_streams import Frames, Imu, Triggers
from efields.formats.about import About
from efields.formats.aedat import aedat4_tables as tables

SUFFIX = ".aedat4"
STORES_SIZE = True
_VERSION = b"#!AER-DAT4.0\r\n"
_LZ4 = 1
_EVENTS, _SAMPLES = 1 << 14, 1 << 10
"""Events, and IMU samples or triggers, of one packet."""


class _Packet(NamedTuple):
    t0_us: int
    stream: int
    t1_us: int
    elements: int
    buffer: Callable[[], bytes]


def write(events: Iterator[EventColumns], path: Path, about: About) -> int:
    """Write a whole file, or none; gives the number of events.

    Raises `InputError` for a sensor beyond 32767 pixels a side and times before 0.
    """
    import lz4.frame

    if max(about.width, about.height) > np.iinfo(np.int16).max:
        what = f"a sensor of {about.width} x {about.height} pixels does not fit in AEDAT 4"
        raise InputError(what, path, "at most 32767 pixels a side can be written; choose another format")
    side = replace(about.side, frames=_writable(about.side.frames))
    streams = [
        _event_packets(events, path),
        _frame_packets(side.frames),
        _sample_packets(side.imu),
        _trigger_packets(side.triggers),
    ]
    held = [True, side.frames is not None, side.imu is not None, side.triggers is not None]
    description, count, entries = _description(about.width, about.height, held), 0, []
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(_VERSION + tables.header(_LZ4, -1, description))
        for packet in heapq.merge(*streams, key=lambda packet: packet.t0_us):
            data = lz4.frame.compress(packet.buffer())
            entries.append((packet.stream, len(data), file.tell(), packet.elements, packet.t0_us, packet.t1_us))
            file.write(packet.stream.to_bytes(4, "little") + len(data).to_bytes(4, "little") + data)
            count += packet.elements if packet.stream == 0 else 0
        end = file.tell()
        file.write(lz4.frame.compress(tables.table_at_end(np.array(entries, dtype=tables.ENTRY))))
        file.seek(0)
        file.write(_VERSION + tables.header(_LZ4, end, description))
    return count


def _event_packets(events: Iterator[EventColumns], path: Path) -> Iterator[_Packet]:
    for chunk in events:
        for part in in_chunks(chunk, _EVENTS):
            t0_us, t1_us = int(part.t_us[0]), int(part.t_us[-1])
            if t0_us < 0:
                raise InputError(
                    f"a time before 0 ({t0_us} us) does not fit in AEDAT 4", path, "shift them with --from-zero"
                )
            yield _Packet(t0_us, 0, t1_us, part.count, lambda part=part: tables.events(part))


def _writable(frames: Frames | None) -> Frames | None:
    if frames is None or len(frames) == 0:
        return None
    fits = frames.image.dtype in (np.uint8, np.uint16) and frames.image.shape[3] in (1, 3)
    return frames if fits and max(frames.image.shape[1:3]) <= np.iinfo(np.int16).max else None


def _frame_packets(frames: Frames | None) -> Iterator[_Packet]:
    if frames is None:
        return
    for i in np.argsort(frames.t_us, kind="stable"):
        t_us = int(frames.t_us[i])
        yield _Packet(t_us, 1, t_us, 1, lambda i=i, t_us=t_us: tables.frame(frames.image[i], t_us))


def _sample_packets(imu: Imu | None) -> Iterator[_Packet]:
    if imu is None:
        return
    order = np.argsort(imu.t_us, kind="stable")
    for first in range(0, len(order), _SAMPLES):
        at = order[first : first + _SAMPLES]
        part = Imu(imu.t_us[at], imu.gyro[at], imu.acceleration[at])
        yield _Packet(int(part.t_us[0]), 2, int(part.t_us[-1]), len(at), lambda part=part: tables.imu(part))


def _trigger_packets(triggers: Triggers | None) -> Iterator[_Packet]:
    if triggers is None:
        return
    order = np.argsort(triggers.t_us, kind="stable")
    for first in range(0, len(order), _SAMPLES):
        at = order[first : first + _SAMPLES]
        part = Triggers(triggers.t_us[at], triggers.rising[at])
        yield _Packet(int(part.t_us[0]), 3, int(part.t_us[-1]), len(at), lambda part=part: tables.triggers(part))


def _description(width: int, height: int, held: list[bool]) -> str:
    """The XML that names the streams, in the form of DV."""
    kinds = (
        ("events", "EVTS", "Array of events (polarity ON/OFF)."),
        ("frames", "FRME", "Standard frame (8-bit image)."),
        ("imu", "IMUS", "Inertial Measurement Unit data samples."),
        ("triggers", "TRIG", "External triggers and special signals."),
    )
    nodes = "".join(
        _node(number, *kind, width, height)
        for number, (kind, there) in enumerate(zip(kinds, held, strict=True))
        if there
    )
    return f'<dv version="2.0"><node name="outInfo" path="/mainloop/Recorder/outInfo/">{nodes}</node></dv>'


def _node(number: int, name: str, identifier: str, meaning: str, width: int, height: int) -> str:
    path = f"/mainloop/Recorder/outInfo/{number}/"
    said = (
        ("compression", "LZ4"),
        ("originalModuleName", "efields"),
        ("originalOutputName", name),
        ("typeDescription", meaning),
        ("typeIdentifier", identifier),
    )
    attributes = "".join(f'<attr key="{key}" type="string">{escape(value)}</attr>' for key, value in said)
    size = "".join(
        f'<attr key="{key}" type="int">{value}</attr>' for key, value in (("sizeX", width), ("sizeY", height))
    )
    info = (size if identifier in ("EVTS", "FRME") else "") + '<attr key="source" type="string">efields</attr>'
    return f'<node name="{number}" path="{path}">{attributes}<node name="info" path="{path}info/">{info}</node></node>'
