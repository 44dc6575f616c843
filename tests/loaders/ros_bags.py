"""Bags that rosbags writes, for tests: an implementation of ROS's serialisation that is not ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

EVENT = "uint16 x\nuint16 y\n{time} ts\nbool polarity\n"
ARRAY = "std_msgs/Header header\nuint32 height\nuint32 width\n{package}/Event[] events\n"
PACKET = (
    "std_msgs/Header header\nuint32 height\nuint32 width\nuint64 seq\nuint64 time_base\nstring encoding\n"
    "bool is_bigendian\nuint8[] events\n"
)


def typestore(ros1: bool) -> Any:
    """ROS's own types, and those of events."""
    store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)
    types: dict[str, Any] = {}
    for package in ("dvs_msgs", "prophesee_event_msgs"):
        event = EVENT.format(time="time" if ros1 else "builtin_interfaces/Time")
        types |= get_types_from_msg(event, f"{package}/msg/Event")
        types |= get_types_from_msg(ARRAY.format(package=package), f"{package}/msg/EventArray")
    types |= get_types_from_msg(PACKET, "event_camera_msgs/msg/EventPacket")
    store.register(types)
    return store


def header(store: Any, t_ns: int) -> Any:
    time = store.types["builtin_interfaces/msg/Time"](sec=t_ns // 10**9, nanosec=t_ns % 10**9)
    known = store.types["std_msgs/msg/Header"]
    return known(seq=0, stamp=time, frame_id="dvs") if "seq" in known.__dataclass_fields__ else known(time, "dvs")


def array(
    store: Any, x: np.ndarray, y: np.ndarray, t_ns: np.ndarray, p: np.ndarray, package: str = "dvs_msgs"
) -> tuple[str, Any]:
    """An EventArray of an 8 x 6 sensor."""
    time, event = store.types["builtin_interfaces/msg/Time"], store.types[f"{package}/msg/Event"]
    rows = zip(x.tolist(), y.tolist(), t_ns.tolist(), p.tolist(), strict=True)
    events = [event(a, b, time(sec=t // 10**9, nanosec=t % 10**9), bool(q)) for a, b, t, q in rows]
    kind = f"{package}/msg/EventArray"
    return kind, store.types[kind](header(store, int(t_ns[0])), 6, 8, events)


def packet(store: Any, encoding: str, data: bytes, time_base: int = 0, stamp: int = 10**9) -> tuple[str, Any]:
    """An EventPacket of an 8 x 6 sensor."""
    kind = "event_camera_msgs/msg/EventPacket"
    events = np.frombuffer(data, dtype=np.uint8)
    return kind, store.types[kind](header(store, stamp), 6, 8, 0, time_base, encoding, False, events)


def write(path: Path, kind: str, messages: list[tuple[str, str, Any]]) -> Path:
    """A bag of messages (topic, type, content); `kind` is ros1, bz2, lz4, db3 or mcap."""
    ros1 = kind in ("ros1", "bz2", "lz4")
    store = typestore(ros1)
    writer: Any = Writer1(path) if ros1 else Writer(path, version=9, storage_plugin=storage(kind))
    if kind in ("bz2", "lz4"):
        writer.set_compression(Writer1.CompressionFormat[kind.upper()])
    with writer:
        connections: dict[str, Any] = {}
        for i, (topic, name, content) in enumerate(messages):
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, name, typestore=store)
            pack = store.serialize_ros1 if ros1 else store.serialize_cdr
            writer.write(connections[topic], 10**9 + i, pack(content, name))
    return path


def storage(kind: str) -> Any:
    return StoragePlugin.MCAP if kind == "mcap" else StoragePlugin.SQLITE3
