"""A simulated recording agrees with itself: events with frames, poses with views, files with memory."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from efields.loaders import robust_enerf
from efields.simulation.scene import ExpectedEvents, load_scene
from efields.simulation.simulate import Simulated, quick_scene, simulate_scene
from tests.simulation.scenes import need_mitsuba, write_sphere


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_mitsuba()
    return tmp_path_factory.mktemp("simulated")


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIELDS_CACHE", str(folder / "cache"))


@pytest.fixture(scope="module")
def simulated(folder: Path) -> Simulated:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("EFIELDS_CACHE", str(folder / "cache"))
        return simulate_scene(write_sphere(folder / "sphere"))


def test_a_recording_holds_all_that_is_known(simulated: Simulated) -> None:
    recording = simulated.recording
    assert len(recording.events) > 1000
    assert len(simulated.labels) == len(recording.events)
    assert (simulated.labels == 0).all()
    assert recording.trajectory is not None
    assert recording.trajectory.covers(recording.events.t_us).all()
    assert len(recording.trajectory) == 501
    assert recording.box is not None
    assert recording.box.hi == (1.1, 1.1, 1.1)
    assert recording.heldout is not None
    assert recording.heldout.depth is not None
    assert recording.heldout.t_us is None
    assert len(recording.heldout) == 3
    hit = np.isfinite(recording.heldout.depth)
    assert 0.1 < hit.mean() < 0.9
    # The middle of every view shows the front of the unit sphere.
    distance = np.linalg.norm(recording.heldout.T_world_camera[:, :3, 3], axis=-1)
    np.testing.assert_allclose(recording.heldout.depth[:, 10, 12], distance - 1, atol=0.02)


def test_counted_events_add_up_to_the_change_of_log_intensity(simulated: Simulated) -> None:
    recording = simulated.recording
    frames = recording.frames
    assert frames is not None
    assert frames.t_us is not None
    assert len(frames) == 3
    before, after = (np.log(frames.image[k, ..., 0].astype(np.float64) + 1e-6) for k in (0, 1))
    within = recording.events.between(int(frames.t_us[0]), int(frames.t_us[1]) + 1)
    counts = np.zeros((20, 24))
    np.add.at(counts, (within.y, within.x), np.where(within.polarity, 0.25, -0.25))
    # An ideal pixel stays within one threshold of its reference.
    assert np.abs(after - before - counts).max() < 0.25 + 1e-3
    assert np.abs(after - before).max() > 0.5


def test_frames_stand_on_the_trajectory(simulated: Simulated) -> None:
    recording = simulated.recording
    assert recording.frames is not None
    assert recording.trajectory is not None
    assert recording.frames.t_us is not None
    at = recording.trajectory.at(torch.from_numpy(recording.seconds(recording.frames.t_us)))
    np.testing.assert_allclose(at.position, recording.frames.T_world_camera[:, :3, 3], atol=1e-6)
    np.testing.assert_allclose(at.rotation, recording.frames.T_world_camera[:, :3, :3], atol=1e-6)


def test_a_recording_survives_its_folder(simulated: Simulated, tmp_path: Path) -> None:
    recording = simulated.recording
    robust_enerf.save(recording, tmp_path / "saved", labels=simulated.labels)
    again = robust_enerf.Config().load(tmp_path / "saved")
    np.testing.assert_array_equal(again.events.t_us, recording.events.t_us)
    np.testing.assert_array_equal(again.events.polarity, recording.events.polarity)
    assert again.heldout is not None
    assert recording.heldout is not None
    np.testing.assert_allclose(again.heldout.image, recording.heldout.image, rtol=1e-5)
    np.testing.assert_array_equal(again.heldout.depth, recording.heldout.depth)
    assert again.camera == recording.camera
    assert again.box == recording.box


def test_progress_names_its_stages_and_a_second_run_is_the_same(folder: Path, simulated: Simulated) -> None:
    stages: list[str] = []

    def on_progress(stage: str, done: int, total: int) -> None:
        assert 1 <= done <= total
        stages.append(stage)

    again = simulate_scene(folder / "sphere", on_progress=on_progress)
    assert stages == ["events"] * 41  # the frames come from the cache
    np.testing.assert_array_equal(again.recording.events.t_us, simulated.recording.events.t_us)
    np.testing.assert_array_equal(again.recording.events.x, simulated.recording.events.x)


def test_exposure_scales_intensity_and_leaves_events_alone(folder: Path, simulated: Simulated) -> None:
    dim = simulate_scene(write_sphere(folder / "dim", "[image]\nexposure = 0.25\n"))
    assert dim.recording.heldout is not None
    assert simulated.recording.heldout is not None
    np.testing.assert_allclose(dim.recording.heldout.image, 0.25 * simulated.recording.heldout.image, rtol=1e-6)
    assert len(dim.recording.events) == pytest.approx(len(simulated.recording.events), rel=0.01)


def test_a_sensor_of_its_own(folder: Path, simulated: Simulated) -> None:
    extra = (
        "[sensor]\nc_pos = 0.5\nc_neg = 0.4\nrefractory_us = 100.0\nthreshold_sigma = 0.02\nhot_pixel_share = 0.01\n"
    )
    noisy = simulate_scene(write_sphere(folder / "noisy", extra))
    sensor = noisy.recording.sensor
    assert (sensor.c_pos, sensor.c_neg, sensor.refractory_us, sensor.threshold_sigma) == (0.5, 0.4, 100.0, 0.02)
    assert (noisy.labels == 0).sum() < 0.8 * len(simulated.labels)
    assert (noisy.labels == 2).any()


def test_a_bayer_sensor_has_views_in_colour(folder: Path) -> None:
    colour = simulate_scene(write_sphere(folder / "colour", "[sensor]\nbayer = 'RGGB'\n")).recording
    assert colour.camera.bayer == "RGGB"
    assert colour.heldout is not None
    assert colour.heldout.image.shape == (3, 20, 24, 3)


def test_a_count_that_is_off_is_said(folder: Path, simulated: Simulated, caplog: pytest.LogCaptureFixture) -> None:
    count = len(simulated.recording.events)
    path = write_sphere(folder / "off", f"[expected_events]\ncount = {2 * count}\n")
    with caplog.at_level(logging.WARNING):
        assert simulate_scene(path).as_expected is False
    assert f"produced {count} events, expected {2 * count} within 3%" in caplog.text
    assert simulated.as_expected is None
    exact = write_sphere(folder / "exact", f"[expected_events]\ncount = {count}\n")
    assert simulate_scene(exact).as_expected is True


def test_a_rehearsal_is_small_and_expects_nothing(folder: Path) -> None:
    scene = load_scene(write_sphere(folder / "quick", "[expected_events]\ncount = 10\n[heldout]\ncount = 12\n"))
    assert scene.expected_events == ExpectedEvents(10)
    small = quick_scene(scene, 12)
    assert (small.image.width, small.image.height) == (12, 10)
    assert small.heldout.count == 8
    assert small.expected_events is None
    assert small.path == scene.path
    recording = simulate_scene(folder / "quick", quick=12).recording
    assert (recording.camera.width, recording.camera.height) == (12, 10)
