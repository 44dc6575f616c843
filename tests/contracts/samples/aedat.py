"""AEDAT files of all versions, written byte by byte from their descriptions (AEDAT 4 without compression)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.contracts.samples.folders import event_columns

XML = (
    '<dv version="2.0"><node name="outInfo">'
    '<node name="0"><attr key="originalOutputName" type="string">events</attr>'
    '<attr key="typeIdentifier" type="string">EVTS</attr><node name="info">'
    '<attr key="sizeX" type="int">8</attr><attr key="sizeY" type="int">6</attr></node></node>'
    "</node></dv>"
)


def microseconds() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, y, time in microseconds, polarity."""
    x, y, t_ns, polarity = event_columns()
    return x, y, t_ns // 1000, polarity


def aedat2_file(path: Path, records: list[tuple[int, int]], chip: str = "", more: str = "") -> Path:
    """Address and time of each record, after a header as jAER writes it."""
    lines = "#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n# Timestamps tick is 1 us\r\n"
    lines += f"# AEChip: {chip}\r\n" if chip else ""
    path.write_bytes((lines + more).encode() + b"".join(struct.pack(">II", *record) for record in records))
    return path


def aedat2(folder: Path) -> Path:
    """A DAVIS240C of jAER, x and y mirrored."""
    folder.mkdir(parents=True)
    records = [
        ((179 - int(y)) << 22 | (239 - int(x)) << 12 | int(p) << 11, int(t))
        for x, y, t, p in zip(*microseconds(), strict=True)
    ]
    return aedat2_file(folder / "recorded.aedat", records, "eu.seebetter.ini.chips.davis.DAVIS240C")


def aedat3_packet(kind: int, bodies: list[bytes], *, source: int = 1, overflows: int = 0, stamp: int = 4) -> bytes:
    """A packet of AEDAT 3.1 from its events."""
    head = struct.pack("<hhiiiiii", kind, source, len(bodies[0]), stamp, overflows, *[len(bodies)] * 3)
    return head + b"".join(bodies)


def aedat3_file(path: Path, packets: list[bytes], camera: str = "DAVIS240C") -> Path:
    """Packets after a header as cAER writes it."""
    head = f"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: {camera}\r\n#Start-Time: 2017-01-01 00:00:00 (TZ+0100)\r\n"
    path.write_bytes(head.encode() + b"#!END-HEADER\r\n" + b"".join(packets))
    return path


def aedat3_events(x: np.ndarray, y: np.ndarray, t: np.ndarray, p: np.ndarray) -> list[bytes]:
    """Valid polarity events."""
    return [
        struct.pack("<Ii", int(a) << 17 | int(b) << 2 | int(on) << 1 | 1, int(c))
        for a, b, c, on in zip(x, y, t, p, strict=True)
    ]


def aedat3(folder: Path) -> Path:
    """Two packets of events."""
    folder.mkdir(parents=True)
    events = aedat3_events(*microseconds())
    return aedat3_file(folder / "recorded.aedat", [aedat3_packet(1, events[:25]), aedat3_packet(1, events[25:])])


def aedat4_header(compression: int = 0, xml: str = XML, table: int = -1) -> bytes:
    """First line and header table (vtable at 12, table at 24, counted from its size)."""
    text = xml.encode()
    body = struct.pack("<I4s5H2xiiqI4xI", 20, b"IOHE", 10, 20, 4, 8, 16, 12, compression, table, 8, len(text)) + text
    return b"#!AER-DAT4.0\r\n" + struct.pack("<I", len(body) + 1) + body + b"\0"


def aedat4_events(x: np.ndarray, y: np.ndarray, t: np.ndarray, p: np.ndarray) -> bytes:
    """A table `EVTS` with its size: vtable at 12, table at 20, structs from 32."""
    rows = b"".join(struct.pack("<qhhB3x", *map(int, row)) for row in zip(t, x, y, p, strict=True))
    body = struct.pack("<I4s3H2xiII", 16, b"EVTS", 6, 8, 4, 8, 4, len(t)) + rows
    return struct.pack("<I", len(body)) + body


def aedat4_packet(stream: int, data: bytes) -> bytes:
    """A packet from what is inside."""
    return struct.pack("<ii", stream, len(data)) + data


def aedat4(folder: Path) -> Path:
    """Two packets of events, not compressed, no table at the end."""
    folder.mkdir(parents=True)
    columns = microseconds()
    path = folder / "recorded.aedat4"
    parts = [aedat4_events(*(column[part] for column in columns)) for part in (slice(25), slice(25, None))]
    path.write_bytes(aedat4_header() + b"".join(aedat4_packet(0, part) for part in parts))
    return path


LOADERS: dict[str, Callable[[Path], Path]] = {"aedat2": aedat2, "aedat3": aedat3, "aedat4": aedat4}
