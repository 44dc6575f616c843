"""Events of ROS messages, many messages decoded together.

Records of an EventArray carry whole times. The encodings of an EventPacket (event_camera_codecs, Apache-2.0, is the
reference for their layout):

    evt3         words of Prophesee's EVT 3.0; their time is the sensor's own and wraps, state carries on from packet
                 to packet, time_base is not used
    libcaer      uint32 (bit 1 polarity, bits 2-16 y, bits 17-31 x) and int32 microseconds after time_base, which may
                 wrap inside a packet
    libcaer_cmp  16-bit words like those of EVT 3.0 with x and y exchanged and types of their own; times are after
                 time_base, again in each packet
    mono         uint64: bits 0-31 nanoseconds after time_base, bits 32-47 x, bits 48-62 y, bit 63 polarity
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar

import numpy as np

from efields.events.columns import CHUNK, EventColumns
from efields.events.side_streams import Triggers
from efields.formats.blank import ZEROS, runs_of
from efields.formats.damages import Damages
from efields.formats.evt.evt3 import Evt3Decoder
from efields.formats.rosbag.bag import Message
from efields.formats.rosbag.messages import EventMessage, event_message

ENCODINGS = ("evt3", "libcaer", "libcaer_cmp", "mono")
"""Encodings that are read."""

_PIECE_BYTES = 1 << 21  # of messages that are decoded together
_WRAP_US = 1 << 31
# Types of libcaer_cmp (0 to 5) as those of EVT 3.0 that do the same to the other axis.
_EVT3_TYPE = np.array([8, 6, 0, 2, 3, 5, *[1] * 10], dtype=np.uint16) << 12


def taken_apart(messages: Iterable[Message], ros1: bool, damages: Damages) -> Iterator[tuple[Message, EventMessage]]:
    """Messages of events; one that is broken is a damage. So is an encoding that nobody reads."""
    for message in messages:
        try:
            found = event_message(message, ros1)
        except ValueError as error:
            damages.found(f"a message {error}", byte=message.byte, lost_bytes=len(message.data))
            continue
        if found.encoding and found.encoding not in ENCODINGS:
            damages.found(
                f"events are encoded as '{found.encoding[:40]}'",
                byte=message.byte,
                lost_bytes=len(found.events),
                do=f"encodings that are read: {', '.join(ENCODINGS)}",
            )
            continue
        yield message, found


class MessageDecoder:
    """Decodes the messages of one topic, in order; the state of an encoding carries on."""

    def __init__(self, damages: Damages) -> None:
        self._damages = damages
        self._evt3 = Evt3Decoder()
        self._ways: dict[str, Callable[[list[EventMessage]], EventColumns]] = {
            "": self._array_events,
            "evt3": self._evt3_events,
            "libcaer": self._libcaer_events,
            "libcaer_cmp": self._compressed_events,
            "mono": self._mono_events,
        }

    SIZES: ClassVar[dict[str, int]] = {"evt3": 2, "libcaer": 8, "libcaer_cmp": 2, "mono": 8}
    """Bytes of a word."""

    @property
    def triggers(self) -> Triggers:
        """Edges at the trigger input so far."""
        return self._evt3.triggers

    def decode(self, messages: Iterable[tuple[Message, EventMessage]]) -> Iterator[EventColumns]:
        """The events of all messages, in their order."""
        pieces: list[EventMessage] = []
        held = 0
        for message, found in messages:
            if pieces and (held >= _PIECE_BYTES or pieces[0].encoding != found.encoding):
                yield from self._decoded(pieces)
                pieces, held = [], 0
            size = self.SIZES.get(found.encoding, 1)
            if left := len(found.events) % size:
                self._damages.found("a packet ends inside an event", byte=message.byte, lost_bytes=left)
            pieces.append(found)
            held += found.events.nbytes
        if pieces:
            yield from self._decoded(pieces)

    def _decoded(self, pieces: list[EventMessage]) -> Iterator[EventColumns]:
        columns = self._ways[pieces[0].encoding](pieces)
        if columns.count:
            yield columns

    def _words(self, pieces: list[EventMessage], dtype: str) -> list[np.ndarray]:
        size = np.dtype(dtype).itemsize
        return [np.frombuffer(p.events.tobytes()[: len(p.events) // size * size], dtype=dtype) for p in pieces]

    def _evt3_events(self, pieces: list[EventMessage]) -> EventColumns:
        unknown, unplaced = self._evt3.unknown, self._evt3.unplaced
        words = np.concatenate(self._words(pieces, "<u2"))
        blocks = self._evt3.blocks(words)
        if blocks is not None:
            self._count(self._evt3.block_of(int(words[np.argmax(blocks)])), 0, 2 * int(np.count_nonzero(blocks)))
            words = words[~blocks]
        columns = self._evt3.decode(words)
        self._count("a word is of a type that EVT 3.0 does not have", 0, 2 * (self._evt3.unknown - unknown))
        if self._evt3.unplaced > unplaced:
            what = "events before the first time and row words, where a live stream began"
            self._damages.left_out(what, self._evt3.unplaced - unplaced)
        return columns

    def _count(self, what: str, events: int, size: int) -> None:
        if events or size:
            self._damages.found(what, lost_events=events, lost_bytes=size)

    def _array_events(self, pieces: list[EventMessage]) -> EventColumns:
        events = [piece.events for piece in pieces]
        x, y, s, ns, p = (np.concatenate([part[name] for part in events]) for name in ("x", "y", "s", "ns", "p"))
        columns = EventColumns.of(x, y, s.astype(np.int64) * 1_000_000 + _us(ns.astype(np.int64)), p)
        blank = runs_of((s == 0) & (ns == 0) & (x == 0) & (y == 0), 2)
        self._count(ZEROS, int(np.count_nonzero(blank)), 0)
        return columns.take(~blank) if blank.any() else columns

    def _libcaer_events(self, pieces: list[EventMessage]) -> EventColumns:
        words = self._words(pieces, "<u8")
        lengths = np.array([len(part) for part in words])
        word = np.concatenate(words)
        self._refuse_blank(word)
        address, t = word & np.uint64(0xFFFFFFFF), (word >> np.uint64(32)).astype(np.int64)
        wrapped = np.zeros(len(word), dtype=np.int64)
        wrapped[1:] = t[1:] - t[:-1] < -(_WRAP_US >> 1)
        starts = np.repeat(np.cumsum(lengths) - lengths, lengths)
        loops = np.cumsum(wrapped)
        t += _WRAP_US * (loops - loops[starts])  # time_base knows of wraps between packets
        base = np.repeat(np.array([p.time_base_ns for p in pieces], dtype=np.uint64).astype(np.int64), lengths)
        return EventColumns.of(
            address >> np.uint64(17),
            address >> np.uint64(2) & np.uint64(0x7FFF),
            _us(base) + t,
            address >> np.uint64(1) & np.uint64(1),
        )

    def _refuse_blank(self, word: np.ndarray) -> None:
        """Report words of zeros in a row, which are events of one pixel at one time; they stay."""
        blank = int(np.count_nonzero(runs_of(word == 0, 3)))
        self._count(ZEROS, 0, 8 * blank)

    def _mono_events(self, pieces: list[EventMessage]) -> EventColumns:
        words = self._words(pieces, "<u8")
        word = np.concatenate(words)
        self._refuse_blank(word)
        lengths = [len(part) for part in words]
        base = np.repeat(np.array([p.time_base_ns for p in pieces], dtype=np.uint64).astype(np.int64), lengths)
        t_ns = base + (word & np.uint64(0xFFFFFFFF)).astype(np.int64)
        x, y = word >> np.uint64(32) & np.uint64(0xFFFF), word >> np.uint64(48) & np.uint64(0x7FFF)
        return EventColumns.of(x, y, _us(t_ns), word >> np.uint64(63))

    def _compressed_events(self, pieces: list[EventMessage]) -> EventColumns:
        parts = []
        for piece, words in zip(pieces, self._words(pieces, "<u2"), strict=True):
            decoder = Evt3Decoder()
            start = np.array([0x8000, 0x6000], dtype=np.uint16)  # time 0
            found = decoder.decode(np.concatenate([start, words & 0xFFF | _EVT3_TYPE[words >> 12]]))
            self._count("a word is of a type that libcaer_cmp does not have", 0, 2 * decoder.unknown)
            self._count("an event comes before the first column", decoder.unplaced, 0)
            base = int(_us(np.array([piece.time_base_ns], dtype=np.uint64).astype(np.int64))[0])
            parts.append(EventColumns(found.y, found.x, found.t_us + base, found.polarity))
        return EventColumns.concat(parts)


def _us(t_ns: np.ndarray) -> np.ndarray:
    return t_ns // 1000 + (t_ns % 1000 >= 500)


def regrouped(parts: Iterable[EventColumns]) -> Iterator[EventColumns]:
    """The same events in chunks of about `CHUNK`."""
    held: list[EventColumns] = []
    count = 0
    for part in parts:
        held.append(part)
        count += part.count
        if count >= CHUNK:
            yield EventColumns.concat(held)
            held, count = [], 0
    if held:
        yield EventColumns.concat(held)


def first_event_us(message: EventMessage, damages: Damages) -> int | None:
    """Time of the first event of a message by itself; None where it has none."""
    for columns in MessageDecoder(Damages(damages.path, salvage=True))._decoded([message]):
        return int(columns.t_us[0])
    return None
