"""AEDAT 3.1: each kind of packet by hand, overflows, damage. No real file of this version is at hand."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.loaders.aedat3 import Config, matches
from tests.contracts.samples.aedat import aedat3, aedat3_events, aedat3_file, aedat3_packet, microseconds


def event(x: int, y: int, t: int, on: int, valid: int = 1) -> bytes:
    return struct.pack("<Ii", x << 17 | y << 2 | on << 1 | valid, t)


def columns(path: Path) -> list[list[int]]:
    file = Config().open(path)
    return [column.astype(int).tolist() for column in EventColumns.concat(list(file.events(Damages(path))))]


def test_events_by_hand(tmp_path: Path) -> None:
    body = [event(239, 0, 5, 1), event(0, 179, 6, 0)]
    head = struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, 2, 2, 2)
    path = aedat3_file(tmp_path / "a", [head + body[0] + body[1]])
    assert columns(path) == [[239, 0], [0, 179], [5, 6], [1, 0]]
    assert body[0] == bytes([0x03, 0x00, 0xDE, 0x01, 5, 0, 0, 0])
    recording = Config().load(path)
    assert (recording.events.width, recording.events.height) == (240, 180)
    assert recording.notes == ()


def test_overflows_are_counted_by_the_header(tmp_path: Path) -> None:
    packets = [aedat3_packet(1, [event(1, 1, 2**31 - 1, 1)]), aedat3_packet(1, [event(1, 1, 3, 1)], overflows=1)]
    assert columns(aedat3_file(tmp_path / "a", packets))[2] == [2**31 - 1, 2**31 + 3]


def test_events_marked_invalid_are_left_out(tmp_path: Path) -> None:
    head = struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, 2, 2, 1)
    assert columns(aedat3_file(tmp_path / "a", [head + event(1, 1, 5, 1) + event(2, 2, 6, 1, 0)]))[0] == [1]
    head = struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, 2, 2, 2)
    path = aedat3_file(tmp_path / "b", [head + event(1, 1, 5, 1) + event(2, 2, 6, 1, 0)])
    with pytest.raises(InputError, match="fewer events of a packet are valid"):
        Config().load(path)


def test_side_streams(tmp_path: Path) -> None:
    pixels = np.arange(32 * 24, dtype="<u2").reshape(24, 32) * 80
    frame = struct.pack("<I8i", 1 | 1 << 1, 90, 210, 100, 200, 32, 24, 2, 1) + pixels.tobytes()
    imu6 = struct.pack("<Ii7f", 1, 50, 0, -1, 0.5, 90, 0, -180, 25)
    imu9 = struct.pack("<Ii10f", 1, 60, 1, 0, 0, 0, 0, 0, 25, 1, 2, 3)
    special = [struct.pack("<Ii", kind << 1 | 1, t) for kind, t in ((2, 70), (3, 71), (1, 72), (4, 73))]
    packets = [
        aedat3_packet(1, [event(1, 1, 5, 1)]),
        aedat3_packet(2, [frame], stamp=8, overflows=1),
        aedat3_packet(3, [imu6]),
        aedat3_packet(4, [imu9]),
        aedat3_packet(0, special),
    ]
    recording = Config().load(aedat3_file(tmp_path / "a", packets))
    frames, imu, triggers = recording.unposed_frames, recording.imu, recording.triggers
    assert frames is not None
    assert imu is not None
    assert triggers is not None
    assert frames.image.shape == (1, 180, 240, 1)
    np.testing.assert_array_equal(frames.image[0, 1:25, 2:34, 0], pixels)
    assert frames.t_us.tolist() == [2**31 + 150]
    assert frames.white == 65535
    assert imu.t_us.tolist() == [50, 60]
    np.testing.assert_allclose(imu.acceleration, np.array([[0, -1, 0.5], [1, 0, 0]]) * 9.80665)
    np.testing.assert_allclose(imu.gyro, [[np.pi / 2, 0, -np.pi], [0, 0, 0]])
    assert (triggers.t_us.tolist(), triggers.rising.tolist()) == ([70, 71, 73], [True, False, True])


@pytest.mark.parametrize(("now", "says"), [(b"#Format: RAW", "compressed"), (b"DAT3.1", "version")])
def test_other_formats_are_refused(now: bytes, says: str, tmp_path: Path) -> None:
    path = aedat3(tmp_path / "a")
    path.write_bytes(path.read_bytes().replace(now, now.replace(b"RAW", b"PNG").replace(b"3.1", b"3.0")))
    with pytest.raises(InputError, match=says):
        Config().load(path)


def test_an_unnamed_camera_gets_the_least_sensor(tmp_path: Path) -> None:
    recording = Config().load(aedat3_file(tmp_path / "a", [aedat3_packet(1, [event(200, 150, 5, 1)])], "File"))
    assert (recording.events.width, recording.events.height) == (240, 180)
    assert "size of the sensor is not in the file" in recording.notes[0]


def test_a_second_camera_is_named(tmp_path: Path) -> None:
    path = aedat3_file(
        tmp_path / "a",
        [aedat3_packet(1, [event(1, 1, 5, 1)]), aedat3_packet(1, [event(2, 2, 6, 1)], source=2)],
        "DVS128\r\n#Source 2: DAVIS346",
    )
    assert columns(path)[0] == [1]
    assert "those of DAVIS346 (2)" in Config().load(path).notes[0]
    data = path.read_bytes().replace(b"#Source 2: DAVIS346\r\n", b"")
    path.write_bytes(data)
    with pytest.raises(InputError, match="source that the header does not name"):
        Config().load(path)


def test_cut_at_every_byte(tmp_path: Path) -> None:
    path = aedat3(tmp_path / "whole")
    data, whole = path.read_bytes(), columns(path)
    begin = data.index(b"END-HEADER\r\n") + 12
    borders = {begin + 28 + 25 * 8: 25}
    for size in range(len(data)):
        path.write_bytes(data[:size])
        if size not in borders:
            with pytest.raises(InputError, match="recorded"):
                Config().load(path)
        if size >= begin + 36:
            events = Config(salvage=True).load(path).events
            assert events.t_us.tolist() == whole[2][: len(events)]
            behind = size - begin - 28
            assert len(events) == (behind // 8 if behind <= 200 else 25 + max(0, behind - 228) // 8)


def test_garbage_between_packets_is_stepped_over(tmp_path: Path) -> None:
    events = aedat3_events(*microseconds())
    noise = np.random.default_rng(0).bytes(4096)
    path = aedat3_file(tmp_path / "a", [aedat3_packet(1, events[:20]), noise, aedat3_packet(1, events[20:])])
    with pytest.raises(InputError, match="header is broken or it is truncated at byte"):
        Config().load(path)
    recording = Config(salvage=True).load(path)
    assert len(recording.events) == 40
    assert "lost 4,096 bytes" in recording.notes[-1]


def test_a_lost_packet_of_the_middle_is_counted(tmp_path: Path) -> None:
    path = aedat3(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:-20])
    assert "lost 3 events" in Config(salvage=True).load(path).notes[-1]


def test_matches_by_content(tmp_path: Path) -> None:
    assert matches(aedat3(tmp_path / "a"))
    assert not matches(tmp_path)
