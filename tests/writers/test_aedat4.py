"""Round trips through AEDAT 4: with our reader and with faery's, events exact, all that lies beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events.columns import EventColumns, in_chunks
from efields.events.side_streams import Frames, Imu, SideStreams, Triggers
from efields.formats.about import About
from efields.loaders.aedat4 import Config
from efields.writers.aedat4 import SUFFIX, write


def some_events(count: int, seed: int = 0) -> EventColumns:
    rng = np.random.default_rng(seed)
    t_us = np.sort(rng.integers(0, 10**15, count))
    return EventColumns.of(
        rng.integers(0, 640, count), rng.integers(0, 480, count), t_us, rng.integers(0, 2, count) == 1
    )


def test_events_are_exact_for_us_and_for_faery(tmp_path: Path) -> None:
    events, path = some_events(40_000), tmp_path / f"a{SUFFIX}"
    assert write(in_chunks(events, 30_000), path, About(640, 480)) == 40_000
    recording = Config().load(path)
    stream = recording.events
    assert (stream.width, stream.height, recording.imu, recording.triggers) == (640, 480, None, None)
    for found, wrote in zip((stream.x, stream.y, stream.t_us, stream.polarity), events, strict=True):
        np.testing.assert_array_equal(found, wrote)
    faery = pytest.importorskip("faery")
    theirs = np.concatenate(list(faery.events_stream_from_file(path)))
    for key, wrote in (("t", events.t_us), ("x", events.x), ("y", events.y), ("on", events.polarity)):
        np.testing.assert_array_equal(theirs[key], wrote)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2**62 - 1), st.integers(0, 32766), st.integers(0, 1023), st.booleans()),
        min_size=1,
        unique=True,
    )
)
def test_any_events_come_back(rows: list[tuple[int, int, int, bool]], tmp_path: Path) -> None:
    t_us, x, y, polarity = (np.array(column) for column in zip(*sorted(rows), strict=True))
    path = tmp_path / "a.aedat4"
    write(iter([EventColumns.of(x, y, t_us, polarity)]), path, About(32767, 1024))
    stream = Config().load(path).events
    for found, wrote in zip((stream.x, stream.y, stream.t_us, stream.polarity), (x, y, t_us, polarity), strict=True):
        np.testing.assert_array_equal(found, wrote)


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, 1), (np.uint8, 3), (np.uint16, 1), (np.uint16, 3)])
def test_what_lies_beside_events_comes_back(dtype: type, channels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    t_us = np.array([10, 20, 30])
    images = rng.integers(0, np.iinfo(dtype).max, (3, 6, 8, channels), dtype=dtype)
    side = SideStreams(
        Imu(t_us, rng.normal(size=(3, 3)), rng.normal(size=(3, 3))),
        Frames(images, t_us, float(np.iinfo(dtype).max)),
        Triggers(t_us, np.array([True, False, True])),
    )
    path = tmp_path / "a.aedat4"
    zeros = np.zeros(2)
    write(iter([EventColumns.of(zeros, zeros, np.array([15, 25]), zeros)]), path, About(8, 6, side))
    back = Config().load(path)
    assert back.unposed_frames is not None
    assert back.imu is not None
    assert back.triggers is not None
    np.testing.assert_array_equal(back.unposed_frames.image, images)
    assert back.unposed_frames.image.dtype == dtype
    for found in (back.unposed_frames.t_us, back.imu.t_us, back.triggers.t_us):
        np.testing.assert_array_equal(found, t_us)
    np.testing.assert_array_equal(back.triggers.rising, [True, False, True])
    np.testing.assert_allclose(back.imu.gyro, side.imu.gyro if side.imu else 0, rtol=1e-6)
    np.testing.assert_allclose(back.imu.acceleration, side.imu.acceleration if side.imu else 0, rtol=1e-6)


def test_faery_reads_what_lies_beside_events(tmp_path: Path) -> None:
    faery = pytest.importorskip("faery")
    t_us, path = np.array([10, 20]), tmp_path / "a.aedat4"
    images = np.arange(96, dtype=np.uint8).reshape(2, 6, 8, 1)
    side = SideStreams(
        Imu(t_us, np.full((2, 3), np.pi), np.full((2, 3), 9.80665)),
        Frames(images, t_us, 255.0),
        Triggers(t_us, np.array([True, False])),
    )
    zeros = np.zeros(2)
    write(iter([EventColumns.of(zeros, zeros, t_us, zeros)]), path, About(8, 6, side))
    decoder = faery.aedat.Decoder(path)
    packets = [(track.data_type, packet) for track, packet in decoder]
    assert sum(entry.elements_count for entry in faery.aedat.Decoder(path).file_data_definitions()) == 8
    frames = [packet for kind, packet in packets if kind == "frame"]
    np.testing.assert_array_equal([frame.pixels for frame in frames], images[..., 0])
    assert [frame.t for frame in frames] == [10, 20]
    imu = np.concatenate([packet for kind, packet in packets if kind == "imus"])
    np.testing.assert_allclose(imu["gyroscope_x"], 180)
    np.testing.assert_allclose(imu["accelerometer_z"], 1)
    triggers = np.concatenate([packet for kind, packet in packets if kind == "triggers"])
    assert [tuple(row) for row in triggers] == [(10, 1), (20, 2)]


def test_no_events_are_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    assert write(iter([]), path, About(8, 6)) == 0
    with pytest.raises(InputError, match="contains no events"):
        Config().load(path)


def test_what_does_not_fit_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.aedat4"
    one = np.zeros(1)
    with pytest.raises(InputError, match="does not fit in AEDAT 4"):
        write(iter([]), path, About(40_000, 6))
    with pytest.raises(InputError, match="a time before 0"):
        write(iter([EventColumns.of(one, one, one - 1, one)]), path, About(8, 6))
    assert list(tmp_path.iterdir()) == []


def test_float_frames_are_left_out(tmp_path: Path) -> None:
    one, path = np.zeros(1), tmp_path / "a.aedat4"
    frames = Frames(np.zeros((1, 6, 8, 1), dtype=np.float32), np.zeros(1, dtype=np.int64), 1.0)
    write(iter([EventColumns.of(one, one, one, one)]), path, About(8, 6, SideStreams(frames=frames)))
    assert Config().load(path).unposed_frames is None
