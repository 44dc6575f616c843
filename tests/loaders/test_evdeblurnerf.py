"""EvDeblurNeRF's layout: units, raw pixels behind an undistortion, poses at the rate of events, and damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from efields.cameras.lens_fit import camera_from_map
from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.loaders import load
from tests.contracts.samples.folders import HEIGHT, POSES, WIDTH, event_columns
from tests.contracts.samples.nerf_layouts import evdeblurnerf
from tests.contracts.samples.posed import llff_rows
from tests.loaders.arrays import change


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return evdeblurnerf(tmp_path / "figures")


def events(scene: Path, **columns: Any) -> None:
    """Rewrite some columns of events.h5."""
    with h5py.File(scene / "events.h5", "a") as h5:
        for name, column in columns.items():
            if name in h5:
                del h5[name]
            h5[name] = column


def rendered(scene: Path) -> None:
    """Whole pixels, nanoseconds, no map: a rendered scene."""
    x, y, t_ns, _ = event_columns()
    events(scene, x=x.astype(np.uint16), y=y.astype(np.uint16), t=t_ns)
    (scene / "ev_map.npz").unlink()


def test_raw_pixels_come_back_from_undistorted_positions(scene: Path) -> None:
    x, y, t_ns, polarity = event_columns()
    held = load(scene).events
    for column, expected in ((held.x, x), (held.y, y), (held.t_us, t_ns // 1000), (held.polarity, polarity)):
        np.testing.assert_array_equal(column, expected)


def test_bayer_phase_is_that_of_raw_pixels(scene: Path) -> None:
    recording = load(scene)
    assert recording.calibrated.bayer == "RGGB"
    channel = recording.calibrated.channel_of_pixel().reshape(HEIGHT, WIDTH)
    assert channel[:2, :2].tolist() == [[0, 1], [1, 2]]
    assert load(scene, bayer="GRBG").calibrated.bayer == "GRBG"


def test_the_lens_leads_from_raw_pixels_to_the_map(scene: Path) -> None:
    camera = load(scene).calibrated
    with np.load(scene / "ev_map.npz") as maps:
        undistorted = np.stack([maps["inv_mapx"], maps["inv_mapy"]], axis=2).reshape(-1, 2)
    plane = (undistorted - [WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5]) / 9.0
    np.testing.assert_allclose(camera.bearings()[:, :2], plane, atol=1e-3)
    assert any(note.startswith("The lens was fitted to ev_map.npz, to ") for note in load(scene).notes)


def test_a_rendered_scene_is_grey_a_pinhole_and_in_nanoseconds(scene: Path) -> None:
    rendered(scene)
    recording = load(scene)
    x, _, t_ns, _ = event_columns()
    np.testing.assert_array_equal(recording.events.t_us, (t_ns + 500) // 1000)
    np.testing.assert_array_equal(recording.events.x, x)
    assert recording.camera == Camera(WIDTH, HEIGHT, 9.0, 9.0, 3.5, 2.5)  # half a pixel off the middle of w and h
    assert any("assumed to be ns" in note for note in recording.notes)


@pytest.mark.parametrize(("unit", "scale"), [("us", 1), ("ns", 1000)])
def test_units_are_found_or_given(scene: Path, unit: str, scale: int) -> None:
    t_us = event_columns()[2] // 1000
    events(scene, t=t_us * scale)
    np.testing.assert_array_equal(load(scene).events.t_us, t_us)
    np.testing.assert_array_equal(load(scene, events_unit=unit).events.t_us, t_us)


def test_polarity_is_signed_or_zero_and_one(scene: Path) -> None:
    on = event_columns()[3]
    events(scene, p=on.astype(np.uint8))
    np.testing.assert_array_equal(load(scene).events.polarity, on)


def test_poses_of_events_are_the_dense_ones_and_those_of_images_their_own(scene: Path) -> None:
    rows = llff_rows(4)
    rows[:, 8] = 7.0  # y of every image
    np.save(scene / "poses_bounds.npy", rows)
    recording = load(scene)
    assert recording.trajectory is not None
    assert len(recording.trajectory) == POSES
    np.testing.assert_allclose(recording.trajectory.position[:, 0], 0.1 * np.arange(POSES), atol=1e-12)
    np.testing.assert_allclose(recording.trajectory.position[:, 1], 0, atol=1e-12)
    assert recording.frames is not None
    np.testing.assert_allclose(recording.frames.T_world_camera[:, 1, 3], 7.0)


def test_columns_down_right_back_are_opencv_here(scene: Path) -> None:
    turned = llff_rows(POSES)
    for row in turned:  # the camera looks along +y: right is x, down is -z, back is -y
        row[:15].reshape(3, 5)[:, :3] = np.column_stack([(0, 0, -1), (1, 0, 0), (0, -1, 0)])
    np.save(scene / "all_poses_bounds.npy", turned)
    import torch

    T = load(scene).trajectory.at(torch.tensor([0.1], dtype=torch.float64)).matrix()[0].numpy()  # type: ignore[union-attr]
    np.testing.assert_allclose(T[:3, 0], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(T[:3, 1], [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(T[:3, 2], [0, 1, 0], atol=1e-12)


def test_blurred_images_are_frames_and_sharp_ones_held_out(scene: Path) -> None:
    recording = load(scene)
    assert recording.frames is not None
    assert recording.heldout is not None
    assert recording.frames.names == ("000.png", "001.png", "002.png")
    assert recording.frames.t_us is not None
    assert recording.frames.t_us.tolist() == [1_200_000, 1_400_000, 1_600_000]
    assert recording.heldout.names == ("003.png",)
    assert recording.frames.image.shape == (3, HEIGHT, WIDTH, 3)
    assert recording.frames.camera.distortion == ()  # images are undistorted
    assert load(scene, images=False).frames is None


# What is broken is said


def raises(scene: Path, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load(scene, "evdeblurnerf")
    assert "\n" not in str(caught.value)


def test_positions_that_the_map_does_not_hold(scene: Path) -> None:
    with np.load(scene / "ev_map.npz") as maps:
        map_x = maps["inv_mapx"]
    column, row, *_ = event_columns()
    x = map_x[row, column]
    x[7] += 0.25
    events(scene, x=x)
    raises(scene, r"events\.h5: an event lies where ev_map\.npz has no pixel in row 7")
    recording = load(scene, salvage=True)
    assert len(recording.events) == 39
    assert any("lost 1 events" in note for note in recording.notes)


def test_undistorted_positions_without_a_map(scene: Path) -> None:
    (scene / "ev_map.npz").unlink()
    raises(scene, r"events\.h5: an event has a coordinate that is not a whole pixel")


def test_maps_and_times_of_another_size(scene: Path) -> None:
    change(scene / "ev_map.npz", inv_mapx=np.zeros((3, 3), dtype=np.float32))
    raises(scene, r"ev_map\.npz: 'inv_mapx' is \(3, 3\)")
    (scene / "ev_map.npz").unlink()
    rendered_scene = scene
    events(rendered_scene, x=np.zeros(40, dtype=np.uint16), y=np.zeros(40, dtype=np.uint16))
    np.save(scene / "all_timestamps.npy", np.arange(3) * 1_000_000)
    raises(scene, r"all_timestamps\.npy: holds 3 times for 6 poses")


@pytest.mark.parametrize("name", ["events.h5", "all_poses_bounds.npy", "poses_bounds.npy", "ev_map.npz"])
def test_cut_anywhere(scene: Path, name: str) -> None:
    file = scene / name
    whole = file.read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 40)):
        file.write_bytes(whole[:size])
        with pytest.raises(InputError) as caught:
            load(scene, "evdeblurnerf", images=False)
        assert "\n" not in str(caught.value)


def test_lens_fit_finds_both_models_and_refuses_what_is_no_lens() -> None:
    for model, lens in (("plumb_bob", (-0.3, 0.1, 1e-3, -2e-3, 0.01)), ("equidistant", (0.1, -0.02, 0.003, 0.0))):
        true = Camera(40, 30, 35.0, 36.0, 19.0, 15.5, model, lens)  # type: ignore[arg-type]
        plane = true.bearings()[:, :2].reshape(30, 40, 2)
        fitted, error = camera_from_map(plane * (30.0, 31.0) + (20.0, 14.0), np.array([30.0, 31.0, 20.0, 14.0]))
        assert error < 1e-2
        np.testing.assert_allclose(fitted.bearings(), true.bearings(), atol=1e-3)
    with pytest.raises(InputError, match="no lens model explains the map"):
        camera_from_map(np.random.default_rng(0).uniform(0, 40, (30, 40, 2)), np.array([30.0, 30.0, 20.0, 15.0]))
    with pytest.raises(InputError, match="not finite"):
        camera_from_map(np.full((30, 40, 2), np.nan), np.array([30.0, 30.0, 20.0, 15.0]))
