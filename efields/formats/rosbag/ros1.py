"""ROS 1 bags (format 2.0), record by record from start to end, so that one without its index can be read too.

A file is the line `#ROSBAG V2.0` and records: length and bytes of a header (fields `name=value`, each with its length),
length and bytes of data; lengths are little-endian uint32. `op` in the header says what it is: 3 the bag's own header,
5 a chunk (records of connections and messages, compressed by bz2 or lz4 or not), 4 and 6 the index, 7 a connection
(topic and type of a number), 2 a message of such a number. Source: wiki.ros.org/Bags/Format/2.0.
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.formats.damages import Damages
from efields.formats.opening import opened_bytes
from efields.formats.rosbag.bag import Message, Topic

MAGIC = b"#ROSBAG V2.0\n"

_MESSAGE, _BAG, _INDEX, _CHUNK, _INFO, _CONNECTION = 2, 3, 4, 5, 6, 7
_MOST_BYTES = 1 << 30  # of one chunk, uncompressed; rosbag writes less than 1 MB
_CHUNK_FIELD = re.compile(rb"(?:[\x0f\x10]\x00\x00\x00compression=(?:none|bz2|lz4)|\x04\x00\x00\x00op=\x05)")
_BROKEN = "a record is broken or truncated"


class Ros1Bag:
    """One bag, opened: its topics are known."""

    format = "ROS 1 bag"
    ros1 = True

    def __init__(self, path: Path) -> None:
        """Read the topics from the index, or where there is none from the whole file. Raises `InputError`."""
        self.path = path
        self._data = opened_bytes(path)
        if self._data[: len(MAGIC)].tobytes() != MAGIC:
            raise InputError("is not a ROS 1 bag of format 2.0", path, "choose another file")
        self._connections: dict[int, Topic] = {}
        start = self._index_start()
        if start is None or not self._read_connections(start):
            for _ in self.messages(frozenset(), Damages(path, salvage=True)):
                pass
        self.topics = tuple(dict.fromkeys(self._connections.values()))

    def _index_start(self) -> int | None:
        fields, _, end = self._record(len(MAGIC), len(self._data)) or ({}, 0, 0)
        start = int.from_bytes(fields.get(b"index_pos", b""), "little")
        return start if end <= start < len(self._data) else None

    def _read_connections(self, at: int) -> bool:
        """The connections at the head of the index; False where there are none."""
        while at < len(self._data):
            record = self._record(at, len(self._data))
            if record is None or not self._connection(*record[:2], record[2]):
                break
            at = record[2]
        return bool(self._connections)

    def _record(self, at: int, stop: int) -> tuple[dict[bytes, bytes], int, int] | None:
        """Fields of a record's header, and where its data begins and ends; None when it is broken."""
        return record_at(self._data, at, stop)

    def _connection(self, fields: dict[bytes, bytes], begin: int, end: int, data: np.ndarray | None = None) -> bool:
        if _op(fields) != _CONNECTION or b"topic" not in fields:
            return False
        about = _fields((self._data if data is None else data)[begin:end].tobytes())
        if about is not None and b"type" in about:
            name, kind = (word.decode("utf-8", "replace") for word in (fields[b"topic"], about[b"type"]))
            self._connections[_number(fields, b"conn")] = Topic(name, kind)
        return True

    def messages(self, topics: frozenset[str], damages: Damages) -> Iterator[Message]:
        """Messages of these topics in the order of the file. Every byte of the file is accounted for."""
        at = len(MAGIC)
        said, seen = (0, 0), [0, 0]
        while at < len(self._data):
            record = self._record(at, len(self._data))
            if record is None:
                damages.found(_BROKEN, byte=at, lost_bytes=0)
                following = self._next_chunk(at + 1)
                damages.lost_bytes += following - at
                at = following
                continue
            fields, begin, end = record
            if at == len(MAGIC):
                said = max(0, _number(fields, b"conn_count")), max(0, _number(fields, b"chunk_count"))
                if _number(fields, b"index_pos") <= 0:
                    damages.found("the bag was not closed: it has no index", byte=at)
            seen[0] += _op(fields) == _CONNECTION
            seen[1] += _op(fields) == _INFO
            if _op(fields) == _CHUNK:
                chunk = self._uncompressed(fields, begin, end, damages)
                if chunk is not None:
                    yield from self._inner(chunk, 0, len(chunk), begin, topics, damages)
            elif _op(fields) in (_MESSAGE, _CONNECTION):
                yield from self._inner(self._data, at, end, 0, topics, damages)
            elif _op(fields) not in (_BAG, _INDEX, _INFO):
                damages.found("a record is of an unknown kind", byte=at, lost_bytes=end - at)
            at = end
        if seen[0] < said[0] or seen[1] < said[1]:
            damages.found("the file ends before its index does", byte=len(self._data))

    def _next_chunk(self, at: int) -> int:
        """Where the next record that is a whole chunk begins; the end of the file where there is none."""
        for found in _CHUNK_FIELD.finditer(self._data.data, at):
            for start in (found.start() - 4, found.start() - 12, found.start() - 24):
                record = self._record(start, len(self._data)) if start >= at else None
                if record is not None and _op(record[0]) == _CHUNK and b"compression" in record[0]:
                    return start
        return len(self._data)

    def _uncompressed(self, fields: dict[bytes, bytes], begin: int, end: int, damages: Damages) -> np.ndarray | None:
        method, size = fields.get(b"compression", b""), _number(fields, b"size")
        packed = self._data[begin:end]
        if method == b"none":
            return packed
        try:
            if size > _MOST_BYTES:
                raise ValueError
            whole = _unpacked(packed.tobytes(), method, size)
            if len(whole) != size:
                raise ValueError
        except (OSError, ValueError, RuntimeError, EOFError):
            damages.found("a chunk cannot be uncompressed", byte=begin, lost_bytes=end - begin)
            return None
        return np.frombuffer(whole, dtype=np.uint8)

    def _inner(
        self, data: np.ndarray, at: int, stop: int, offset: int, topics: frozenset[str], damages: Damages
    ) -> Iterator[Message]:
        """Messages in one chunk, which begins at the byte `offset` of the file."""
        while at < stop:
            record = record_at(data, at, stop)
            fields, begin, end = record or ({}, 0, 0)
            conn = _number(fields, b"conn")
            if record is None or _op(fields) not in (_MESSAGE, _CONNECTION):
                damages.found("a message's record is broken", byte=offset + at, lost_bytes=stop - at)
                return
            if _op(fields) == _CONNECTION:
                self._connection(fields, begin, end, data)
            elif conn not in self._connections:
                damages.found("a message belongs to an unknown topic", byte=offset + at, lost_bytes=end - begin)
            elif self._connections[conn].name in topics:
                yield Message(self._connections[conn], data[begin:end], offset + begin)
            at = end

    def close(self) -> None:
        """Nothing is held open."""


def record_at(data: np.ndarray, at: int, stop: int) -> tuple[dict[bytes, bytes], int, int] | None:
    """Fields of the header of the record at a byte, and where its data begins and ends; None when it is broken."""
    length = int.from_bytes(data[at : at + 4].tobytes(), "little")
    begin = at + 8 + length
    if begin > stop or length > 1 << 16:
        return None
    fields = _fields(data[at + 4 : at + 4 + length].tobytes())
    end = begin + int.from_bytes(data[begin - 4 : begin].tobytes(), "little")
    if fields is None or b"op" not in fields or end > stop:
        return None
    return fields, begin, end


def _fields(header: bytes) -> dict[bytes, bytes] | None:
    """Fields `name=value`, each after its length; None when they do not fill the header."""
    fields, at = {}, 0
    while at < len(header):
        length = int.from_bytes(header[at : at + 4], "little")
        name, equals, value = header[at + 4 : at + 4 + length].partition(b"=")
        at += 4 + length
        if at > len(header) or not equals:
            return None
        fields[name] = value
    return fields


def _op(fields: dict[bytes, bytes]) -> int:
    return _number(fields, b"op")


def _number(fields: dict[bytes, bytes], name: bytes) -> int:
    return int.from_bytes(fields[name], "little") if name in fields else -1


def _unpacked(packed: bytes, method: bytes, size: int) -> bytes:
    """At most one byte more than `size`, whatever the compressed bytes would make."""
    if method == b"bz2":
        return bz2.BZ2Decompressor().decompress(packed, size + 1)
    if method == b"lz4":
        import lz4.frame

        return lz4.frame.LZ4FrameDecompressor().decompress(packed, max_length=size + 1)
    raise ValueError
