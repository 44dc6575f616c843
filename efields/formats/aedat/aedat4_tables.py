"""FlatBuffers of AEDAT 4 as bytes, each with its size before it: places are counted from that size.

Readers follow distances, so any order of the pieces is allowed; here vtables come first, then tables, then vectors.
Every number lies at a multiple of its own size.
"""

from __future__ import annotations

import struct

import numpy as np

from efields.events.columns import EventColumns
from efields.events.side_streams import Imu, Triggers
from efields.formats.aedat.side_parts import GRAVITY

_EVENT = np.dtype([("t", "<i8"), ("x", "<u2"), ("y", "<u2"), ("on", "u1"), ("unused", "u1", 3)])
_IMU = np.dtype([("vtable", "<i4"), ("temperature", "<f4"), ("t", "<i8"), ("axes", "<f4", 9), ("unused", "V4")])
_TRIGGER = np.dtype([("vtable", "<i4"), ("type", "i1"), ("unused", "V3"), ("t", "<i8")])
_ENTRY = np.dtype(
    [
        ("vtable", "<i4"),
        ("stream", "<i4"),
        ("size", "<i4"),
        ("unused", "V4"),
        *((n, "<i8") for n in ("at", "n", "t0", "t1")),
    ]
)
ENTRY = np.dtype([(name, "<i8") for name in ("stream", "size", "at", "n", "t0", "t1")])
"""What the table at the end says of a packet: stream, bytes, place, elements, first and last time."""


def header(compression: int, table: int, description: str) -> bytes:
    """`IOHE`: compression, byte of the table at the end (-1: none), XML; of the same length whatever the numbers."""
    text = description.encode("utf-8")
    # vtable of 10 bytes at 12; table at 24: distance, compression, int64 place, distance to the text
    body = struct.pack("<HHHHH2x", 10, 20, 4, 8, 16) + struct.pack("<iiqI", 12, compression, table, 8)
    body += bytes(4) + struct.pack("<I", len(text)) + text + b"\0"
    return _sized(24, b"IOHE", body)


def events(columns: EventColumns) -> bytes:
    """`EVTS`: a vector of structs."""
    rows = np.zeros(columns.count, dtype=_EVENT)
    rows["t"], rows["x"], rows["y"], rows["on"] = columns.t_us, columns.x, columns.y, columns.polarity
    return _sized(20, b"EVTS", _list_of(len(rows)) + rows.tobytes())


def imu(samples: Imu) -> bytes:
    """`IMUS`: a vector of tables; temperature and magnetic field are 0."""
    rows = np.zeros(len(samples.t_us), dtype=_IMU)
    rows["t"] = samples.t_us
    rows["axes"][:, :3] = samples.acceleration / GRAVITY
    rows["axes"][:, 3:6] = np.rad2deg(samples.gyro)
    return _tables(b"IMUS", rows, (8, 4, *range(16, 52, 4)))


def triggers(edges: Triggers) -> bytes:
    """`TRIG`: a vector of tables, as edges of an external signal."""
    rows = np.zeros(len(edges), dtype=_TRIGGER)
    rows["t"], rows["type"] = edges.t_us, np.where(edges.rising, 1, 2)
    return _tables(b"TRIG", rows, (8, 4))


def frame(image: np.ndarray, t_us: int) -> bytes:
    """`FRME`: an image (h, w, c), uint8 or uint16, 1 channel or RGB; all its times are `t_us`."""
    height, width, channels = image.shape
    kind = 8 * (channels - 1) + (2 if image.dtype == np.uint16 else 0)
    pixels = np.ascontiguousarray(image[:, :, ::-1]).astype(image.dtype.newbyteorder("<")).tobytes()  # RGB to BGR
    # vtable of 26 bytes at 12; table of 60 bytes at 40
    body = struct.pack("<13H2x", 26, 60, 16, 24, 32, 40, 48, 4, 6, 8, 10, 12, 56)
    body += struct.pack("<ibxhhhh2x5qI", 28, kind, width, height, 0, 0, *[t_us] * 5, 8)
    return _sized(40, b"FRME", body + bytes(4) + struct.pack("<I", len(pixels)) + pixels)


def table_at_end(entries: np.ndarray) -> bytes:
    """`FTAB`: what `ENTRY` holds of every packet."""
    rows = np.zeros(len(entries), dtype=_ENTRY)
    for name in ENTRY.names or ():
        rows[name] = entries[name]
    return _tables(b"FTAB", rows, (16, 4, 24, 32, 40))


def _tables(identifier: bytes, rows: np.ndarray, places: tuple[int, ...]) -> bytes:
    """A vector of tables of one kind, fields at `places`; `rows` are the tables, but for the distance to the vtable."""
    vtable = struct.pack(f"<{2 + len(places)}H", 4 + 2 * len(places), rows.itemsize, *places)
    at_vtable = -(-(32 + 4 * len(rows)) // 8) * 8
    at_rows = at_vtable + -(-len(vtable) // 8) * 8
    at = at_rows + rows.itemsize * np.arange(len(rows), dtype=np.int64)
    rows["vtable"] = at - at_vtable
    distances = (at - (32 + 4 * np.arange(len(rows)))).astype("<u4").tobytes()
    body = _list_of(len(rows)) + distances
    body = body.ljust(at_vtable - 12, b"\0") + vtable
    return _sized(20, identifier, body.ljust(at_rows - 12, b"\0") + rows.tobytes())


def _list_of(count: int) -> bytes:
    """Vtable at 12, table at 20 with one field, a vector whose elements begin at 32."""
    return struct.pack("<HHH2x", 6, 8, 4) + struct.pack("<iI", 8, 4) + struct.pack("<I", count)


def _sized(table: int, identifier: bytes, body: bytes) -> bytes:
    """Size, distance to the root table (counted from behind the size), identifier, and what follows."""
    return struct.pack("<II", 8 + len(body), table - 4) + identifier + body
