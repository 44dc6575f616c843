"""What a ROS bag contains besides events: IMU samples, frames and the camera's calibration, by rosbags' own types."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from efields.cameras.calibration import Calibration, fitted
from efields.cameras.intrinsics import intrinsics_of
from efields.errors import InputError
from efields.events.side_streams import Frames, Imu
from efields.formats.damages import Damages
from efields.formats.rosbag.bag import Bag, Topic
from efields.geometry.camera import Camera

IMU, IMAGE, CAMERA = "sensor_msgs/Imu", "sensor_msgs/Image", "sensor_msgs/CameraInfo"
"""Types of messages that are read."""
PIXELS = {
    "mono8": ("u1", 1),
    "8UC1": ("u1", 1),
    "mono16": ("u2", 1),
    "16UC1": ("u2", 1),
    "rgb8": ("u1", 3),
    "bgr8": ("u1", 3),
    "8UC3": ("u1", 3),
}
"""Encodings of images: type and channels; OpenCV's own name (8UC3) means blue first."""


def nearest(topics: tuple[Topic, ...], kind: str, events: str) -> str:
    """The topic of this kind that shares most of its name with that of the events; "" where there is none."""
    named = [topic.name for topic in topics if topic.plain_kind == kind]
    words = events.strip("/").split("/")

    def shared(name: str) -> int:
        parts = name.strip("/").split("/")
        return next(
            (i for i, (a, b) in enumerate(zip(parts, words, strict=False)) if a != b), min(len(parts), len(words))
        )

    return max(named, key=shared, default="")


@functools.cache
def _types(ros1: bool) -> Any:
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)


def _messages(bag: Bag, topic: str, kind: str, damages: Damages) -> Iterator[tuple[int, Any]]:
    """Stamps in microseconds and messages; one that is broken is a damage."""
    if not topic:
        return
    for message in bag.messages(frozenset({topic}), damages):
        if message.topic.plain_kind != kind:
            continue
        store, name = _types(bag.ros1), kind.replace("/", "/msg/")
        try:
            read = store.deserialize_ros1 if bag.ros1 else store.deserialize_cdr
            content = read(message.data.tobytes(), name)
            stamp = content.header.stamp
            t_us = int(stamp.sec) * 1_000_000 + (int(stamp.nanosec) + 500) // 1000
        except Exception:
            damages.found(f"a message of {kind} is broken", byte=message.byte, lost_bytes=len(message.data))
            continue
        yield t_us, content


def read_imu(bag: Bag, topic: str, damages: Damages) -> Imu | None:
    """Inertial samples of one topic, rad/s and m/s^2 as ROS has them (REP 103)."""
    times, rows = [], []
    for t_us, content in _messages(bag, topic, IMU, damages):
        gyro, acceleration = content.angular_velocity, content.linear_acceleration
        times.append(t_us)
        rows.append((gyro.x, gyro.y, gyro.z, acceleration.x, acceleration.y, acceleration.z))
    if not times:
        return None
    table = np.array(rows, dtype=np.float64)
    return Imu(np.array(times, dtype=np.int64), table[:, :3].copy(), table[:, 3:].copy())


def read_frames(bag: Bag, topic: str, damages: Damages) -> Frames | None:
    """Frames of one topic, grey or R, G, B."""
    times: list[int] = []
    images: list[np.ndarray] = []
    for t_us, content in _messages(bag, topic, IMAGE, damages):
        image = _image(content)
        if image is None or (images and (image.shape, image.dtype) != (images[0].shape, images[0].dtype)):
            known = ", ".join(PIXELS)
            damages.found(
                f"a frame is not whole, of another size, or its encoding '{content.encoding[:20]}' is not read",
                lost_bytes=len(content.data),
                do=f"encodings that are read: {known}",
            )
            continue
        times.append(t_us)
        images.append(image)
    if not images:
        return None
    return Frames(np.stack(images), np.array(times, dtype=np.int64), float(np.iinfo(images[0].dtype).max))


def _image(content: Any) -> np.ndarray | None:
    kind, channels = PIXELS.get(content.encoding, ("", 0))
    height, width, step = int(content.height), int(content.width), int(content.step)
    if not kind or height < 1 or width < 1:
        return None
    dtype = np.dtype(kind).newbyteorder(">" if content.is_bigendian else "<")
    used = width * channels * dtype.itemsize
    data = np.asarray(content.data, dtype=np.uint8)
    if step < used or len(data) < height * step:
        return None
    rows = np.ascontiguousarray(data[: height * step].reshape(height, step)[:, :used])
    image = rows.view(dtype).reshape(height, width, channels).astype(dtype.newbyteorder("="))
    return image[..., ::-1] if content.encoding in ("bgr8", "8UC3") else image


def read_camera(bag: Bag, topic: str, width: int, height: int) -> tuple[Camera | None, tuple[str, ...]]:
    """The calibration, and a note; None where there is none that fits the sensor. Damage is left to other passes."""
    for _, content in _messages(bag, topic, CAMERA, Damages(Path(bag.path), salvage=True)):
        matrix = np.asarray(getattr(content, "K", getattr(content, "k", None)), dtype=np.float64)
        lens = tuple(float(v) for v in getattr(content, "D", getattr(content, "d", ())))
        if not matrix.any():
            return None, (f"Topic {topic} contains no calibration.",)
        size = int(content.width), int(content.height)
        if size != (width, height):
            return None, (f"The calibration in {topic} is for {size[0]} x {size[1]} pixels: left out.",)
        try:
            found = Calibration(intrinsics_of([matrix.ravel().tolist()], topic), content.distortion_model, lens, size)
            return fitted(found, width, height, False, topic)
        except InputError as error:
            return None, (f"The calibration in {topic} was left out: {error.what}.",)
    return None, ()
