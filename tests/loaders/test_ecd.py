"""The Event Camera Dataset: conventions, bad input on one line, and the real slider."""

from __future__ import annotations

import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest

from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.loaders import load
from efields.recordings.recording import Recording
from tests.contracts.samples.folders import ecd


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return ecd(tmp_path / "slider")


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def set_line(path: Path, number: int, line: str) -> None:
    """Replace a line, counted from 0, or append one."""
    lines = lines_of(path)
    lines[number : number + 1] = [line]
    path.write_text("\n".join(lines) + "\n")


def raises(folder: Path, says: str, **options: Any) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load(folder, "ecd", **options)
    assert "\n" not in str(caught.value)


def test_columns_and_calibration(sample: Path) -> None:
    recording = load(sample)
    rows = [line.split() for line in lines_of(sample / "events.txt")]
    assert recording.events.t_us.tolist() == [round(float(row[0]) * 1e6) for row in rows]
    assert recording.events.x.tolist() == [int(row[1]) for row in rows]
    assert recording.events.y.tolist() == [int(row[2]) for row in rows]
    assert recording.events.polarity.tolist() == [row[3] == "1" for row in rows]
    lens = (-0.1, 0.01, 0.001, -0.002, 0.0)  # k1 k2 p1 p2 k3
    assert recording.camera == Camera(8, 6, 10.0, 11.0, 3.5, 2.5, "plumb_bob", lens)
    assert recording.name == "slider"
    assert any("assumed: 0.25 ON, 0.25 OFF" in note for note in recording.notes)


def test_times_are_rounded_to_whole_microseconds(sample: Path) -> None:
    for number, (time, t_us) in enumerate(
        (("1.000000499", 1_000_000), ("1.000000501", 1_000_001), ("1.0000029", 1_000_003))
    ):
        set_line(sample / "events.txt", number, f"{time} 1 2 1")
        assert load(sample).events.t_us[number] == t_us
    (sample / "events.txt").write_text("1468939993.067416019 1 2 1\n1468939993.2 1 2 0\n")
    (sample / "groundtruth.txt").unlink()
    assert load(sample).events.t_us.tolist() == [1_468_939_993_067_416, 1_468_939_993_200_000]


def test_quaternions_are_xyzw_and_poses_opencv(sample: Path) -> None:
    trajectory = load(sample).trajectory
    assert trajectory is not None
    np.testing.assert_allclose(trajectory.orientation[0], [0, 0, np.sin(0.05), np.cos(0.05)], atol=1e-9)
    np.testing.assert_allclose(trajectory.position[0], [0, 0, -1], atol=1e-9)
    assert load(sample, trajectory="cubic").trajectory.kind == "cubic"  # type: ignore[union-attr]


def test_frames_take_their_pose_from_the_trajectory(sample: Path) -> None:
    recording = load(sample)
    frames = recording.frames
    assert frames is not None
    assert frames.names == ("frame_00000001.png", "frame_00000002.png")  # the first is before the poses
    assert frames.t_us is not None
    assert frames.t_us.tolist() == [1_200_000, 1_700_000]
    share = (1.2 - 0.9) / 1.2
    np.testing.assert_allclose(frames.T_world_camera[0, :3, 3], [share, 0.5 * share, -1], atol=1e-6)
    turn = 0.1 + share * 0.5  # the turn about z is linear in time
    np.testing.assert_allclose(frames.T_world_camera[0, :2, 0], [np.cos(turn), np.sin(turn)], atol=1e-6)
    raw = iio.imread(sample / "images" / "frame_00000001.png")
    np.testing.assert_allclose(frames.image[0, ..., 0], (raw + 0.5) / 256, rtol=1e-6)
    assert frames.camera == recording.camera
    assert frames.color_space == "linear"
    assert "1 of 3 frames lie outside the time of the events and poses and were left out." in recording.notes


def test_which_frames(sample: Path) -> None:
    kept = [line for line in lines_of(sample / "events.txt") if float(line.split()[0]) < 1.5]
    (sample / "events.txt").write_text("\n".join(kept) + "\n")
    assert len(load(sample).frames) == 1  # type: ignore[arg-type]
    assert len(load(sample, frames="all").frames) == 2  # type: ignore[arg-type]
    assert load(sample, frames="none").frames is None
    raises(sample, "frames: 'some' is not allowed", frames="some")


def test_without_poses_and_without_frames(sample: Path) -> None:
    (sample / "images.txt").unlink()
    recording = load(sample, width=8, height=6)
    assert recording.frames is None
    (sample / "groundtruth.txt").unlink()
    recording = load(sample)
    assert recording.trajectory is None
    assert (recording.camera.width, recording.camera.height) == (240, 180)
    assert any("assumed to be a DAVIS240C" in note for note in recording.notes)
    assert any("has no poses" in note for note in recording.notes)


def test_poses_that_start_late(sample: Path) -> None:
    poses = lines_of(sample / "groundtruth.txt")[2:]  # from 1.38 s
    (sample / "groundtruth.txt").write_text("\n".join(poses) + "\n")
    recording = load(sample)
    late = sum(float(line.split()[0]) < 1.38 for line in lines_of(sample / "events.txt"))
    assert len(recording.events) == 40
    assert len(recording.covered) == 40 - late
    assert any(note.startswith(f"{40 - late} of 40 events") for note in recording.notes)
    reached = load(sample, extrapolate_s=0.5)
    assert len(reached.covered) == 40
    assert reached.frames is not None
    # The speed is constant, so that the pose carried back to 1.2 s is the one that was there.
    np.testing.assert_allclose(reached.frames.T_world_camera[0, :3, 3], [0.25, 0.125, -1], atol=1e-6)
    raises(sample, "extrapolate_s = -1; give a number from 0", extrapolate_s=-1.0)
    (sample / "groundtruth.txt").write_text("".join(f"{100 + i} 0 0 0 0 0 0 1\n" for i in range(3)))
    raises(sample, "cover none of the events")


def test_one_event_file_is_taken(sample: Path) -> None:
    (sample / "events.txt").rename(sample / "events_chunk.txt")
    assert len(load(sample).events) == 40
    (sample / "events_other.txt").write_bytes((sample / "events_chunk.txt").read_bytes())
    raises(sample, "found: events_chunk.txt, events_other.txt")
    (sample / "events_other.txt").rename(sample / "events.txt")
    assert len(load(sample).events) == 40


# Bad input: one line each


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("events.txt", "slider: has no events.txt"),
        ("calib.txt", "calib.txt: no such file"),
        ("images/frame_00000001.png", "frame_00000001.png: no such file"),
    ],
)
def test_missing_file(sample: Path, name: str, says: str) -> None:
    (sample / name).unlink()
    raises(sample, says)


@pytest.mark.parametrize(
    ("name", "number", "line", "says"),
    [
        ("events.txt", 7, "1.5 3 2", "events.txt: line 8 holds 3 values"),
        ("events.txt", 7, "1.5 three 2 1", "events.txt: cannot be read: line 8 is '1.5 three 2 1'"),
        ("events.txt", 7, "1.5 8 2 1", "events.txt: 1 of 40 events lie outside the 8 x 6 sensor"),
        ("events.txt", 7, "1.5 1 2 2", "events.txt: polarity has the values 0, 1, 2"),
        ("events.txt", 7, "1.5 1 2 -1", "events.txt: polarity has the values -1, 0, 1"),
        (
            "groundtruth.txt",
            3,
            "1.6 0 0 nan 0 0 0 1",
            "line 4: its position or quaternion is not finite",
        ),
        ("groundtruth.txt", 3, "nan 0 0 0 0 0 0 1", "groundtruth.txt: line 4: 'nan' is not a time"),
        (
            "groundtruth.txt",
            3,
            "1.6 0 0 0 0 0 0.5 1",
            "line 4: its quaternion is not of unit length but 1.118",
        ),
        ("groundtruth.txt", 3, "1.6 0 0 0", "groundtruth.txt: line 4 is not a pose .'1.6 0 0 0'"),
        ("calib.txt", 0, "0 11 3.5 2.5 0 0 0 0 0", "calib.txt: focal length fx, fy = 0, 11"),
        ("calib.txt", 0, "10 11 3.5 2.5 0.1", "calib.txt: 5 numbers are not a camera"),
        ("calib.txt", 1, "10 11 3.5 2.5 0 0 0 0 0", "calib.txt: 18 numbers in 2 rows of 9 are not a camera"),
        ("images.txt", 1, "1.2", "images.txt: has a broken line .line 2: '1.2'"),
        ("images.txt", 1, "noon images/frame_00000001.png", "images.txt: has a broken line"),
    ],
)
def test_broken_line(sample: Path, name: str, number: int, line: str, says: str) -> None:
    set_line(sample / name, number, line)
    raises(sample, says)


def test_empty_recording(sample: Path) -> None:
    (sample / "events.txt").write_text("")
    raises(sample, "events.txt: no events")


def test_times_that_go_backwards_are_sorted_and_counted(sample: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = lines_of(sample / "events.txt")
    (sample / "events.txt").write_text("\n".join([*lines[:10], lines[11], lines[10], *lines[12:]]) + "\n")
    with caplog.at_level(logging.WARNING):
        assert (np.diff(load(sample).events.t_us) >= 0).all()
    assert any("1 of 40 events go backwards in time; sorted" in record.getMessage() for record in caplog.records)


def test_a_frame_of_another_size(sample: Path) -> None:
    iio.imwrite(sample / "images" / "frame_00000002.png", np.zeros((6, 9), dtype=np.uint8))
    raises(sample, "frame_00000002.png: is 9 x 6, the sensor 8 x 6")


# The real slider


@pytest.fixture(scope="module")
def slider(shared_data: Path) -> Recording:
    folder = shared_data / "ecd_slider_depth"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return load(folder)


def test_slider_events(slider: Recording) -> None:
    assert slider.path is not None
    text = np.loadtxt(slider.path / "events_chunk.txt")
    with_poses = np.rint(text[:, 0] * 1e6) >= 22_292  # the first pose, rounded
    assert len(slider.events) == len(text) == 50_000
    assert len(slider.covered) == int(with_poses.sum()) == 46_749
    for name, column in (("t_us", np.rint(text[:, 0] * 1e6)), ("x", text[:, 1]), ("y", text[:, 2])):
        np.testing.assert_array_equal(getattr(slider.events, name), column)
    np.testing.assert_array_equal(slider.events.polarity, text[:, 3] == 1)
    assert "46,749 of 50,000 events are within the time of the poses; a reconstruction uses only those." in slider.notes
    assert slider.trajectory is not None
    assert slider.trajectory.origin_us == slider.covered.t_us[0]


def test_slider_motion_and_frames(slider: Recording) -> None:
    assert slider.trajectory is not None
    assert slider.frames is not None
    assert len(slider.trajectory) == 339
    moved = np.diff(slider.frames.T_world_camera[:, :3, 3], axis=0)
    assert len(slider.frames) == 4
    assert (moved[:, 0] > 0.008).all()  # along +x
    np.testing.assert_array_equal(moved[:, 1:], 0.0)
    np.testing.assert_array_equal(slider.frames.T_world_camera[:, :3, :3], np.broadcast_to(np.eye(3), (4, 3, 3)))
    assert slider.frames.image.shape == (4, 180, 240, 1)
    assert slider.camera.distortion[:2] == (-0.138592767408, 0.0933736664192)


def test_slider_poses_carried_back_keep_every_event(slider: Recording) -> None:
    assert slider.path is not None
    everything = load(slider.path, extrapolate_s=0.02)
    assert len(everything.covered) == 50_000
    assert everything.trajectory is not None
    assert everything.trajectory.start_us == everything.origin_us == 3811
    assert len(load(slider.path, frames="all").frames) == 86  # type: ignore[arg-type]


def test_poses_in_another_unit_or_under_names_are_the_same(sample: Path) -> None:
    wanted = load(sample, frames="none").trajectory
    path = sample / "groundtruth.txt"
    rows = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    texts = {
        "nanoseconds": "".join(f"{Decimal(t) * 10**9:.0f} {' '.join(row)}\n" for t, *row in rows),
        "columns": "qw,x,y,z,qx,qy,qz,t\n" + "".join(",".join([r[7], *r[1:7], r[0]]) + "\n" for r in rows),
    }
    for said, text in texts.items():
        path.write_text(text)
        recording = load(sample, frames="none")
        assert wanted is not None and recording.trajectory is not None
        np.testing.assert_array_equal(recording.trajectory.t_us, wanted.t_us)
        np.testing.assert_array_equal(recording.trajectory.orientation, wanted.orientation)
        assert any("are assumed to be nanoseconds" in note for note in recording.notes) is (said == "nanoseconds")
