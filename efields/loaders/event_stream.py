"""Event Stream (.es, neuromorphic-paris/event_stream on GitHub): a short header, then events of few bytes.

    bytes 0-11  "Event Stream"
    12-14       version (2.0.0); in version 1 bytes 12-13
    15          type: 0 generic, 1 DVS, 2 ATIS, 3 display, 4 colour; in version 1 byte 14: 0 DVS, 1 ATIS, 2 display, ...
    16-19       width and height, 16 bits each, little endian; not in version 1

Event of version 2: byte 0, x in 16 bits, y in 16 bits, little endian. Byte 0 is for DVS t << 1 | ON, and from 0xFE on
instead 127 us for each step above it (0xFF; 0xFE is no more than a reset). For ATIS it is t << 2 | polarity << 1 |
exposure, and from 0xFC on 63 us for each step above it. Version 1 packs an event in 3 bytes, t in the lower 4 (DVS) or
5 (ATIS) bits of the first: all ones mean that the upper bits count overflows. t is microseconds since the last event.
y is 0 at the BOTTOM in the file. Measurements of exposure of an ATIS are not events and left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.blank import ZEROS
from efields.formats.damages import Damages
from efields.formats.event_stream import EventStreamDecoder
from efields.formats.opening import first_bytes, opened_bytes
from efields.loaders._options import OneFile
from efields.recordings.event_file import EventFile
from efields.recordings.gathering import recording_of
from efields.recordings.recording import Recording
from efields.recordings.sensor_size import checked_size

BEGINS = rb"Event Stream"

_MAGIC = b"Event Stream"
_BYTES = 1 << 18
"""Bytes decoded at a time, so that columns stay in the cache."""
_ATIS = (304, 240)
"""The sensor of the cameras whose files version 1 was made for, which lacks it."""
_BROKEN = "bytes are no event inside the sensor, or zeros, so that all times behind are early by theirs"
_OTHER_TYPES = {0: "generic events", 3: "display events", 4: "colour events"}


@dataclass(frozen=True)
class Config(OneFile):
    """How to read an Event Stream file."""

    def load(self, path: str | Path) -> Recording:
        """Read the whole file. Raises `InputError` for a damaged one, unless `salvage`."""
        file, stream = self._opened(Path(path))
        recording = recording_of(file, self.salvage)
        if not stream.left_out:
            return recording
        note = f"{stream.left_out[0]:,} exposure measurements were left out."
        return replace(recording, notes=(*recording.notes, note))

    def open(self, path: str | Path) -> EventFile:
        """Read the header. Raises `InputError` for streams that are not events of a DVS or an ATIS."""
        return self._opened(Path(path))[0]

    def _opened(self, path: Path) -> tuple[EventFile, _Stream]:
        data = opened_bytes(path)
        head = data[:20].tobytes()
        if not head.startswith(_MAGIC) or len(head) < 15:
            raise InputError("does not begin with 'Event Stream' and a version", path, "copy the complete file again")
        checked_size(self.width, self.height, path)
        major, minor = head[12], head[13]
        if major not in (1, 2):
            raise InputError(
                f"is of version {major}.{minor} of Event Stream, not 1 or 2", path, "convert it with its own tools"
            )
        if len(head) < 20 and major == 2:
            raise InputError("ends within its header", path, "copy the complete file again")
        kind = head[15] if major == 2 else head[14] + 1 if head[14] < 2 else 3
        if kind not in (1, 2):
            named = _OTHER_TYPES.get(kind, f"a stream of type {kind}")
            raise InputError(f"holds {named}, not events of a DVS or an ATIS", path, "choose another file")
        notes: tuple[str, ...] = ()
        size = (self.width, self.height)
        if major == 2 and not self.width:
            size = int.from_bytes(head[16:18], "little"), int.from_bytes(head[18:20], "little")
            if 0 in size:
                raise InputError(
                    f"its header gives a sensor of {size[0]} x {size[1]}", path, "give it with --width and --height"
                )
        elif not self.width:
            size = _ATIS
            notes = (f"The size of the sensor is not in the file: {size[0]} x {size[1]} is assumed, that of an ATIS.",)
        stream = _Stream(data, 20 if major == 2 else 15, major, kind == 2, *size)
        name = f"Event Stream {major}.{minor} of {'an ATIS' if stream.atis else 'a DVS'}"
        file = EventFile(
            format=name,
            path=path,
            width=size[0],
            height=size[1],
            decode=stream.decode,
            notes=notes,
            place_in_file=lambda x, y: (x, (size[1] - 1 - y) % (1 << 16)),
            size_assumed=bool(notes),
        )
        return file, stream


def matches(path: str | Path) -> bool:
    """Whether `path` begins with the words 'Event Stream'."""
    return first_bytes(Path(path), len(_MAGIC)) == _MAGIC


@dataclass(frozen=True)
class _Stream:
    """The bytes of a file behind its header."""

    data: np.ndarray
    start: int
    major: int
    atis: bool
    width: int
    height: int
    left_out: list[int] = field(default_factory=list)
    """Number of measurements of exposure, after a pass that met some."""

    def decode(self, damages: Damages) -> Iterator[EventColumns]:
        """All events; in salvage, those of broken bytes are left out."""
        decoder = EventStreamDecoder(self.major, self.atis)
        at, end, length = self.start, len(self.data), _BYTES
        while at < end:
            piece = np.asarray(self.data[at : at + length])
            if damages.salvage:
                columns, used = self._salvaged(decoder, piece, at, damages)
                # Short pieces behind broken bytes, as more of them are likely, and each costs a piece again.
                length = min(2 * length, _BYTES) if used > len(piece) - decoder.size else 1 << 12
            else:
                zeros = decoder.zeros(piece)
                if zeros is not None:
                    damages.found(ZEROS, byte=at + int(np.argmax(zeros)))
                columns, used = decoder.decode(piece)
            if columns.count:
                yield self._upright(columns)
            if used == 0:
                break
            at += used
        if decoder.left_out:
            self.left_out[:] = [decoder.left_out]
        if at < end:
            damages.found("the last event is truncated", byte=at, lost_bytes=end - at)

    def _salvaged(
        self, decoder: EventStreamDecoder, piece: np.ndarray, at: int, damages: Damages
    ) -> tuple[EventColumns, int]:
        """Events up to the first outside the sensor, and bytes up to the next that are events again."""
        before = decoder.state()
        columns, used, heads = decoder.placed(piece)
        outside = (columns.x >= self.width) | (columns.y >= self.height)
        zeros = decoder.zeros(piece)
        if zeros is not None:
            outside |= zeros[heads]
        if not outside.any():
            return columns, used
        broken = int(heads[int(np.argmax(outside))])
        decoder.restore(before)
        columns, _, _ = decoder.placed(piece[:broken])
        behind = broken + 1
        again = behind + decoder.next_whole(piece[behind:], self.width, self.height)
        damages.found(_BROKEN, byte=at + broken, lost_bytes=again - broken)
        return columns, again

    def _upright(self, columns: EventColumns) -> EventColumns:
        """With rows counted from the top. Rows outside the sensor stay outside: they wrap to large numbers."""
        return replace(columns, y=(self.height - 1 - columns.y.astype(np.int32)).astype(np.uint16))
