"""Files of Prophesee's cameras, Event Stream and N-MNIST, written word by word from the formats' descriptions."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np

from tests.contracts.samples.folders import HEIGHT, WIDTH, event_columns

RAW_HEADER = "% Date 2024-01-02 03:04:05\n% evt {0}\n% format EVT{1};height=6;width=8\n% geometry 8x6\n% end\n"
Event = tuple[int, int, int, int]
"""t, x, y, polarity."""


def rows() -> list[Event]:
    """t in microseconds, x, y, polarity of each event."""
    x, y, t_ns, polarity = event_columns()
    return [(int(t) // 1000, int(a), int(b), int(p)) for t, a, b, p in zip(t_ns, x, y, polarity, strict=True)]


def evt2_words(events: list[Event]) -> Iterator[int]:
    """Words of 32 bits: the upper time before each event."""
    for t, x, y, p in events:
        yield 0x8 << 28 | (t >> 6) & 0xFFFFFFF
        yield p << 28 | (t & 63) << 22 | x << 11 | y


def evt21_words(events: list[Event]) -> Iterator[int]:
    """Words of 64 bits, one event each."""
    for t, x, y, p in events:
        yield 0x8 << 60 | ((t >> 6) & 0xFFFFFFF) << 32
        yield p << 60 | (t & 63) << 54 | (x & ~31) << 43 | y << 32 | 1 << (x & 31)


def evt3_words(events: list[Event]) -> Iterator[int]:
    """Words of 16 bits: upper time, lower time, row and x of each event."""
    for t, x, y, p in events:
        yield from (0x8000 | (t >> 12) & 0xFFF, 0x6000 | t & 0xFFF, y, 0x2000 | p << 11 | x)


def write_evt3(path: Path, words: Iterator[int] | list[int], header: str = RAW_HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header.format("3.0", "3").encode() + b"".join(struct.pack("<H", word) for word in words))
    return path


def write_evt2(path: Path, words: Iterator[int] | list[int], header: str = RAW_HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header.format("2.0", "2").encode() + b"".join(struct.pack("<I", word) for word in words))
    return path


def write_evt21(path: Path, words: Iterator[int] | list[int], header: str = RAW_HEADER, *, legacy: bool = True) -> Path:
    """`legacy`: the upper half of each word first, as the IMX636 sends it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = ((word >> 32, word & 0xFFFFFFFF)[:: 1 if legacy else -1] for word in words)
    path.write_bytes(header.format("2.1", "21").encode() + b"".join(struct.pack("<II", *pair) for pair in halves))
    return path


def prophesee_raw(folder: Path) -> Path:
    """EVT 3.0; the header has an odd length, as it may."""
    return write_evt3(folder / "events.raw", evt3_words(rows()), RAW_HEADER.replace("% Date", "% Date "))


def write_dat(path: Path, events: list[Event], version: int = 2, kind: int = 0x0C, sized: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = f"% Data file containing CD events.\n% Version {version}\n% Date 2024-1-2 3:04:05\n"
    header += f"% Height {HEIGHT}\n% Width {WIDTH}\n" if sized else ""
    x_bits, y_bits = (9, 8) if version == 1 else (14, 14)
    body = b"".join(struct.pack("<II", t, p << (x_bits + y_bits) | y << x_bits | x) for t, x, y, p in events)
    path.write_bytes(header.encode() + bytes([kind, 8]) + body)
    return path


def prophesee_dat(folder: Path) -> Path:
    return write_dat(folder / "events_td.dat", rows())


def prophesee_hdf5(folder: Path) -> Path:
    """Tables as Metavision lays them out, without its compression; checksums, so that damage shows."""
    folder.mkdir(parents=True)
    with h5py.File(folder / "events.hdf5", "w") as file:
        file.attrs.update({"format": "ECF", "geometry": f"{WIDTH}x{HEIGHT}", "version": "1.0"})
        table = np.array(
            [(x, y, p, t) for t, x, y, p in rows()], dtype=[("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")]
        )
        file.create_dataset("CD/events", data=np.tile(table, 30), chunks=(300,), fletcher32=True)
        edges = np.array([(1, 1_200_000, 0), (0, 1_300_000, 0)], dtype=[("p", "<i2"), ("t", "<i8"), ("id", "<i2")])
        file.create_dataset("EXT_TRIGGER/events", data=edges)
    return folder / "events.hdf5"


def event_stream_bytes(events: list[Event], height: int = HEIGHT) -> bytes:
    """Version 2, DVS: y counted from the bottom, time since the last event."""
    out, before = bytearray(), 0
    for t, x, y, p in events:
        overflows, rest = divmod(t - before, 127)
        out += b"\xff" * overflows + struct.pack("<BHH", rest << 1 | p, x, height - 1 - y)
        before = t
    return bytes(out)


def event_stream(folder: Path) -> Path:
    """Times from 0, so that few bytes are overflows; the middle of the file is within an event."""
    folder.mkdir(parents=True)
    start = rows()[0][0]
    events = [((t - start) // 400, x, y, p) for t, x, y, p in rows()]
    head = b"Event Stream" + bytes([2, 0, 0, 1]) + struct.pack("<HH", WIDTH, HEIGHT)
    (folder / "events.es").write_bytes(head + event_stream_bytes(events))
    return folder / "events.es"


def nmnist(folder: Path) -> Path:
    """An odd number of events, times from 1 s."""
    folder.mkdir(parents=True)
    body = b"".join(
        struct.pack(">BBBH", x, y, p << 7 | t >> 16, t & 0xFFFF) for t, x, y, p in [*rows(), (2**21, 1, 2, 1)]
    )
    (folder / "00002.bin").write_bytes(body)
    return folder / "00002.bin"


LOADERS: dict[str, Callable[[Path], Path]] = {
    "prophesee_raw": prophesee_raw,
    "prophesee_dat": prophesee_dat,
    "prophesee_hdf5": prophesee_hdf5,
    "event_stream": event_stream,
    "nmnist": nmnist,
}
