"""ROS bags: ROS 1 (.bag), ROS 2 (a folder with .db3 or .mcap files, or such a file).

Events come as `dvs_msgs/EventArray` and `prophesee_event_msgs/EventArray` (records with whole times) or as
`event_camera_msgs/EventPacket` (encodings evt3, libcaer, libcaer_cmp, mono: see `efields.formats.rosbag.events`).
Messages say the size of the sensor. EVT 3.0 has the sensor's own clock; its times are moved as a whole so that the
first event is at the stamp of its message, the clock of everything else in the bag. Beside events are read
`sensor_msgs/Imu`, `sensor_msgs/Image`, `sensor_msgs/CameraInfo` of the topics whose names are nearest, and the triggers
of EVT 3.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.side_streams import SideStreams, Triggers
from efields.formats.damages import Damages
from efields.formats.opening import first_bytes
from efields.formats.rosbag.bag import Bag
from efields.formats.rosbag.events import MessageDecoder, first_event_us, regrouped, taken_apart
from efields.formats.rosbag.messages import ARRAYS, PACKETS, EventMessage
from efields.formats.rosbag.ros1 import MAGIC, Ros1Bag
from efields.formats.rosbag.ros2 import Ros2Bag, is_storage, storage_files
from efields.loaders._options import OneFile, Outside
from efields.loaders._ros_side import CAMERA, IMAGE, IMU, nearest, read_camera, read_frames, read_imu
from efields.recordings.event_file import EventFile
from efields.recordings.sensor_size import checked_size

BEGINS = rb"#ROSBAG V2\.0\n|SQLite format 3\x00|\x89MCAP0\r\n"
HOLDS = ("metadata.yaml", "*.db3", "*.mcap")

_METADATA = b"rosbag2_bagfile_information"


@dataclass(frozen=True)
class Config(OneFile, Outside):
    """How to read a ROS bag."""

    topic: str = ""
    """The topic of the events; empty: the only one there is."""
    imu_topic: str = ""
    """The topic of IMU samples; empty: the one whose name is closest to that of the events."""
    frame_topic: str = ""
    """The topic of frames; empty: likewise."""
    clock: Literal["ros", "sensor"] = "ros"
    """Whether times of EVT 3.0 are shifted to the clock of the bag, or left on the sensor's clock."""

    def open(self, path: str | Path) -> EventFile:
        """Open the bag `path`. Raises `InputError` listing topics where that of the events is not known."""
        source = Path(path)
        checked_size(self.width, self.height, source)
        bag: Bag = Ros1Bag(source) if _is_ros1(source) else Ros2Bag(source, self.salvage, self.outside)
        topic = self._topic(bag)
        first, shift_us, notes = self._first(bag, topic)
        width, height = self.width or first.width, self.height or first.height
        if not (1 <= width <= 1 << 16 and 1 <= height <= 1 << 16):
            raise InputError(
                f"states that its sensor has {width} x {height} pixels", source, "give its --width and --height"
            )
        imu = self.imu_topic or nearest(bag.topics, IMU, topic)
        frames = self.frame_topic or nearest(bag.topics, IMAGE, topic)
        camera, said = read_camera(bag, nearest(bag.topics, CAMERA, topic), width, height)

        def decode(damages: Damages) -> Iterator[EventColumns]:
            yield from regrouped(_shifted(_events(bag, topic, MessageDecoder(damages), damages), shift_us))

        def side_streams(damages: Damages) -> SideStreams:
            return SideStreams(
                imu=read_imu(bag, imu, damages),
                frames=read_frames(bag, frames, damages),
                triggers=_triggers(bag, topic, shift_us) if first.encoding == "evt3" else None,
            )

        kind = next(known.plain_kind for known in bag.topics if known.name == topic)
        return EventFile(
            format=f"{bag.format}, {kind}" + (f" ({first.encoding})" if first.encoding else ""),
            path=source,
            width=width,
            height=height,
            decode=decode,
            side_streams=side_streams,
            camera=camera,
            notes=(*notes, *said),
        )

    def _topic(self, bag: Bag) -> str:
        """The topic of the events."""
        names = [topic.name for topic in bag.topics if topic.plain_kind in (*ARRAYS, *PACKETS)]
        if self.topic in names:
            return self.topic
        listed = ", ".join(f"{topic.name} ({topic.kind})" for topic in bag.topics[:20]) or "no topics"
        if self.topic:
            raise InputError(f"contains no topic '{self.topic}' of events", bag.path, f"it holds {listed}")
        if not names:
            raise InputError("contains no topic of events", bag.path, f"it holds {listed}")
        if len(names) > 1:
            raise InputError(
                f"holds {len(names)} topics of events: {', '.join(names)}", bag.path, "give one with the option topic"
            )
        return names[0]

    def _first(self, bag: Bag, topic: str) -> tuple[EventMessage, int, tuple[str, ...]]:
        """The first message, and microseconds from the events' clock to the bag's with a note."""
        damages = Damages(bag.path, salvage=True)  # what is broken is for the decoder to report
        first = None
        for _, message in taken_apart(bag.messages(frozenset({topic}), damages), bag.ros1, damages):
            first = first or message
            if message.encoding != "evt3" or self.clock == "sensor":
                return first, 0, ()
            start = first_event_us(message, damages)
            if start is not None:
                by = message.stamp_us - start
                note = f"Times are the sensor's, shifted by {by * 1e-6:.6f} s to match the first message's stamp."
                return first, by, (note,)
        if first is None:
            for _ in taken_apart(bag.messages(frozenset({topic}), Damages(bag.path)), bag.ros1, Damages(bag.path)):
                pass  # says what is broken
            raise InputError(f"contains no message on {topic}", bag.path, "choose a recording with events")
        return first, 0, ()


def _events(bag: Bag, topic: str, decoder: MessageDecoder, damages: Damages) -> Iterator[EventColumns]:
    return decoder.decode(taken_apart(bag.messages(frozenset({topic}), damages), bag.ros1, damages))


def _shifted(parts: Iterator[EventColumns], by: int) -> Iterator[EventColumns]:
    for part in parts:
        yield replace(part, t_us=part.t_us + by) if by else part


def _triggers(bag: Bag, topic: str, shift_us: int) -> Triggers | None:
    """Edges at the trigger input; damage is reported with the events."""
    damages = Damages(bag.path, salvage=True)
    decoder = MessageDecoder(damages)
    for _ in _events(bag, topic, decoder, damages):
        pass
    found = decoder.triggers
    return Triggers(found.t_us + shift_us, found.rising) if len(found) else None


def _is_ros1(path: Path) -> bool:
    return path.is_file() and first_bytes(path, len(MAGIC)) == MAGIC


def matches(path: str | Path) -> bool:
    """Whether `path` is a bag of ROS 1, a folder of ROS 2, or a SQLite or MCAP file."""
    source = Path(path)
    if source.is_dir():
        return _METADATA in first_bytes(source / "metadata.yaml", 1 << 12) or bool(storage_files(source))
    return _is_ros1(source) or is_storage(first_bytes(source, 16))
