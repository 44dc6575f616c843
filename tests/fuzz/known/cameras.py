"""Files of cameras: words, records and packets of known events."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from efields import writers
from efields.events.columns import EventColumns, in_chunks
from efields.writers import About
from tests.contracts.samples import aedat, prophesee
from tests.fuzz.known import Known, known_events
from tests.loaders import ros_bags

_SIZE = 120, 90
_HEADER = "% evt {0}\n% format EVT{1};height=90;width=120\n% geometry 120x90\n% end\n"


def _rows(events: EventColumns) -> list[prophesee.Event]:
    return list(zip(events.t_us.tolist(), events.x.tolist(), events.y.tolist(), events.polarity.tolist(), strict=True))


def _written(kind: str, name: str) -> Callable[[Path], Known]:
    """A file of our own writer, which packs events as cameras do."""

    def write(folder: Path) -> Known:
        events = known_events(*_SIZE)
        writers.writer(kind).write(in_chunks(events, 400), folder / name, About(*_SIZE))
        return Known(folder / name, events, {})

    return write


def _evt(words: Callable, write: Callable) -> Callable[[Path], Known]:
    """A time before each event, in the words of the format's description."""

    def written(folder: Path) -> Known:
        events = known_events(*_SIZE)
        return Known(write(folder / "events.raw", words(_rows(events)), _HEADER), events, {})

    return written


def _dat(version: int) -> Callable[[Path], Known]:
    def write(folder: Path) -> Known:
        events = known_events(*_SIZE)
        path = prophesee.write_dat(folder / "events_td.dat", _rows(events), version, sized=False)
        return Known(path, events, {"width": _SIZE[0], "height": _SIZE[1]})

    return write


def _event_stream(folder: Path) -> Known:
    events = known_events(*_SIZE, start_us=0)
    head = b"Event Stream" + bytes([2, 0, 0, 1]) + struct.pack("<HH", *_SIZE)
    (folder / "events.es").write_bytes(head + prophesee.event_stream_bytes(_rows(events), _SIZE[1]))
    return Known(folder / "events.es", events, {})


def _aedat2(address: Callable[[int, int, int], int], chip: str, size: tuple[int, int]) -> Callable[[Path], Known]:
    def write(folder: Path) -> Known:
        events = known_events(*size)
        records = [(address(x, y, p), t) for t, x, y, p in _rows(events)]
        return Known(aedat.aedat2_file(folder / "recorded.aedat", records, chip), events, {})

    return write


def _davis(x: int, y: int, p: int) -> int:
    return (259 - y) << 22 | (345 - x) << 12 | p << 11


def _dvs128(x: int, y: int, p: int) -> int:
    return (127 - y) << 8 | (127 - x) << 1 | (1 - p)


def _packets(events: EventColumns, count: int = 250) -> Iterable[EventColumns]:
    return in_chunks(events, count)


def _aedat3(folder: Path) -> Known:
    events = known_events(240, 180)
    packets = [
        aedat.aedat3_packet(1, aedat.aedat3_events(part.x, part.y, part.t_us, part.polarity))
        for part in _packets(events)
    ]
    return Known(aedat.aedat3_file(folder / "recorded.aedat", packets), events, {})


def _aedat4(folder: Path) -> Known:
    """Not compressed, so that damage reaches the events; no table at the end."""
    events = known_events(*_SIZE)
    header = aedat.aedat4_header(xml=aedat.XML.replace('">8<', '">120<').replace('">6<', '">90<'))
    packets = (
        aedat.aedat4_packet(0, aedat.aedat4_events(part.x, part.y, part.t_us, part.polarity))
        for part in _packets(events)
    )
    (folder / "recorded.aedat4").write_bytes(header + b"".join(packets))
    return Known(folder / "recorded.aedat4", events, {})


def _nmnist(folder: Path) -> Known:
    events = known_events(34, 34, start_us=0)
    body = b"".join(struct.pack(">BBBH", x, y, p << 7 | t >> 16, t & 0xFFFF) for t, x, y, p in _rows(events))
    (folder / "00002.bin").write_bytes(body)
    return Known(folder / "00002.bin", events, {})


def _bag(kind: str, encoding: str) -> Callable[[Path], Known]:
    """Some messages of an 8 x 6 sensor."""

    def write(folder: Path) -> Known:
        events = known_events(8, 6, count=1000)
        store = ros_bags.typestore(kind == "ros1")
        messages = []
        for part in _packets(events):
            if encoding:
                words = np.array(list(prophesee.evt3_words(_rows(part))), "<u2")
                content = ros_bags.packet(store, encoding, words.tobytes(), stamp=int(part.t_us[0]) * 1000)
            else:
                content = ros_bags.array(store, part.x, part.y, part.t_us * 1000, part.polarity)
            messages.append(("/events", *content))
        path = ros_bags.write(folder / ("events.bag" if kind == "ros1" else "events"), kind, messages)
        if path.is_dir():
            path = next(path.glob(f"*.{kind}"))
        return Known(path, events, {})

    return write


FILES: dict[str, Callable[[Path], Known]] = {
    "evt2": _evt(prophesee.evt2_words, prophesee.write_evt2),
    "evt2_packed": _written("evt2", "events.raw"),
    "evt21": _evt(prophesee.evt21_words, prophesee.write_evt21),
    "evt3": _evt(prophesee.evt3_words, prophesee.write_evt3),
    "evt3_packed": _written("evt3", "events.raw"),
    "dat1": _dat(1),
    "dat2": _dat(2),
    "event_stream": _event_stream,
    "aedat2_davis": _aedat2(_davis, "eu.seebetter.ini.chips.davis.Davis346B", (346, 260)),
    "aedat2_dvs128": _aedat2(_dvs128, "ch.unizh.ini.jaer.chip.retina.DVS128", (128, 128)),
    "aedat3": _aedat3,
    "aedat4": _aedat4,
    "aedat4_lz4": _written("aedat4", "events.aedat4"),
    "nmnist": _nmnist,
    "bag1_arrays": _bag("ros1", ""),
    "bag1_evt3": _bag("ros1", "evt3"),
    "bag2_evt3": _bag("db3", "evt3"),
    "bag2_mcap": _bag("mcap", "evt3"),
}
