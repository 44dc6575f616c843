"""Prophesee RAW: a header of text, then words of EVT 2.0, 2.1 or 3.0 to the end.

The header has lines `% word value`, ended by `% end` in newer files. `evt 3.0`, or `format EVT3;height=H;width=W`, says
the words; `geometry WxH` or the format says the sensor, which old files leave out. `t0 N`, which faery writes, is added
to all times. `efields.formats.evt.evt2` and `.evt3` say what the words are. Polarity 1 is ON; y is 0 at the top;
time is microseconds since the camera was started.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.side_streams import SideStreams, Triggers
from efields.formats.damages import Damages
from efields.formats.evt.decoder import EvtDecoder
from efields.formats.evt.evt2 import Evt2Decoder, Evt21Decoder
from efields.formats.evt.evt3 import Evt3Decoder
from efields.formats.evt.header import MOST, Header, checked_header_size, read_header
from efields.formats.opening import first_bytes, opened_bytes
from efields.formats.whole_runs import whole_runs
from efields.loaders._options import OneFile
from efields.ranges import PixelsOrUnknown
from efields.recordings.event_file import EventFile
from efields.recordings.sensor_size import checked_size

BEGINS = rb"(?i)%([^\n]*\n%)*?[ \t]*(evt|format)\b"

_DECODERS: dict[str, type[EvtDecoder]] = {"2.0": Evt2Decoder, "2.1": Evt21Decoder, "3.0": Evt3Decoder}
_WORDS = {"2.0": 1 << 18, "2.1": 1 << 15, "3.0": 1 << 18}
"""Words decoded at a time, so that columns stay in the cache and events at most some million."""
_UNKNOWN = "a word is of no type that the format has"
_BROKEN = f"{_UNKNOWN}, or again and again the same, or a time jumps"
_FALLBACK = {"2.0": (640, 480), "2.1": (1280, 720), "3.0": (1280, 720)}
"""The sensor of the cameras whose files lacked it."""


@dataclass(frozen=True)
class Config(OneFile):
    """How to read a RAW file."""

    width: PixelsOrUnknown = 0
    """Width of the sensor in pixels; 0: as in the header."""
    height: PixelsOrUnknown = 0
    """Height of the sensor in pixels; 0: as in the header."""

    def open(self, path: str | Path) -> EventFile:
        """Read the header. Raises `InputError` where it does not say the format."""
        path = Path(path)
        data = opened_bytes(path)
        header = read_header(data[:MOST].tobytes())
        version = _version(header)
        if version is None:
            raise InputError(
                "its header names none of EVT 2.0, 2.1 and 3.0", path, "copy the file again, its first bytes included"
            )
        checked_size(self.width, self.height, path)
        size, notes = checked_header_size(header, path), ()
        if self.width:
            size = self.width, self.height
        elif size is None:
            size = _FALLBACK[version]
            notes = (
                f"The size of the sensor is not in the file: {size[0]} x {size[1]} is assumed, as in most of them.",
            )
        words = _Words(data, header, version, version == "2.1" and _halves_swapped(header, data))
        return EventFile(
            f"Prophesee EVT {version}",
            path,
            *size,
            words.decode,
            words.side_streams,
            notes=notes,
            size_assumed=bool(notes),
        )


def matches(path: str | Path) -> bool:
    """Whether `path` begins with a header that names one of the formats."""
    return _version(read_header(first_bytes(Path(path), 1 << 13))) is not None


@dataclass(frozen=True)
class _Words:
    """The words of a file."""

    data: np.ndarray
    header: Header
    version: str
    swapped: bool
    """Whether the upper half of each word comes first, which EVT 2.1 of some cameras has."""

    def decode(self, damages: Damages) -> Iterator[EventColumns]:
        """The events of all words; broken ones are damages."""
        decoder, t0 = _DECODERS[self.version](), self.header.number("t0") or 0
        size, at = decoder.WORD.itemsize, self.header.end
        lost, placed = False, 0
        for words, skipped in self._whole(damages) if damages.salvage else self._pieces():
            if not damages.salvage and (blocks := decoder.blocks(words)) is not None:
                broken = blocks | ~decoder.KNOWN[decoder.types(words)]
                first = int(np.argmax(broken))
                what = decoder.block_of(int(words[first])) if blocks[first] else _UNKNOWN
                damages.found(what, byte=at + size * first)
            at += size * len(words)
            lost |= skipped
            if lost:
                words, untimed = decoder.from_time_on(words)
                decoder.forget()
                if untimed:
                    damages.found("events after lost words have no time", lost_events=untimed)
            lost &= not len(words)
            columns = decoder.decode(words)
            if decoder.first_unknown is not None:
                damages.found(_UNKNOWN, byte=at + size * (decoder.first_unknown - len(words)))
            placed += columns.count
            if columns.count:
                yield replace(columns, t_us=columns.t_us + t0) if t0 else columns
        if not damages.salvage and at < len(self.data):
            damages.found("the last word is truncated", byte=at)
        if decoder.unplaced and not placed:
            what = f"has {decoder.unplaced:,} events, but no time word (TIME_HIGH) before any of them"
            raise InputError(what, damages.path, "record again, or copy the file again from its beginning")
        if decoder.unplaced:
            damages.left_out("events before the first time and row words, where a live stream began", decoder.unplaced)

    def side_streams(self, damages: Damages) -> SideStreams:
        """Triggers of all channels. What is broken was reported with the events."""
        decoder = _DECODERS[self.version]()
        for words, _ in self._pieces():
            decoder.skim(words)
        triggers = decoder.triggers
        if not len(triggers):
            return SideStreams()
        return SideStreams(triggers=Triggers(triggers.t_us + (self.header.number("t0") or 0), triggers.rising))

    def _pieces(self) -> Iterator[tuple[np.ndarray, bool]]:
        """Words, piece by piece, none of them skipped."""
        size, count = _DECODERS[self.version].WORD.itemsize, _WORDS[self.version]
        end = len(self.data) - (len(self.data) - self.header.end) % size
        for at in range(self.header.end, end, count * size):
            yield self._words(self.data[at : min(at + count * size, end)]), False

    def _whole(self, damages: Damages) -> Iterator[tuple[np.ndarray, bool]]:
        """Words that are whole, and whether others were skipped before them."""
        decoder, count = _DECODERS[self.version], _WORDS[self.version]

        def faults(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return decoder.faults(self._words(records))

        runs = whole_runs(
            self.data,
            self.header.end,
            decoder.WORD.itemsize,
            faults,
            _BROKEN,
            damages,
        )
        for records, skipped in runs:
            words = self._words(records)
            for first in range(0, len(words), count):
                yield words[first : first + count], skipped and first == 0

    def _words(self, records: np.ndarray) -> np.ndarray:
        words = np.frombuffer(records.tobytes(), _DECODERS[self.version].WORD)
        return words << np.uint64(32) | words >> np.uint64(32) if self.swapped else words


def _halves_swapped(header: Header, data: np.ndarray) -> bool:
    """Whether the upper half of each word comes first, as the header says or else as the words look."""
    said = f"{header.values.get('endianness', '')} {header.values.get('format', '')}".lower()
    if "legacy" in said:
        return True
    if "little" in said:
        return False
    start = data[header.end : header.end + (1 << 15)].tobytes()
    return Evt21Decoder.halves_swapped(np.frombuffer(start[: len(start) // 8 * 8], Evt21Decoder.WORD))


def _version(header: Header) -> str | None:
    """2.0, 2.1 or 3.0; None where the header names no version that we read."""
    named = header.values.get("evt", "")
    if named in _DECODERS:
        return named
    name = re.split("[; ]", header.values.get("format", ""))[0].upper()
    return {"EVT2": "2.0", "EVT21": "2.1", "EVT3": "3.0"}.get(name)
