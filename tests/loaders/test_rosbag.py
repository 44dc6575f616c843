"""ROS bags: rosbags' own files, known bytes of each encoding, side streams, damage, and the real bags."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag1 import Reader

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.formats.rosbag.ros1 import Ros1Bag
from efields.loaders import load, open_events
from efields.recordings.recording import Recording
from tests.contracts.samples.folders import event_columns
from tests.contracts.samples.tables import event_array, ros1_bag
from tests.loaders import ros_bags

KINDS = ("ros1", "bz2", "lz4", "db3", "mcap")


def store(kind: str) -> Any:
    return ros_bags.typestore(kind in ("ros1", "bz2", "lz4"))


def same(recording: Recording) -> None:
    x, y, t_ns, polarity = event_columns()
    np.testing.assert_array_equal(recording.events.x, x)
    np.testing.assert_array_equal(recording.events.y, y)
    np.testing.assert_array_equal(recording.events.t_us, t_ns // 1000)
    np.testing.assert_array_equal(recording.events.polarity, polarity)
    assert (recording.events.width, recording.events.height) == (8, 6)


@pytest.mark.parametrize("package", ["dvs_msgs", "prophesee_event_msgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_event_arrays_as_rosbags_writes_them(kind: str, package: str, tmp_path: Path) -> None:
    """The records of CDR have a gap before their time and a shorter first one: any count must come out right."""
    columns, messages = event_columns(), []
    for first, last in ((0, 1), (1, 3), (3, 20), (20, 40)):
        part = [column[first:last] for column in columns]
        messages.append(("/dvs/events", *ros_bags.array(store(kind), *part, package=package)))
    path = ros_bags.write(tmp_path / "a.bag", kind, messages)
    same(load(path))
    if path.is_dir():  # the file in the folder, and the folder without its metadata
        same(load(next(file for file in path.iterdir() if file.suffix != ".yaml")))
        (path / "metadata.yaml").unlink()
        same(load(path))


def packets(kind: str, tmp_path: Path, encoding: str, parts: list[tuple[bytes, int]], **options: Any) -> EventColumns:
    messages = [
        ("/events", *ros_bags.packet(store(kind), encoding, data, base, stamp=5 * 10**9 + i))
        for i, (data, base) in enumerate(parts)
    ]
    file = open_events(ros_bags.write(tmp_path / f"{encoding}.{kind}", kind, messages), **options)
    assert encoding in file.format
    return EventColumns.concat(list(file.events(Damages(file.path))))


def test_mono(tmp_path: Path) -> None:
    words = [(7 | 5 << 16 | 1 << 31) << 32 | 1500, (2 | 3 << 16) << 32 | 4_000_000_000]
    found = packets("db3", tmp_path, "mono", [(struct.pack("<2Q", *words), 10**18)])
    assert [column.tolist() for column in found] == [
        [7, 2],
        [5, 3],
        [10**15 + 2, 10**15 + 4_000_000],  # half a microsecond is rounded up
        [True, False],
    ]


def test_libcaer_wraps_inside_a_packet_only(tmp_path: Path) -> None:
    def word(x: int, y: int, p: int, t: int) -> bytes:
        return struct.pack("<Ii", x << 17 | y << 2 | p << 1 | 1, t)

    top = 2**31 - 1
    first = word(7, 5, 1, top) + word(1, 2, 0, 3) + word(1, 2, 1, 2)  # a step back of 1 is no wrap
    found = packets("ros1", tmp_path, "libcaer", [(first, 10**12), (word(3, 4, 1, 5), 10**12 + 2**31 * 1000)])
    assert found.t_us.tolist() == [10**9 + top, 10**9 + 2**31 + 3, 10**9 + 2**31 + 2, 10**9 + 2**31 + 5]
    assert (found.x.tolist(), found.y.tolist()) == ([7, 1, 1, 3], [5, 2, 2, 4])
    assert found.polarity.tolist() == [True, False, True, True]


def test_libcaer_cmp(tmp_path: Path) -> None:
    words = [1 << 12 | 9, 2 << 12 | 7, 3 << 12 | 1 << 11 | 5, 0 << 12 | 1, 1 << 12 | 2, 4 << 12 | 1, 5 << 12 | 0b101]
    data = struct.pack(f"<{len(words)}H", *words)
    found = packets("mcap", tmp_path, "libcaer_cmp", [(data, 10**9), (data[:6], 2 * 10**9)])
    assert found.t_us.tolist() == [10**6 + 9, 10**6 + 4098, 10**6 + 4098, 2 * 10**6 + 9]
    assert (found.x.tolist(), found.y.tolist()) == ([7, 7, 7, 7], [5, 1, 3, 5])
    assert found.polarity.tolist() == [True, False, False, True]


def test_evt3_carries_on_and_moves_to_the_clock_of_the_bag(tmp_path: Path) -> None:
    one = struct.pack("<5H", 0x8FFF, 0x6FFE, 0x0005, 0x2807, 0xA001)
    two = struct.pack("<3H", 0x8000, 0x6001, 0x2003)  # the counter wraps, the row stays
    t = 0xFFF << 12 | 0xFFE
    found = packets("db3", tmp_path, "evt3", [(one, 0), (two, 0)], clock="sensor")
    assert found.t_us.tolist() == [t, (1 << 24) + 1]
    assert (found.x.tolist(), found.y.tolist(), found.polarity.tolist()) == ([7, 3], [5, 5], [True, False])
    recording = load(tmp_path / "evt3.db3")
    assert recording.events.t_us.tolist() == [5_000_000, 5_000_003]
    assert recording.triggers is not None
    assert (recording.triggers.t_us.tolist(), recording.triggers.rising.tolist()) == ([5_000_000], [True])
    assert any("shifted by" in note for note in recording.notes)


def test_an_encoding_that_nobody_reads(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"encoded as 'h264'.*evt3, libcaer, libcaer_cmp, mono"):
        load(
            ros_bags.write(tmp_path / "a", "db3", [("/e", *ros_bags.packet(store("db3"), "h264", b"12"))]),
            width=8,
            height=6,
        )


# Topics


def test_topics_are_listed(tmp_path: Path) -> None:
    data = event_array(*event_columns())
    two = {"/left/events": "dvs_msgs/EventArray", "/right/events": "dvs_msgs/EventArray"}
    (tmp_path / "two.bag").write_bytes(ros1_bag(two, [(name, data) for name in two]))
    with pytest.raises(InputError, match="2 topics of events: /left/events, /right/events"):
        load(tmp_path / "two.bag")
    same(load(tmp_path / "two.bag", topic="/right/events"))
    with pytest.raises(InputError, match=r"no topic '/up' of events; it holds /left/events .dvs_msgs/EventArray.,"):
        load(tmp_path / "two.bag", topic="/up")
    (tmp_path / "none.bag").write_bytes(ros1_bag({"/chatter": "std_msgs/String"}, []))
    with pytest.raises(InputError, match=r"no topic of events; it holds /chatter .std_msgs/String."):
        load(tmp_path / "none.bag")


@pytest.mark.parametrize("kind", ["lz4", "mcap"])
def test_imu_frames_and_camera(kind: str, tmp_path: Path) -> None:
    types = store(kind)
    stamp = ros_bags.header(types, 1_500_000_600)
    vector, zeros = types.types["geometry_msgs/msg/Vector3"], np.zeros(9)
    quaternion = types.types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)
    imu = types.types["sensor_msgs/msg/Imu"](
        stamp, quaternion, zeros, vector(1.0, 2.0, 3.0), zeros, vector(4.0, 5.0, 9.8), zeros
    )
    pixels = np.arange(6 * 26, dtype=np.uint8)  # two bytes of padding a row
    image = types.types["sensor_msgs/msg/Image"](stamp, 6, 8, "bgr8", 0, 26, pixels)
    matrix = np.array([10.0, 0, 3.5, 0, 11, 2.5, 0, 0, 1])
    roi = types.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    lens = np.array([-0.1, 0.01, 0.0, 0.0, 0.0])
    info = types.types["sensor_msgs/msg/CameraInfo"](
        stamp, 6, 8, "plumb_bob", lens, matrix, np.eye(3).ravel(), np.zeros(12), 0, 0, roi
    )
    messages = [
        ("/dvs/events", *ros_bags.array(types, *event_columns())),
        ("/other/imu", "sensor_msgs/msg/Imu", imu),
        ("/dvs/imu", "sensor_msgs/msg/Imu", imu),
        ("/dvs/image_raw", "sensor_msgs/msg/Image", image),
        ("/dvs/camera_info", "sensor_msgs/msg/CameraInfo", info),
    ]
    recording = load(ros_bags.write(tmp_path / "a.bag", kind, messages))
    same(recording)
    assert recording.imu is not None
    assert recording.imu.t_us.tolist() == [1_500_001]
    assert (recording.imu.gyro.tolist(), recording.imu.acceleration.tolist()) == ([[1, 2, 3]], [[4, 5, 9.8]])
    frames = recording.unposed_frames
    assert frames is not None
    assert (frames.image.shape, frames.image.dtype, frames.white) == ((1, 6, 8, 3), np.uint8, 255)
    assert frames.image[0, 1, 0].tolist() == [28, 27, 26]  # red first
    assert recording.calibrated.fx == 10
    assert recording.calibrated.distortion[:2] == (-0.1, 0.01)


# Damage


@pytest.fixture(scope="module")
def bag() -> bytes:
    columns = event_columns()
    parts = [event_array(*(column[i : i + 10] for column in columns)) for i in range(0, 40, 10)]
    return ros1_bag({"/dvs/events": "dvs_msgs/EventArray"}, [("/dvs/events", part) for part in parts])


def test_cut_at_every_byte(bag: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.bag"
    x, _, t_ns, _ = event_columns()
    kept = set()
    for size in range(len(bag)):
        path.write_bytes(bag[:size])
        with pytest.raises(InputError) as caught:
            load(path, "rosbag")
        assert "\n" not in str(caught.value)
        try:
            recording = load(path, "rosbag", salvage=True)
        except InputError:
            continue
        kept.add(len(recording.events))
        np.testing.assert_array_equal(recording.events.t_us, t_ns[: len(recording.events)] // 1000)
        np.testing.assert_array_equal(recording.events.x, x[: len(recording.events)])
    assert 40 in kept


def test_a_chunk_that_is_broken_is_left_out(bag: bytes, tmp_path: Path) -> None:
    """Two bags' chunks in one file, the first one's record damaged: reading goes on at the second."""
    path = tmp_path / "broken.bag"
    at = bag.index(b"compression=") - 8
    length = record_length(bag, at)
    chunk = bag[at : at + length]
    damaged = bag[:at] + b"\xff" * 40 + chunk[40:] + chunk + bag[at + length :]
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=f"record is broken or truncated at byte {at:,}"):
        load(path)
    recording = load(path, salvage=True)
    same(recording)
    assert any(f"lost {length:,} bytes" in note for note in recording.notes)


def record_length(bag: bytes, at: int) -> int:
    header = int.from_bytes(bag[at : at + 4], "little")
    return 8 + header + int.from_bytes(bag[at + 4 + header : at + 8 + header], "little")


def test_a_message_that_is_longer_than_it_says(tmp_path: Path) -> None:
    whole = event_array(*event_columns())
    path = tmp_path / "long.bag"
    path.write_bytes(ros1_bag({"/e": "dvs_msgs/EventArray"}, [("/e", whole), ("/e", whole + b"1")]))
    with pytest.raises(InputError, match="a message is longer than its header states at byte"):
        load(path)
    assert len(load(path, salvage=True).events) == 40


def test_a_bag_that_was_not_closed(bag: bytes, tmp_path: Path) -> None:
    path = tmp_path / "active.bag"
    at = bag.index(b"index_pos=") + 10
    path.write_bytes(bag[:at] + bytes(8) + bag[at + 8 :])
    with pytest.raises(InputError, match="was not closed"):
        load(path)
    same(load(path, salvage=True))


def test_a_database_that_is_cut(tmp_path: Path) -> None:
    x, y, t_ns, polarity = (np.tile(column, 20) for column in event_columns())
    message = ("/e", *ros_bags.array(store("db3"), x, y, t_ns, polarity))
    path = next(ros_bags.write(tmp_path / "a", "db3", [message] * 20).glob("*.db3"))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match=r"a_0\.db3|a\.db3"):
        load(path)
    try:
        found = len(load(path, salvage=True).events)
    except InputError:
        found = 0
    assert found % 800 == 0


def test_no_permission_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty.bag").write_bytes(b"")
    for path in (tmp_path / "empty.bag", tmp_path):
        with pytest.raises(InputError):
            load(path, "rosbag")


def test_rosbags_reads_the_bag_of_these_tests(bag: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.bag").write_bytes(bag)
    with Reader(tmp_path / "a.bag") as reader:
        assert [len(data) for _, _, data in reader.messages()] == [31 + 130] * 4
    assert [topic.name for topic in Ros1Bag(tmp_path / "a.bag").topics] == ["/dvs/events"]


# Real bags


def test_real_ros1(shared_data: Path) -> None:
    path = shared_data / "vendor" / "event_packet_evt3_ros1.bag"
    if not path.exists():
        pytest.skip(f"no {path}")
    recording = load(path)
    assert (len(recording.events), recording.events.width, recording.events.height) == (343_474, 640, 480)
    assert recording.events.duration_s == pytest.approx(2.078, abs=5e-4)
    assert int(recording.events.polarity.sum()) == 125_183


@pytest.mark.parametrize(("kind", "identifier"), [("mcap", "mcap"), ("db3", "sqlite3")])
def test_a_folder_whose_metadata_name_no_storage_opens(kind: str, identifier: str, tmp_path: Path) -> None:
    x, y, t_ns, polarity = event_columns()
    message = ("/e", *ros_bags.array(store(kind), x, y, t_ns, polarity))
    folder = ros_bags.write(tmp_path / "a", kind, [message])
    metadata = (folder / "metadata.yaml").read_text()
    assert f"storage_identifier: {identifier}\n" in metadata
    for written in ("storage_identifier: ''\n", "storage_identifier:\n", 'storage_identifier: ""\n'):
        (folder / "metadata.yaml").write_text(metadata.replace(f"storage_identifier: {identifier}\n", written))
        np.testing.assert_array_equal(load(folder).events.x, x)
    (folder / "metadata.yaml").write_text(
        (folder / "metadata.yaml").read_text().replace("a.", "b.").replace("a_0.", "b.")
    )
    with pytest.raises(InputError):  # a file that it lists is not there
        load(folder)


def test_real_ros2_has_the_sums_of_the_drivers_own_test(shared_data: Path) -> None:
    """Sums of times, columns, rows and polarities, and of triggers, that event_camera_codecs checks on this bag."""
    path = shared_data / "vendor" / "event_packet_evt3_ros2"
    if not path.exists():
        pytest.skip(f"no {path}")
    recording = load(path, clock="sensor")
    events = recording.events
    assert (len(events), events.width, events.height) == (82_469, 1280, 720)
    assert events.duration_s == pytest.approx(1.251, abs=5e-4)
    assert int(events.t_us.sum()) == 1_222_326_831_810
    assert (int(events.x.sum(dtype=np.int64)), int(events.y.sum(dtype=np.int64))) == (42_078_718, 31_656_267)
    assert int(events.polarity.sum()) == 41_439
    assert recording.triggers is not None
    assert int(recording.triggers.t_us.sum()) == 29_096_982
    assert int(recording.triggers.rising.sum()) == 1
