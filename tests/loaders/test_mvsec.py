"""MVSEC: times, poses of either camera, calibration from two places, frames."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from efields.geometry.camera import Camera
from efields.loaders import load
from tests.contracts.samples.data_sets import EPOCH_US, EXTRINSIC, mvsec
from tests.loaders.hdf5 import check_events, raises

LENS = (-0.05, 0.01, -0.004, 0.0005)
START = np.array([0.0, 0.0, -1.0])


def test_mvsec_times_poses_and_camera(tmp_path: Path) -> None:
    folder = mvsec(tmp_path / "indoor")
    recording = load(folder, width=8, height=6)
    check_events(recording, EPOCH_US)
    assert recording.camera == Camera(8, 6, 10.0, 11.0, 3.5, 2.5, "equidistant", LENS)
    assert recording.trajectory is not None
    assert recording.trajectory.start_us == EPOCH_US + 900_000
    np.testing.assert_allclose(recording.trajectory.position[0], START)
    shifted = load(folder, width=8, height=6, poses="odometry").trajectory
    np.testing.assert_allclose(shifted.position[0], START + np.array([0.5, 0, 0]))  # type: ignore[union-attr]
    frames = recording.frames
    assert frames is not None
    assert frames.t_us is not None
    assert frames.t_us.tolist() == [EPOCH_US + 1_200_000, EPOCH_US + 1_700_000]
    np.testing.assert_allclose(frames.T_world_camera[0, :3, 3], [0.25, 0.125, -1], atol=1e-6)
    with h5py.File(folder / "indoor_flying1_data.hdf5") as file:
        raw = file["davis/left/image_raw"][1]
    np.testing.assert_allclose(frames.image[0, ..., 0], (raw + 0.5) / 256, rtol=1e-6)
    assert "1 of 3 frames lie outside the time of the events and poses and were left out." in recording.notes


def test_mvsec_without_its_side_files(tmp_path: Path) -> None:
    folder = mvsec(tmp_path / "indoor")
    raises(folder, "calibrated for 8 x 6 pixels, not 346 x 260", width=346, height=260)
    (folder / "camchain-imucam-indoor_flying.yaml").unlink()
    with h5py.File(folder / "indoor_flying1_data.hdf5", "r+") as file:
        del file["davis/left/image_raw"]
    recording = load(folder / "indoor_flying1_data.hdf5")
    assert recording.camera == Camera(
        346, 260, 226.018, 225.787, 174.543, 124.216, "equidistant", (-0.04847, 0.01009, -0.04293, 0.00519)
    )
    (folder / "indoor_flying1_gt.hdf5").unlink()
    assert any("has no poses (no indoor_flying1_gt.hdf5)" in note for note in load(folder).notes)
    (folder / "indoor_flying1_data.hdf5").rename(folder / "motorcycle1_data.hdf5")
    assert load(folder).camera is None
    (folder / "other_data.hdf5").write_bytes(b"")
    raises(folder, "found: motorcycle1_data.hdf5, other_data.hdf5", "mvsec")


def test_mvsec_right_camera_by_the_extrinsics(tmp_path: Path) -> None:
    folder = mvsec(tmp_path / "indoor")
    with h5py.File(folder / "indoor_flying1_data.hdf5", "r+") as file:
        file["davis/right/events"] = file["davis/left/events"][()]
    recording = load(folder, width=8, height=6, camera="right")
    assert recording.camera is not None
    assert recording.camera.fx == 12.0
    assert recording.trajectory is not None
    T_left_right = np.linalg.inv(np.array(EXTRINSIC))  # T_cn_cnm1 takes the left camera's points to the right one
    np.testing.assert_allclose(recording.trajectory.position[0], START + T_left_right[:3, 3], atol=1e-12)


def test_mvsec_refuses_float32(tmp_path: Path) -> None:
    folder = mvsec(tmp_path / "indoor")
    with h5py.File(folder / "indoor_flying1_data.hdf5", "r+") as file:
        events = file["davis/left/events"][()].astype(np.float32)
        del file["davis/left/events"]
        file["davis/left/events"] = events
    raises(folder, "not float64", width=8, height=6)
