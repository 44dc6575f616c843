"""The container of AEDAT 4: its header, the list of its streams, and a walk over its packets that survives damage.

The line '#!AER-DAT4.0', then a FlatBuffer `IOHE` with its size before it (compression, position of the table at the
end, XML that describes the streams), then packets: int32 stream, int32 bytes, and so many bytes, compressed each alone.
Inside is a FlatBuffer with its size before it. At the end of a file that was closed lies a table of all packets, which
need not be there. Source: "AEDAT 4.0", docs.inivation.com.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from efields.errors import InputError
from efields.formats.aedat.flatbuffer import BrokenBufferError, root
from efields.formats.damages import Damages
from efields.formats.opening import opened_bytes

MAGIC = b"#!AER-DAT4.0\r\n"
COMPRESSIONS = ("none", "LZ4", "LZ4 high", "Zstandard", "Zstandard high")
KINDS = {"EVTS": "events", "FRME": "frames", "IMUS": "IMU samples", "TRIG": "triggers"}
_LZ4, _ZSTD = b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd"
_STEP = 1 << 20


@dataclass(frozen=True)
class Stream:
    """One stream of packets."""

    number: int
    """What its packets are marked with."""
    kind: str
    """Identifier of its packets: EVTS, FRME, IMUS, TRIG or another that is not read."""
    name: str
    """What its recorder called it."""
    width: int = 0
    """Columns of the sensor; 0 where it is not said."""
    height: int = 0
    """Rows of the sensor; 0 where it is not said."""


@dataclass(frozen=True)
class Container:
    """A file whose header was read."""

    path: Path
    """The file."""
    data: memoryview
    """All its bytes, memory-mapped."""
    compression: int
    """Index into `COMPRESSIONS`."""
    streams: tuple[Stream, ...]
    """Its streams, by number."""
    first: int
    """Byte of the first packet."""
    table: int
    """Byte of the table at the end; 0 where there is none."""

    def of(self, kind: str) -> tuple[Stream, ...]:
        """The streams of one kind."""
        return tuple(stream for stream in self.streams if stream.kind == kind)

    @property
    def end(self) -> int:
        """Byte after the last packet, as far as the file goes."""
        return min(self.table or len(self.data), len(self.data))


class Payload(NamedTuple):
    """A packet, decompressed."""

    stream: int
    """The stream that it belongs to."""
    buffer: bytes
    """A FlatBuffer with its size before it."""
    byte: int
    """Where the packet begins in the file."""
    cut: bool
    """Whether its end is missing."""


def opened(path: Path) -> Container:
    """Read the header. Raises `InputError` when the file is unreadable or its header is broken."""
    data = opened_bytes(path).data
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise InputError("is not an AEDAT 4 file", path, "its first line must read '#!AER-DAT4.0'")
    at = len(MAGIC)
    size = int.from_bytes(data[at : at + 4], "little")
    if len(data) < at + 4 or not 8 <= size <= len(data) - at - 4:
        raise InputError(f"its header is truncated or broken at byte {at}", path, "copy the file again")
    try:
        header = root(bytes(data[at + 4 : at + 4 + size]), 0, b"IOHE")
        compression, table, xml = header.scalar(0, "<i"), header.scalar(1, "<q", -1), header.text(2)
        streams = _streams(xml)
    except (BrokenBufferError, ElementTree.ParseError, ValueError) as error:
        raise InputError(f"its header is broken at byte {at} ({error})", path, "copy the file again") from None
    first = at + 4 + size
    if not 0 <= compression < len(COMPRESSIONS) or 0 < table < first:
        what = f"compression {compression}" if table < 0 or table >= first else f"a table at byte {table}"
        raise InputError(f"its header states {what}, which is impossible", path, "copy the file again")
    return Container(path, data, compression, streams, first, max(table, 0))


def _streams(xml: str) -> tuple[Stream, ...]:
    """The streams that the XML tree describes: nodes 'outInfo' / number, with attributes and a node 'info'."""
    if "<!" in xml:  # declarations could define entities that grow without end
        raise ValueError("a declaration in the description of its streams")
    streams: dict[int, Stream] = {}
    for node in ElementTree.fromstring(xml).iterfind("./node[@name='outInfo']/node"):
        said = {item.get("key", ""): (item.text or "").strip() for item in node.iterfind("./attr")}
        info = {item.get("key", ""): (item.text or "").strip() for item in node.iterfind("./node[@name='info']/attr")}
        number = int(node.get("name", ""))
        width, height = int(info.get("sizeX") or 0), int(info.get("sizeY") or 0)
        if not (0 <= width <= 1 << 16 and 0 <= height <= 1 << 16):
            raise ValueError(f"a sensor of {width} x {height} pixels")
        name = said.get("originalOutputName") or f"stream {number}"
        streams[number] = Stream(number, said.get("typeIdentifier", ""), name, width, height)
    return tuple(streams[number] for number in sorted(streams))


def packets(container: Container, wanted: set[int], damages: Damages) -> Iterator[Payload]:
    """The packets of some streams in file order, decompressed; all others are stepped over.

    Broken ones are reported to `damages`, and the walk goes on with the next that is whole.
    """
    data, at, end = container.data, container.first, container.end
    numbers = {stream.number for stream in container.streams}
    while at < end:
        if end - at < 8:
            damages.found("there are leftover bytes that are not a packet", byte=at, lost_bytes=end - at)
            return
        stream, size = struct.unpack_from("<ii", data, at)
        if stream not in numbers or not 0 < size <= end - at - 8:
            after = _next_packet(container, numbers, at + 1)
            if after == end and stream in numbers and size > 0:
                damages.found("the last packet is truncated", byte=at, lost_bytes=end - at)
                if stream in wanted:
                    yield Payload(stream, _decompressed(data[at + 8 : end], container.compression)[0], at, True)
                return
            damages.found("a packet's header is broken", byte=at, lost_bytes=after - at)
            at = after
            continue
        after = at + 8 + size
        if stream in wanted:
            buffer, whole = _decompressed(data[at + 8 : after], container.compression)
            if whole:
                yield Payload(stream, buffer, at, False)
            else:
                if not (after == end or _is_header(container, numbers, after)):
                    after = _next_packet(container, numbers, at + 8)
                damages.found("a packet cannot be decompressed", byte=at, lost_bytes=after - at)
        at = after
    _check_table(container, damages)


def _check_table(container: Container, damages: Damages) -> None:
    """The table at the end is not used, but what is not read must at least be whole."""
    if container.table == 0:
        return
    table, size = container.table, len(container.data)
    if table >= size:
        what = "the file ends before the table that its header names"
        damages.found(what, byte=size, lost_bytes=table - size)
    elif not _decompressed(container.data[table:], container.compression)[1]:
        damages.found("the table at the end is broken", byte=table, lost_bytes=size - table)


def _is_header(container: Container, numbers: set[int], at: int) -> bool:
    if not container.first <= at <= container.end - 8:
        return False
    stream, size = struct.unpack_from("<ii", container.data, at)
    return stream in numbers and 0 < size <= container.end - at - 8


def _next_packet(container: Container, numbers: set[int], at: int) -> int:
    """The next byte from `at` on where a packet may begin, judged by the first bytes inside it; the end if none."""
    if container.compression == 0:
        marks, ahead = tuple(kind.encode() for kind in KINDS), 16
    else:
        marks, ahead = ((_LZ4,) if container.compression < 3 else (_ZSTD,)), 8
    for begin in range(at, container.end, _STEP):
        part = bytes(container.data[begin : min(begin + _STEP + 3, container.end)])
        hits = [-1] * len(marks)
        while True:
            hits = [part.find(mark, hit + 1) if hit > -2 else -2 for mark, hit in zip(marks, hits, strict=True)]
            hits = [-2 if hit < 0 else hit for hit in hits]
            places = sorted(begin + hit - ahead for hit in hits if hit >= 0)
            if not places:
                break
            found = next((p for p in places if p >= at and _is_header(container, numbers, p)), None)
            if found is not None:
                return found
    return container.end


def _decompressed(data: memoryview, compression: int) -> tuple[bytes, bool]:
    """What the bytes of one packet hold, and whether they are whole; of broken ones as much as can be had.

    At most 64 times the bytes, and never less than 16 MiB, come out: more is taken for damage.
    """
    most = max(1 << 24, 64 * len(data))
    if compression == 0:
        return bytes(data), len(data) >= 8 and int.from_bytes(data[:4], "little") == len(data) - 4
    return _from_lz4(data, most) if compression < 3 else _from_zstd(data, most)


def _from_lz4(data: memoryview, most: int) -> tuple[bytes, bool]:
    import lz4.frame

    decoder = lz4.frame.LZ4FrameDecompressor()
    try:
        buffer = decoder.decompress(bytes(data), max_length=most)
    except (RuntimeError, ValueError, MemoryError):
        return b"", False
    return buffer, bool(decoder.eof and not decoder.unused_data)


def _from_zstd(data: memoryview, most: int) -> tuple[bytes, bool]:
    import zstandard

    try:
        if zstandard.get_frame_parameters(data).window_size > most:
            return b"", False
        decoder, parts, size = zstandard.ZstdDecompressor().decompressobj(), [], 0
        for begin in range(0, len(data), 1 << 16):  # bit by bit, so that a bomb is noticed early
            if decoder.eof:
                return b"".join(parts), False
            parts.append(decoder.decompress(data[begin : begin + (1 << 16)]))
            size += len(parts[-1])
            if size > most:
                return b"", False
    except (zstandard.ZstdError, MemoryError):
        return b"", False
    return b"".join(parts), decoder.eof and not decoder.unused_data
