"""Poses of a topic in a ROS 1 or ROS 2 bag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from efields.errors import InputError

_WHERE = {
    "PoseStamped": ("pose",),
    "PoseWithCovarianceStamped": ("pose", "pose"),
    "TransformStamped": ("transform",),
    "Odometry": ("pose", "pose"),
}
"""Name of a message to where in it the pose is."""

Columns = tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 4"], tuple[str, ...]]


def read_bag(path: Path, topic: str) -> Columns:
    """Stamps in microseconds, positions and orientations (xyzw) of a topic's messages, and notes.

    Raises `InputError` when the bag cannot be read, or has no such topic (those it has are listed).
    """
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    if path.is_file() and path.suffix in (".db3", ".mcap") and (path.parent / "metadata.yaml").is_file():
        path = path.parent
    try:
        with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE)) as reader:
            return _read(reader, path, topic)
    except InputError:
        raise
    except Exception as error:  # damaged bags raise whatever is met first
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"cannot be read as a bag ({said})", path, "copy the complete bag again") from None


def _read(reader: Any, path: Path, topic: str) -> Columns:
    kinds = {connection.topic: connection.msgtype.rsplit("/", 1)[-1] for connection in reader.connections}
    posed = sorted(name for name, kind in kinds.items() if kind in _WHERE)
    listed = f"its pose topics: {', '.join(posed) or 'none'}; all topics: {', '.join(sorted(kinds)) or 'none'}"
    if topic not in kinds:
        raise InputError(f"has no topic '{topic}'", path, listed)
    kind = kinds[topic]
    if kind not in _WHERE:
        raise InputError(f"'{topic}' holds messages {kind}, not poses ({', '.join(_WHERE)})", path, listed)
    stamps, rows, frames = [], [], set()
    for connection, _, raw in reader.messages([c for c in reader.connections if c.topic == topic]):
        message = reader.deserialize(raw, connection.msgtype)
        pose = message
        for name in _WHERE[kind]:
            pose = getattr(pose, name)
        p = pose.translation if kind == "TransformStamped" else pose.position
        q = pose.rotation if kind == "TransformStamped" else pose.orientation
        stamp = message.header.stamp
        stamps.append((int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec) + 500) // 1000)
        rows.append((p.x, p.y, p.z, q.x, q.y, q.z, q.w))
        frames.add((str(message.header.frame_id), str(getattr(message, "child_frame_id", ""))))
    if not rows:
        raise InputError(f"'{topic}' contains no messages", path, listed)
    table = np.array(rows, dtype=np.float64)
    told = ", ".join(f"'{child}' in '{parent}'" if child else f"in '{parent}'" for parent, child in sorted(frames)[:3])
    return np.array(stamps, dtype=np.int64), table[:, :3], table[:, 3:], (f"The bag's poses are of {kind} {told}.",)
