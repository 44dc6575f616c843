"""Prophesee RAW: a header of text, then words of EVT 2.0, 2.1 or 3.0 to the end.

The header has lines `% word value`, ended by `% end` in newer files. `evt 3.0`, or `format EVT3;height=H;width=W`, says
the words; `geometry WxH` or the format says the sensor, which old files leave out. `t0 N`, which faery writes, is added
to all times. `_reading/evt2.py` and `_reading/evt3.py` say what the words are. Polarity 1 is ON; y is 0 at the top;
time is microseconds since the camera was started.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.event_file import Damages, EventFile, SideStreams
from efields.events.columns import EventColumns
from efields.loaders._reading.event_file import checked_size, first_bytes, opened_bytes, recording_of
from efields.loaders._reading.evt import EvtDecoder
from efields.loaders._reading.evt2 import Evt2Decoder, Evt21Decoder
from efields.loaders._reading.evt3 import Evt3Decoder
from efields.loaders._reading.prophesee_header import MOST, Header, checked_header_size, read_header
from efields.recording import Recording, Triggers

_DECODERS: dict[str, type[EvtDecoder]] = {"2.0": Evt2Decoder, "2.1": Evt21Decoder, "3.0": Evt3Decoder}
_WORDS = {"2.0": 1 << 18, "2.1": 1 << 15, "3.0": 1 << 18}
"""Words decoded at a time, so that columns stay in the cache and events at most some million."""
_FALLBACK = {"2.0": (640, 480), "2.1": (1280, 720), "3.0": (1280, 720)}
"""The sensor of the cameras whose files lacked it."""


@dataclass(frozen=True)
class Config:
    """How to read a RAW file."""

    width: int = 0
    """Columns of the sensor; 0: as the header says."""
    height: int = 0
    """Rows of the sensor; 0: as the header says."""
    salvage: bool = False
    """Whether to recover what is whole of a damaged file."""

    def load(self, path: str | Path) -> Recording:
        """Read the whole file. Raises `InputError` for a damaged one, unless `salvage`."""
        return recording_of(self.open(path), self.salvage)

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
            notes = (f"The size of the sensor is not in the file: {size[0]} x {size[1]} taken, as most such cameras have.",)
        words = _Words(path, data[header.end :], header, version)
        return EventFile(f"Prophesee EVT {version}", path, *size, words.decode, words.side_streams, notes=notes)


def matches(path: str | Path) -> bool:
    """Whether `path` begins with a header that names one of the formats."""
    return _version(read_header(first_bytes(Path(path), 1 << 13))) is not None


@dataclass(frozen=True)
class _Words:
    """The words of a file."""

    path: Path
    data: np.ndarray
    header: Header
    version: str

    def decode(self, damages: Damages) -> Iterator[EventColumns]:
        """The events of all words; broken ones are damages."""
        decoder, t0 = _DECODERS[self.version](), self.header.number("t0") or 0
        size = decoder.WORD.itemsize
        for first, words in self._pieces():
            unknown, unplaced = decoder.unknown, decoder.unplaced
            columns = decoder.decode(words)
            if decoder.first_unknown is not None:
                damages.found(
                    f"a word is of no type that EVT {self.version} has",
                    byte=self.header.end + size * (first + decoder.first_unknown),
                    lost_bytes=size * (decoder.unknown - unknown),
                )
            if decoder.unplaced > unplaced:
                damages.found(
                    "an event comes before the first time and row",
                    byte=self.header.end + size * first,
                    lost_events=decoder.unplaced - unplaced,
                )
            if columns.count:
                yield columns._replace(t_us=columns.t_us + t0) if t0 else columns
        if over := len(self.data) % size:
            damages.found("the last word is cut short", byte=self.header.end + len(self.data) - over, lost_bytes=over)

    def side_streams(self, damages: Damages) -> SideStreams:
        """Triggers of all channels. What is broken was reported with the events."""
        decoder = _DECODERS[self.version]()
        for _, words in self._pieces():
            decoder.skim(words)
        triggers = decoder.triggers
        if not len(triggers):
            return SideStreams()
        return SideStreams(triggers=Triggers(triggers.t_us + (self.header.number("t0") or 0), triggers.rising))

    def _pieces(self) -> Iterator[tuple[int, np.ndarray]]:
        """Index of the first word, and words, piece by piece."""
        kind, count = _DECODERS[self.version].WORD, _WORDS[self.version]
        whole = len(self.data) // kind.itemsize
        swapped = False
        for first in range(0, whole, count):
            part = self.data[first * kind.itemsize : min(first + count, whole) * kind.itemsize]
            words = np.frombuffer(part.tobytes(), kind)
            if self.version == "2.1":
                if first == 0:
                    swapped = _halves_swapped(self.header, words)
                words = words << np.uint64(32) | words >> np.uint64(32) if swapped else words
            yield first, words


def _halves_swapped(header: Header, words: np.ndarray) -> bool:
    """Whether the upper half of each word comes first, as the header says or else as the words look."""
    said = f"{header.values.get('endianness', '')} {header.values.get('format', '')}".lower()
    if "legacy" in said:
        return True
    return "endianness=little" not in said and Evt21Decoder.halves_swapped(words)


def _version(header: Header) -> str | None:
    """2.0, 2.1 or 3.0; None where the header names no version that we read."""
    named = header.values.get("evt", "")
    if named in _DECODERS:
        return named
    name = re.split("[; ]", header.values.get("format", ""))[0].upper()
    return {"EVT2": "2.0", "EVT21": "2.1", "EVT3": "3.0"}.get(name)
