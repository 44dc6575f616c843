"""E2NeRF's layout: counts to events, its two forms of poses, and damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from efields.errors import InputError
from efields.loaders import load
from tests.contracts.samples.folders import HEIGHT, OPENGL_POSE, WIDTH
from tests.contracts.samples.nerf_layouts import e2nerf
from tests.contracts.samples.posed import images_in, llff_rows

PIXELS = HEIGHT * WIDTH


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return e2nerf(tmp_path / "lego")


def real(folder: Path, views: int = 2, bins: int = 4) -> Path:
    """A scene of a DAVIS: LLFF poses, one more than bins a view."""
    images_in(folder / "images", [f"{i:03d}.jpg" for i in range(views)])
    np.save(folder / "poses_bounds.npy", llff_rows(views * (bins + 1)))
    save(folder, np.random.default_rng(0).integers(-2, 3, (views, bins, PIXELS)))
    return folder


def save(scene: Path, counts: np.ndarray) -> None:
    torch.save(torch.tensor(counts, dtype=torch.float64), scene / "events.pt")


def counted(scene: Path, shape: tuple[int, ...] = (2, 4, PIXELS)) -> np.ndarray:
    """Counts again from the events that were made of them, by their times alone."""
    recording = load(scene, "e2nerf", views=False, exposure_s=0.16, pause_s=0.04)
    events = recording.events
    view, inside = np.divmod(events.t_us, 200_000)
    counts = np.zeros(shape)
    np.add.at(counts, (view, inside // 40_000, events.pixel), np.where(events.polarity, 1, -1))
    return counts


def test_counts_become_events_of_their_bins(scene: Path) -> None:
    np.testing.assert_array_equal(counted(scene), torch.load(scene / "events.pt", weights_only=True).numpy())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrays(np.int64, (2, 4, PIXELS), elements=st.integers(-9, 9)))
def test_any_counts_come_back(scene: Path, counts: np.ndarray) -> None:
    counts[0, 0, 0] = counts[1, 3, 5] = 1
    save(scene, counts)
    np.testing.assert_array_equal(counted(scene), counts)


def test_events_of_a_pixel_are_spread_evenly_over_the_bin(scene: Path) -> None:
    counts = np.zeros((2, 4, PIXELS))
    counts[0, 1, 10], counts[1, 3, 11] = 4, -1
    save(scene, counts)
    recording = load(scene)
    assert recording.events.t_us.tolist() == [45_000, 55_000, 65_000, 75_000, 340_000]
    assert recording.events.polarity.tolist() == [True] * 4 + [False]
    assert recording.events.pixel.tolist() == [10] * 4 + [11]
    assert any("Events are approximate" in note and "4 bins a view" in note for note in recording.notes)


def test_rows_and_columns_may_be_axes_of_their_own(scene: Path) -> None:
    counts = np.zeros((2, 4, HEIGHT, WIDTH))
    counts[0, 0, 2, 3] = counts[1, 0, 5, 7] = 1
    save(scene, counts)
    events = load(scene).events
    assert (events.x.tolist(), events.y.tolist()) == ([3, 7], [2, 5])


def test_poses_are_numbers_1_5_9_13_17_of_every_second_frame_in_opengl_axes(scene: Path) -> None:
    recording = load(scene)
    assert recording.trajectory is not None
    x = recording.trajectory.position[:, 0]
    np.testing.assert_allclose(x, [0.5 + 0.1 * (frame * 20 + k) for frame in (0, 2) for k in (1, 5, 9, 13, 17)])
    expected = np.array(OPENGL_POSE)
    expected[:3, 1:3] *= -1
    assert recording.frames is not None
    np.testing.assert_allclose(recording.frames.T_world_camera[:, :3, :3], expected[None, :3, :3].repeat(2, 0))
    np.testing.assert_allclose(recording.frames.T_world_camera[:, 0, 3], [0.5 + 0.9, 0.5 + 4.9])  # mid-exposure
    assert recording.frames.names == ("r_0.png", "r_2.png")
    assert recording.frames.t_us is not None
    assert recording.frames.t_us.tolist() == [80_000, 280_000]
    camera = recording.calibrated
    assert (camera.cx, camera.cy) == (WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5)
    assert recording.heldout is not None
    np.testing.assert_allclose(recording.heldout.T_world_camera[0, 0, 3], 0.5 + 0.1)  # number 1


def test_the_thresholds_are_those_of_the_paper(scene: Path) -> None:
    sensor = load(scene).sensor
    assert (sensor.c_pos, sensor.c_neg) == (0.3, 0.2)


def test_a_real_scene_has_llff_poses_one_more_than_bins_a_view(tmp_path: Path) -> None:
    scene = real(tmp_path / "real")
    recording = load(scene)
    assert recording.trajectory is not None
    assert len(recording.trajectory) == 10
    np.testing.assert_allclose(recording.trajectory.position[:, 0], 0.1 * np.arange(10), atol=1e-12)
    np.testing.assert_allclose(recording.trajectory.orientation, np.tile([0, 0, 0, 1], (10, 1)), atol=1e-12)
    assert recording.frames is not None
    np.testing.assert_allclose(recording.frames.T_world_camera[:, 0, 3], [0.2, 0.7])
    np.save(scene / "poses_bounds.npy", llff_rows(9))
    with pytest.raises(InputError, match="holds 9 poses for 2 views of 4 bins"):
        load(scene)


def test_one_pose_a_view_is_said_to_be_no_motion(scene: Path) -> None:
    path = scene / "transform_train.json"
    meta = json.loads(path.read_text())
    meta["frames"] = [{**frame, "transform_matrix": frame["transform_matrix"][9]} for frame in meta["frames"]]
    (scene / "transforms_train.json").write_text(json.dumps(meta))
    path.unlink()
    recording = load(scene)
    assert any("the files do not contain the camera's motion during exposures" in note for note in recording.notes)


def raises(scene: Path, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load(scene, "e2nerf")
    assert "\n" not in str(caught.value)


class Payload:
    """What a hostile pickle would run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("hostile"),)  # type: ignore[return-value]


def test_nothing_but_tensors_is_unpickled(scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(scene)
    torch.save(Payload(), scene / "events.pt")
    raises(scene, r"events\.pt: cannot be read as a tensor")
    assert not (scene / "hostile").exists()


def test_what_is_no_counts_is_said(scene: Path) -> None:
    for held in ({"a": torch.zeros(2, 4, PIXELS)}, torch.zeros(PIXELS), torch.zeros(0, 4, PIXELS)):
        torch.save(held, scene / "events.pt")
        raises(scene, r"events\.pt")
    torch.save(torch.ones(1).expand(2, 4, 1 << 40), scene / "events.pt")  # a view: little on disk, much claimed
    raises(scene, r"events\.pt: claims")
    save(scene, np.ones((2, 4, PIXELS + 1)))
    raises(scene, "2 x 4 x 49 counts")
    save(scene, np.ones((3, 4, PIXELS)))
    raises(scene, "lego")  # there are four frames for three views
    counts = np.ones((2, 4, PIXELS))
    counts[0, 0, 3], counts[1, 1, 2], counts[1, 2, 5] = 0.5, np.nan, 1e9
    save(scene, counts)
    raises(scene, "a count is not a whole number from -1000 to 1000 in row 3")
    recording = load(scene, salvage=True)
    assert len(recording.events) == 2 * 4 * PIXELS - 3
    assert any("lost 3 events" in note for note in recording.notes)


def test_cut_anywhere(scene: Path) -> None:
    file = scene / "events.pt"
    whole = file.read_bytes()
    for size in range(0, len(whole), 101):
        file.write_bytes(whole[:size])
        raises(scene, "events")
