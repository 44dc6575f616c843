"""TUM-VIE and EDS: from the tracked body to the event camera, frames with their own camera, what may be missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.geometry.camera import Camera
from efields.loaders import load
from tests.contracts.samples.data_sets import EPOCH_US, EXTRINSIC, eds, tum_vie
from tests.loaders.hdf5 import check_events, raises

LENS = (-0.05, 0.01, -0.004, 0.0005)
START = np.array([0.0, 0.0, -1.0])
TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # a quarter about z


def about_z(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def test_tum_vie_marker_to_event_camera(tmp_path: Path) -> None:
    recording = load(tum_vie(tmp_path / "mocap-desk"))
    check_events(recording)
    assert recording.camera == Camera(8, 6, 22.0, 10.0, 3.5, 2.5, "equidistant", (0.1, 0.0, 0.0, 0.0))
    assert recording.trajectory is not None
    # T_world_camera = T_world_marker inv(T_imu_marker) T_imu_cam: the marker is turned a quarter, the camera at y = .2
    first = about_z(0.1) @ TURN.T
    np.testing.assert_allclose(recording.trajectory.position[0], START + first @ [0, 0.2, 0], atol=1e-9)
    half = recording.trajectory.orientation[0]
    np.testing.assert_allclose(half, [0, 0, np.sin((0.1 - np.pi / 2) / 2), np.cos((0.1 - np.pi / 2) / 2)], atol=1e-9)
    assert recording.imu is not None
    assert recording.imu.t_us[0] == 900_000
    assert recording.imu.gyro[0].tolist() == [0.1, 0.2, 0.3]
    assert recording.imu.acceleration[0].tolist() == [0, 0, 9.81]
    assert any("3 frames were not read" in note for note in recording.notes)


def test_tum_vie_frames_have_their_own_camera_and_pose(tmp_path: Path) -> None:
    recording = load(tum_vie(tmp_path / "desk"), frames="during_events")
    frames, trajectory = recording.frames, recording.trajectory
    assert frames is not None
    assert frames.t_us is not None
    assert trajectory is not None
    assert frames.t_us.tolist() == [1_200_000, 1_700_000]
    assert frames.camera.fx == 20.0
    angle = 0.1 + 0.25 * 0.5
    at = START + 0.25 * np.array([1, 0.5, 0])
    np.testing.assert_allclose(frames.T_world_camera[0, :3, 3], at, atol=2e-3)  # lerp of an offset point
    np.testing.assert_allclose(frames.T_world_camera[0, :3, :3], about_z(angle) @ TURN.T, atol=1e-9)


def test_tum_vie_gaps_are_said_and_files_may_lie_deeper(tmp_path: Path) -> None:
    root = tum_vie(tmp_path / "desk")
    lines = (root / "mocap_data.txt").read_text().splitlines()
    (root / "desk-vi_gt_data").mkdir()
    (root / "mocap_data.txt").unlink()
    (root / "left_images").rename(root / "desk-vi_gt_data" / "left_images")
    (root / "desk-vi_gt_data" / "mocap_data.txt").write_text("\n".join([lines[0], lines[1], lines[-1]]) + "\n")
    recording = load(root)
    assert any("missing for up to 1.2 s" in note for note in recording.notes)
    (root / "mocap-imu-calibrationA.json").unlink()
    assert load(root).trajectory is None
    assert any("no calibration with T_imu_cam and T_imu_marker" in note for note in load(root).notes)
    (root / "camera-calibrationA.json").unlink()
    assert (load(root).events.width, load(root).camera) == (1280, None)
    raises(root, r"contains no \*events_right.h5", camera="right")


# EDS


def test_eds_poses_of_either_camera(tmp_path: Path) -> None:
    folder = eds(tmp_path / "00_peanuts")
    recording = load(folder, frames="all")
    check_events(recording, EPOCH_US)
    assert recording.camera == Camera(8, 6, 12.0, 13.0, 3.5, 2.5, "plumb_bob", LENS)
    assert recording.trajectory is not None
    np.testing.assert_allclose(recording.trajectory.position[0], START, atol=1e-9)
    frames = recording.frames
    assert frames is not None
    assert frames.camera.fx == 10.0
    T_event = recording.trajectory
    here = np.array(EXTRINSIC)
    angle = 0.1 + 0.25 * 0.5
    want = START + 0.25 * np.array([1, 0.5, 0]) + about_z(angle) @ here[:3, 3]
    np.testing.assert_allclose(frames.T_world_camera[0, :3, 3], want, atol=1e-6)
    np.testing.assert_allclose(frames.T_world_camera[0, :3, :3], about_z(angle) @ TURN, atol=1e-6)
    other = load(folder, poses_of="frame")
    assert other.trajectory is not None
    inverse = np.linalg.inv(here)
    np.testing.assert_allclose(other.trajectory.position[0], START + about_z(0.1) @ inverse[:3, 3], atol=1e-9)
    assert len(T_event) == 6


def test_eds_times_in_seconds_and_missing_parts(tmp_path: Path) -> None:
    folder = eds(tmp_path / "seq")
    (folder / "images_timestamps.txt").unlink()
    (folder / "images" / "times.txt").write_text(f"{EPOCH_US * 1e-6 + 1.2:.6f}\n{EPOCH_US * 1e-6 + 1.7:.6f}\n")
    frames = load(folder, frames="all").frames
    assert frames is not None
    assert frames.t_us is not None
    assert frames.t_us.tolist() == [EPOCH_US + 1_200_000, EPOCH_US + 1_700_000]
    (folder / "calib0.yaml").unlink()
    recording = load(folder, frames="all")
    assert (recording.camera, recording.frames, recording.events.width) == (None, None, 640)
    raises(folder, "no calibration between", poses_of="frame")
    (folder / "a.yaml").write_text("cam0: [\n")
    raises(folder, "a.yaml: is not readable as YAML")


@pytest.mark.parametrize("node", ["", "cam1: 3", "cam1: {}", "cam1: {intrinsics: [1, 2, 3]}"])
def test_a_broken_calibration_is_one_line(tmp_path: Path, node: str) -> None:
    folder = eds(tmp_path / "seq")
    (folder / "calib0.yaml").write_text(f"cam0: {{}}\n{node}\n")
    if node:
        raises(folder, "calib0.yaml: ")
