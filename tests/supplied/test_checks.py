"""Sentences about poses: rate, coverage, gaps, and what a wrong time offset does to the image."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.loaders import load
from efields.scene_box import find_box
from efields.supplied.checks import describe, pose_checks
from efields.supplied.given import Supplied
from tests.tiny import tiny_recording

CAMERA = Camera(64, 48, 100.0, 100.0, 31.5, 23.5)


def events(until_us: int = 1_000_000) -> EventStream:
    t_us = np.arange(0, until_us, 1000)
    zero = np.zeros(len(t_us), np.uint16)
    return EventStream.from_arrays(zero, zero, t_us, zero == 0, 64, 48)


def sliding(t_us: np.ndarray) -> Trajectory:
    """Along x at 0.8 world units a second, looking straight on."""
    position = np.stack([0.8e-6 * t_us, 0 * t_us, 0 * t_us], axis=1)
    return Trajectory.from_arrays(t_us, position, np.tile([0.0, 0.0, 0.0, 1.0], (len(t_us), 1)))


def test_rate_and_coverage() -> None:
    told = pose_checks(events(), sliding(np.arange(0, 500_001, 5000)), None)
    assert told[0] == "There are 101 poses, 200 per second over 0.500 s."
    assert told[1] == "Poses cover 50.1 % of the events."
    assert told[2] == "Poses have no gaps: they come every 5 ms, at most 5 ms apart."
    assert len(told) == 3


def test_gaps() -> None:
    t_us = np.concatenate([np.arange(0, 300_000, 5000), np.arange(500_000, 1_000_001, 5000)])
    told = pose_checks(events(), sliding(t_us), None)[2]
    assert "one gap of more than 5 times the usual 5 ms, with 20.5 % of the events in them" in told
    assert told.endswith("the longest is 205 ms, 0.295 s after the first event.")


def test_a_wrong_offset_of_a_sliding_camera_is_focal_length_times_speed() -> None:
    told = pose_checks(events(), sliding(np.arange(0, 1_000_001, 5000)), CAMERA)[3]
    assert told.startswith("A time offset error of 1 ms moves the image by 0.08 px (median), for a scene one")


def test_a_wrong_offset_of_a_circling_camera_moves_what_it_looks_at() -> None:
    own = tiny_recording(16, 40)
    assert own.trajectory is not None
    told = pose_checks(own.events, own.trajectory, own.camera, own.box)[3]
    # One and a half turns a second at 2.6 units, focal length 24 px: points of the box move by some 30 px a second.
    moved = float(told.split(" by ")[1].split(" px")[0])
    assert 0.01 < moved < 0.2
    assert told.endswith("px (median).")


def test_what_is_said_is_of_all_events(tmp_path: Path) -> None:
    own = tiny_recording(16, 40)
    assert own.trajectory is not None
    half = own.trajectory.t_us <= 500_000
    np.savez(
        tmp_path / "camera_poses.npz",
        T_wc_position=own.trajectory.position[half],
        T_wc_orientation=own.trajectory.orientation[half],
        T_wc_timestamp=own.trajectory.t_us[half] * 1000,
    )
    done, told = describe(dataclasses.replace(own, trajectory=None), Supplied(poses=str(tmp_path)))
    share = 100 * len(done.covered) / len(own.events)
    assert 30 < share < 70
    assert told[1] == f"Poses cover {share:.1f} % of the events."
    assert describe(dataclasses.replace(own, trajectory=None), Supplied())[1] == ()
    assert describe(own, Supplied())[1][1] == "Poses cover 100.0 % of the events."


def test_the_real_slider_from_its_own_files(shared_data: Path) -> None:
    folder = shared_data / "ecd_slider_depth"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    own = load(folder)
    bare = dataclasses.replace(own, camera=None, trajectory=None, frames=None, notes=())
    files = Supplied(camera=str(folder / "calib.txt"), poses=str(folder / "groundtruth.txt"))
    done, told = describe(bare, files)
    assert done.trajectory is not None
    assert own.trajectory is not None
    assert done.camera == own.camera
    assert len(done.covered) == 46_749
    for name in ("t_us", "position", "orientation"):
        np.testing.assert_array_equal(getattr(done.trajectory, name), getattr(own.trajectory, name))
    assert told[0] == "There are 339 poses, 100 per second over 3.380 s."
    moved = float(told[3].split(" by ")[1].split(" px")[0])
    assert 0.305 * 335.4e-3 / 2.0 < moved < 0.305 * 335.4e-3 / 0.69  # 0.305 m/s, 0.69 to 2 m away
    found = find_box(done, done.trajectory, own.calibrated)
    assert told[-1] == found.sentence
    assert 0.4 < found.box.lo[2] < 0.69
    assert 2.0 < found.box.hi[2] < 3.2
