"""Event messages of ROS, taken apart byte by byte: as ROS 1 packs them (no gaps) and as ROS 2 does (CDR, aligned).

    dvs_msgs/EventArray, prophesee_event_msgs/EventArray
        header, uint32 height, uint32 width, events: uint16 x, uint16 y, time ts (two uint32: s, ns), bool polarity
    event_camera_msgs/EventPacket
        header, uint32 height, uint32 width, uint64 seq, uint64 time_base, string encoding, bool is_bigendian, events:
        uint8[] in that encoding

A header is (in ROS 1 only: uint32 seq,) time stamp, string frame_id.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from efields.formats.rosbag.bag import Message

ARRAYS = ("dvs_msgs/EventArray", "prophesee_event_msgs/EventArray")
PACKETS = ("event_camera_msgs/EventPacket", "event_array_msgs/EventArray")
"""The second is the name that the first had before."""

ROS1_EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("s", "<u4"), ("ns", "<u4"), ("p", "u1")])
_CDR = {
    order: np.dtype(
        {
            "names": ["x", "y", "s", "ns", "p"],
            "formats": [f"{order}u2", f"{order}u2", f"{order}u4", f"{order}u4", "u1"],
            "offsets": [0, 2, 6, 10, 14],
            "itemsize": 16,
        }
    )
    for order in "<>"
}


@dataclass(frozen=True)
class EventMessage:
    """One message of events."""

    stamp_us: int
    """Time in its header."""
    width: int
    """Columns of the sensor."""
    height: int
    """Rows of the sensor."""
    events: np.ndarray
    """Records of events (fields x, y, s, ns, p), or the bytes of an encoding."""
    encoding: str = ""
    """How the bytes are encoded; empty for records."""
    time_base_ns: int = 0
    """What is to be added to the times of some encodings."""
    seq: int = -1
    """Number of the packet; -1 where there is none."""


class _Cursor:
    """Reads one message from its start to its end."""

    def __init__(self, data: np.ndarray, ros1: bool) -> None:
        self._data, self.ros1 = data, ros1
        self.at = 0 if ros1 else 4
        self.order = "<"
        if not ros1:
            if len(data) < 4 or int(data[0]) or int(data[1]) > 1:
                raise ValueError("is not packed as CDR")
            self.order = "<" if data[1] == 1 else ">"

    def number(self, size: int) -> int:
        if not self.ros1:
            self.at += -(self.at - 4) % size
        if self.at + size > len(self._data):
            raise ValueError("ends early")
        self.at += size
        held = self._data[self.at - size : self.at].tobytes()
        return int.from_bytes(held, "little" if self.order == "<" else "big")

    def string(self) -> str:
        return self.take(self.number(4)).tobytes().rstrip(b"\0").decode("utf-8", "replace")

    def take(self, length: int) -> np.ndarray:
        if self.at + length > len(self._data):
            raise ValueError("ends early")
        self.at += length
        return self._data[self.at - length : self.at]

    @property
    def left(self) -> int:
        return len(self._data) - self.at


def event_message(message: Message, ros1: bool) -> EventMessage:
    """Take one message of events apart. Raises `ValueError` when it is not as long as it says."""
    cursor = _Cursor(message.data, ros1)
    if ros1:
        cursor.number(4)
    seconds, nanoseconds = cursor.number(4), cursor.number(4)
    stamp_us = seconds * 1_000_000 + (nanoseconds + 500) // 1000
    cursor.string()
    height, width = cursor.number(4), cursor.number(4)
    if message.topic.plain_kind in ARRAYS:
        found = EventMessage(stamp_us, width, height, _records(cursor))
    else:
        seq, time_base = cursor.number(8), cursor.number(8)
        encoding, big_endian = cursor.string(), cursor.number(1)
        if big_endian:
            raise ValueError("contains big-endian events")
        found = EventMessage(stamp_us, width, height, cursor.take(cursor.number(4)), encoding, time_base, seq)
    if cursor.left > (0 if ros1 else 3):  # CDR may be padded to four bytes
        raise ValueError("is longer than its header states")
    return found


def _records(cursor: _Cursor) -> np.ndarray:
    """The records of an EventArray.

    In CDR a record begins at a multiple of two and its time at one of four, so that the first takes 14 bytes and each
    other 16, with the gap before its time.
    """
    count = cursor.number(4)
    if cursor.ros1:
        return cursor.take(count * ROS1_EVENT.itemsize).view(ROS1_EVENT)
    if count == 0:
        return np.zeros(0, dtype=_CDR["<"])
    data = cursor.take(16 * count - 3)
    records = np.concatenate([np.zeros(2, np.uint8), data, np.zeros(1, np.uint8)]).view(_CDR[cursor.order])
    first = data[:4].view(f"{cursor.order}u2")
    records["x"][0], records["y"][0] = first
    return records
