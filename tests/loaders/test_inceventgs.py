"""IncEventGS's layout: each of its conventions, salvage, and damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.geometry.camera import Camera
from efields.loaders import load
from tests.contracts.samples.folders import HEIGHT, POSES, WIDTH, event_columns
from tests.contracts.samples.nerf_layouts import inceventgs, opencv_poses

NPY = "event_threshold_0.1/gray_events_data.npy"


@pytest.fixture
def room(tmp_path: Path) -> Path:
    return inceventgs(tmp_path / "room0")


def test_columns_are_x_y_seconds_and_signed_polarity(room: Path) -> None:
    x, y, t_ns, polarity = event_columns()
    events = load(room).events
    np.testing.assert_array_equal(events.t_us, t_ns // 1000)
    np.testing.assert_array_equal(events.x, x)
    np.testing.assert_array_equal(events.y, y)
    np.testing.assert_array_equal(events.polarity, polarity)


def test_camera_is_assumed_and_its_pixel_centres_are_halves(room: Path) -> None:
    recording = load(room)
    assert recording.camera == Camera(WIDTH, HEIGHT, 4.0, 4.0, 3.5, 2.5)
    said = "Intrinsics are assumed, as they are not in the folder: 8 x 6, focal length 4, centre 4, 3."
    assert said in recording.notes
    assert recording.lens_assumed
    given_one = load(room, focal=9.0, cx=4.25, cy=2.0)
    assert given_one.camera == Camera(WIDTH, HEIGHT, 9.0, 9.0, 3.75, 1.5)
    assert not any("camera is not in the folder" in note for note in given_one.notes)


def test_without_images_the_camera_is_replica_s(room: Path) -> None:
    for file in (room / "images").iterdir():
        file.unlink()
    (room / "images").rmdir()
    assert load(room).camera == Camera(768, 480, 384.0, 384.0, 383.5, 239.5)


def test_poses_are_opencv_and_images_are_posed_by_their_lines(room: Path) -> None:
    recording = load(room)
    assert recording.trajectory is not None
    np.testing.assert_allclose(recording.trajectory.position, opencv_poses(POSES)[:, :3, 3])
    assert recording.trajectory.t_us.tolist() == np.rint(np.linspace(0.9e6, 2.1e6, POSES)).tolist()
    assert recording.frames is None
    assert recording.heldout is not None
    np.testing.assert_allclose(recording.heldout.T_world_camera, opencv_poses(POSES), atol=1e-12)
    assert recording.heldout.image.shape == (POSES, HEIGHT, WIDTH, 1)
    frames = load(room, frames="frames").frames
    assert frames is not None
    np.testing.assert_array_equal(frames.t_us, recording.trajectory.t_us)
    assert load(room, frames="none").heldout is None


def test_threshold_is_that_of_the_folder_s_name(room: Path) -> None:
    assert load(room).sensor == Sensor(c_pos=0.1, c_neg=0.1)
    (room / "event_threshold_0.1").rename(room / "event_threshold_0.25")
    assert load(room).sensor == Sensor(c_pos=0.25, c_neg=0.25)
    (room / "event_threshold_0.25" / "gray_events_data.npy").rename(room / "gray_events_data.npy")
    recording = load(room)
    assert recording.sensor == Sensor(c_pos=0.1, c_neg=0.1)
    assert any("Contrast thresholds are assumed" in note for note in recording.notes)


def test_two_thresholds_are_ambiguous(room: Path) -> None:
    (room / "event_threshold_0.2").mkdir()
    (room / "event_threshold_0.2" / "gray_events_data.npy").write_bytes((room / NPY).read_bytes())
    with pytest.raises(InputError, match=r"found: event_threshold_0\.1/gray_events_data\.npy, event_threshold_0\.2"):
        load(room)


def test_broken_rows_are_an_error_or_counted(room: Path) -> None:
    rows = np.load(room / NPY)
    rows[3, 2], rows[5, 3], rows[7, 0], rows[9, 0] = np.nan, 2.0, 1.5, 60
    np.save(room / NPY, rows)
    with pytest.raises(InputError, match=r"gray_events_data\.npy: a time is not a number of microseconds in row 3"):
        load(room)
    recording = load(room, salvage=True)
    assert len(recording.events) == 36
    assert any(note.startswith("Salvaged: ") and "lost 4 events" in note for note in recording.notes)


def test_cut_anywhere(room: Path) -> None:
    file = room / NPY
    x, whole = load(room).events.x, file.read_bytes()
    for size in (*range(0, 140, 3), *range(140, len(whole), 37)):
        file.write_bytes(whole[:size])
        with pytest.raises(InputError) as caught:
            load(room, "inceventgs")
        assert "\n" not in str(caught.value)
        if size >= 128 + 32:  # the header and one row
            recording = load(room, "inceventgs", salvage=True)
            np.testing.assert_array_equal(recording.events.x, x[: (size - 128) // 32])
            lost = f"lost {40 - (size - 128) // 32} events"
            assert any(note.startswith("Salvaged: ") and lost in note for note in recording.notes)
    file.write_bytes(whole + b"1234")
    with pytest.raises(InputError, match="there are leftover bytes at the end at byte 1,408"):
        load(room)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("traj.txt", "1 0 0\n", r"traj\.txt: line 1 is '1 0 0'"),
        ("poses_ts.txt", "0.9\n2.1\n", r"poses_ts\.txt: holds 2 times, traj\.txt 6 poses"),
        ("poses_ts.txt", "0.9\nnan\n2.1\n", r"poses_ts\.txt: line 2 is 'nan'"),
        ("traj.txt", "1 0 0 0 0 2 0 0 0 0 1 0 0 0 0 1\n" * 6, r"traj\.txt: .*not a rotation and a position"),
    ],
)
def test_broken_text_is_said(room: Path, name: str, text: str, says: str) -> None:
    (room / name).write_text(text)
    with pytest.raises(InputError, match=says):
        load(room)


def test_rows_of_another_shape(room: Path) -> None:
    np.save(room / NPY, np.zeros((5, 3)))
    with pytest.raises(InputError, match=r"has the shape \(5, 3\), not n x 4 numbers"):
        load(room)
    np.save(room / NPY, np.array([object()]), allow_pickle=True)
    with pytest.raises(InputError, match="is not a complete NumPy array"):  # never unpickled
        load(room)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(900_000, 2_100_000), st.booleans()), min_size=1
    )
)
def test_any_events_come_back(room: Path, events: list[tuple[int, int, int, bool]]) -> None:
    events.sort(key=lambda event: event[2])
    x, y, t_us, polarity = (np.array(column) for column in zip(*events, strict=True))
    np.save(room / NPY, np.column_stack([x, y, t_us * 1e-6, 2 * polarity - 1.0]))
    held = load(room, "inceventgs", frames="none").events
    for column, expected in ((held.x, x), (held.y, y), (held.t_us, t_us), (held.polarity, polarity)):
        np.testing.assert_array_equal(column, expected)
