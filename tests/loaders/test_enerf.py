"""E-NeRF's three kinds of folder: units, axes, marker and lens, each by hand."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from efields.errors import InputError
from efields.loaders import find, load
from tests.contracts.samples.data_sets import poses, write_columns
from tests.contracts.samples.folders import EVENTS, HEIGHT, POSES, WIDTH, event_columns, quaternions
from tests.contracts.samples.nerf_layouts import enerf
from tests.contracts.samples.posed import images_in

PINHOLE = {"fx": 9.0, "fy": 9.0, "cx": 3.5, "cy": 2.5}
HALF = float(np.sqrt(0.5))
STRAIGHT = {"px": 0.0, "py": 0.0, "pz": 0.0, "qx": 0.0, "qy": 0.0, "qz": 0.0, "qw": 1.0}
TURNED = STRAIGHT | {"qz": HALF, "qw": HALF}


def write_map(file: Path, k1: float = 0.0) -> None:
    """Where each raw pixel lies undistorted, of a lens that is the other way round a plumb_bob's k1."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    u, v = (x - 3.5) / 9, (y - 2.5) / 9
    plain_u, plain_v = u, v
    for _ in range(50):
        scale = 1 + k1 * (plain_u**2 + plain_v**2)
        plain_u, plain_v = u / scale, v / scale
    with h5py.File(file, "w") as h5:
        h5["rectify_map"] = np.stack([plain_u * 9 + 3.5, plain_v * 9 + 2.5], axis=2).astype(np.float32)


def eds(folder: Path) -> Path:
    write_columns(folder / "events.h5", "", event_columns()[2] // 1000, "i8")
    np.savetxt(folder / "stamped_groundtruth_us.txt", poses(1e6), header="#timestamp[us] px py pz qx qy qz qw")
    write_map(folder / "rectify_map_calib0.h5", k1=-0.1)
    undistorted = {"intrinsics_undistorted": [PINHOLE | {"fx": 99.0}, PINHOLE]}
    (folder / "calib_undist_calib0.json").write_text(json.dumps(undistorted))
    return folder


def tumvie(folder: Path) -> Path:
    write_columns(folder / "mocap-desk2-events_left.h5", "events/", event_columns()[2] // 1000, "i8")
    np.savetxt(folder / "mocap_poses.txt", poses(1e6), fmt="%.9f", header="timestamp px py pz qx qy qz qw")
    write_map(folder / "rectify_map_left.h5")
    lens = PINHOLE | dict(zip(("k1", "k2", "k3", "k4"), (0.1, 0.01, 0.0, 0.0), strict=True))
    value = {
        "T_imu_cam": [STRAIGHT, STRAIGHT, TURNED, STRAIGHT | {"py": 0.2}],
        "intrinsics": [{"camera_type": "kb4", "intrinsics": lens | {"fx": 9.0 + i}} for i in range(4)],
        "intrinsics_undistorted": [PINHOLE] * 4,
        "resolution": [[1024, 1024], [1024, 1024], [WIDTH, HEIGHT], [WIDTH, HEIGHT]],
    }
    (folder / "calib_undist.json").write_text(json.dumps({"value0": value}))
    marker = {"value0": {"T_imu_marker": STRAIGHT | {"px": 0.5}}}
    (folder / "mocap-imu-calib.json").write_text(json.dumps(marker))
    return folder


class TestEsim:
    def test_nanoseconds_axes_and_centre(self, tmp_path: Path) -> None:
        recording = load(enerf(tmp_path / "room"))
        x, y, t_ns, polarity = event_columns()
        events, camera, trajectory = recording.events, recording.calibrated, recording.trajectory
        assert trajectory is not None
        np.testing.assert_array_equal(events.t_us, t_ns // 1000)
        np.testing.assert_array_equal(events.x, x)
        np.testing.assert_array_equal(events.y, y)
        np.testing.assert_array_equal(events.polarity, polarity)
        assert (camera.width, camera.height, camera.fx, camera.cx, camera.cy) == (8, 6, 9.0, 3.5, 2.5)
        assert (trajectory.start_us, trajectory.end_us) == (900_000, 2_100_000)
        np.testing.assert_allclose(trajectory.orientation, quaternions(POSES), atol=1e-8)  # xyzw, as they stand
        np.testing.assert_allclose(trajectory.position[0], [0, 0, -1])

    def test_polarity_of_minus_one(self, tmp_path: Path) -> None:
        room = enerf(tmp_path / "room")
        before = load(room).events.polarity
        for file in (room / "events").glob("*.npy"):
            rows = np.load(file)
            np.save(file, np.column_stack([rows[:, :3], 2 * rows[:, 3] - 1, np.zeros(len(rows))]))  # a fifth column
        np.testing.assert_array_equal(load(room).events.polarity, before)

    def test_half_a_nanosecond_does_not_move_an_event(self, tmp_path: Path) -> None:
        room = enerf(tmp_path / "room")
        file = sorted((room / "events").glob("*.npy"))[0]
        rows = np.load(file).astype(np.int64)
        rows[0, 2] = 1_000_000_499
        np.save(file, rows)
        assert load(room).events.t_us[0] == 1_000_000

    def test_frames_are_at_their_times_sharp_or_corrupted(self, tmp_path: Path) -> None:
        room = enerf(tmp_path / "room")
        frames = load(room).frames
        assert frames is not None
        assert frames.t_us is not None
        assert frames.t_us.tolist() == [1_200_000, 1_700_000]
        np.testing.assert_allclose(frames.T_world_camera[0, :3, 3], [0.25, 0.125, -1], atol=1e-9)
        images_in(room / "images_corrupted", ["00000.png"])
        (room / "images_corrupted" / "image_stamps_ns.txt").write_text("1200000000\n")
        corrupted = load(room, frames="images_corrupted").frames
        assert corrupted is not None
        assert len(corrupted) == 1
        assert load(room, frames="none").frames is None

    def test_a_cut_file_of_events_is_one_clear_line(self, tmp_path: Path) -> None:
        room = enerf(tmp_path / "room")
        file = sorted((room / "events").glob("*.npy"))[1]
        whole = file.read_bytes()
        for end in range(0, len(whole), 7):
            file.write_bytes(whole[:end])
            with pytest.raises(InputError, match="000001"):
                load(room, "enerf")

    def test_a_bad_polarity_is_counted(self, tmp_path: Path) -> None:
        room = enerf(tmp_path / "room")
        file = sorted((room / "events").glob("*.npy"))[1]
        rows = np.load(file)
        rows[2, 3] = 7
        np.save(file, rows)
        with pytest.raises(InputError, match=r"polarity .* in row 16"):
            load(room)
        recording = load(room, salvage=True)
        assert len(recording.events) == EVENTS - 1
        assert any("lost 1 events" in note for note in recording.notes)


class TestTumVie:
    def test_markers_become_cameras_and_the_lens_is_kb4(self, tmp_path: Path) -> None:
        folder = tumvie(tmp_path / "desk")
        assert find(folder) == "enerf"
        recording = load(folder)
        camera, trajectory = recording.calibrated, recording.trajectory
        assert trajectory is not None
        assert (camera.fx, camera.cx, camera.distortion_model) == (11.0, 3.5, "equidistant")
        assert camera.distortion == (0.1, 0.01, 0.0, 0.0)
        np.testing.assert_array_equal(recording.events.t_us, event_columns()[2] // 1000)
        # By hand: marker to world is a turn of 0.1 about z at (0, 0, -1); the camera lies 0.5 before the marker's x.
        np.testing.assert_allclose(trajectory.position[0], [-0.5 * np.cos(0.1), -0.5 * np.sin(0.1), -1], atol=1e-8)
        angle = (0.1 + np.pi / 2) / 2
        np.testing.assert_allclose(trajectory.orientation[0], [0, 0, np.sin(angle), np.cos(angle)], atol=1e-8)

    def test_without_a_lens_one_is_fitted_to_the_map(self, tmp_path: Path) -> None:
        folder = tumvie(tmp_path / "desk")
        file = folder / "calib_undist.json"
        value = json.loads(file.read_text())["value0"]
        del value["intrinsics"]
        file.write_text(json.dumps({"value0": value}))
        camera = load(folder).calibrated
        assert camera.fx == pytest.approx(9.0, abs=1e-3)


class TestEds:
    def test_poses_are_the_event_cameras_and_pixels_stay_raw(self, tmp_path: Path) -> None:
        folder = eds(tmp_path / "peanuts")
        assert find(folder) == "enerf"
        recording = load(folder)
        trajectory, camera = recording.trajectory, recording.calibrated
        assert trajectory is not None
        np.testing.assert_array_equal(recording.events.x, event_columns()[0])
        np.testing.assert_allclose(trajectory.orientation, quaternions(POSES), atol=1e-8)
        assert trajectory.start_us == 900_000
        # The point that a lens of k1 = -0.1 shows at a raw pixel is the one that the map gives.
        rays = np.array([[0.3, 0.2, 1.0], [-0.2, 0.1, 1.0]])
        squared = (rays[:, :2] ** 2).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(camera.project(rays), rays[:, :2] * (1 - 0.1 * squared) * 9 + [3.5, 2.5], atol=0.01)
        assert any("fitted to rectify_map_calib0.h5" in note for note in recording.notes)

    def test_a_map_that_is_no_lens_is_refused(self, tmp_path: Path) -> None:
        folder = eds(tmp_path / "peanuts")
        noise = np.random.default_rng(0).uniform(0, 8, (HEIGHT, WIDTH, 2)).astype(np.float32)
        with h5py.File(folder / "rectify_map_calib0.h5", "w") as h5:
            h5["rectify_map"] = noise
        with pytest.raises(InputError, match="no lens model explains the map"):
            load(folder)
