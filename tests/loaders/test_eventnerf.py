"""EventNeRF's layout: each of its conventions, and damage."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.loaders import load
from tests.contracts.samples.folders import HEIGHT, POSES, WIDTH
from tests.contracts.samples.nerf_layouts import eventnerf, opencv_poses
from tests.loaders.arrays import change

NPZ = "train/events/test_lego1_color.npz"


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return eventnerf(tmp_path / "lego")


def raises(scene: Path, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load(scene, "eventnerf")
    assert "\n" not in str(caught.value)


def test_pixel_centres_are_halves_in_the_file(scene: Path) -> None:
    assert load(scene).camera == Camera(WIDTH, HEIGHT, 10.0, 10.0, 3.5, 2.5, bayer="RGGB")
    assert load(scene, bayer="").calibrated.channels == 1


def test_bayer_phase_starts_with_red_at_the_first_raw_pixel(scene: Path) -> None:
    channel = load(scene).calibrated.channel_of_pixel().reshape(HEIGHT, WIDTH)
    assert channel[:2, :2].tolist() == [[0, 1], [1, 2]]


def test_times_are_shares_of_the_last_and_view_i_is_at_i_of_n_minus_1(scene: Path) -> None:
    with np.load(scene / NPZ) as raw:
        t = raw["t"].astype(np.float64)
        on = raw["p"] == 1
    recording = load(scene, duration_s=2.0)
    np.testing.assert_array_equal(recording.events.t_us, np.rint(t / t.max() * 2e6))
    assert recording.events.t_us[-1] == 2_000_000
    np.testing.assert_array_equal(recording.events.polarity, on)
    assert recording.trajectory is not None
    np.testing.assert_array_equal(recording.trajectory.t_us, np.rint(np.linspace(0, 2e6, POSES)))
    assert any("no unit of time: the last event is assumed to be at 2 s" in note for note in recording.notes)


def test_poses_are_opencv_camera_to_world(scene: Path) -> None:
    recording = load(scene)
    expected = opencv_poses(POSES)
    assert recording.trajectory is not None
    np.testing.assert_allclose(recording.trajectory.position, expected[:, :3, 3], atol=1e-8)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(recording.trajectory.orientation[0], [0, 0, half, half], atol=1e-8)
    assert recording.heldout is not None
    np.testing.assert_allclose(recording.heldout.T_world_camera, opencv_poses(3), atol=1e-8)
    assert recording.heldout.t_us is None


def test_images_are_encoded_for_a_display_and_frames_are_asked_for(scene: Path) -> None:
    recording = load(scene)
    assert recording.frames is None
    assert recording.heldout is not None
    assert recording.heldout.color_space == "display"  # gamma 2.2 is the loss's business
    raw = iio.imread(scene / "test" / "rgb" / "r_00001.png")
    np.testing.assert_allclose(recording.heldout.image[1], (raw + 0.5) / 256, rtol=1e-6)
    frames = load(scene, frames=True, view_stride=2).frames
    assert frames is not None
    assert frames.names == ("r_00000.png", "r_00002.png", "r_00004.png")
    assert frames.t_us is not None
    assert frames.t_us.tolist() == [0, 400_000, 800_000]


def test_placeholders_of_real_scenes_are_left_out(scene: Path) -> None:
    for file in (scene / "train" / "rgb").iterdir():
        iio.imwrite(file, np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8))
    recording = load(scene, frames=True)
    assert recording.frames is None
    assert any("train/rgb are placeholders" in note for note in recording.notes)


def test_polarity_of_zero_and_one(scene: Path) -> None:
    on = load(scene).events.polarity
    change(scene / NPZ, p=on.astype(np.uint8))
    np.testing.assert_array_equal(load(scene).events.polarity, on)


def test_a_fifth_row_of_the_intrinsics_is_radial_distortion(scene: Path) -> None:
    for file in (scene / "train" / "intrinsics").iterdir():
        file.write_text(file.read_text() + "-0.3 0.1 0 0\n")
    camera = load(scene).calibrated
    assert (camera.distortion_model, camera.distortion) == ("plumb_bob", (-0.3, 0.1, 0.0, 0.0))


def test_without_images_the_sensor_is_a_davis346(scene: Path) -> None:
    for file in (scene / "train" / "rgb").iterdir():
        file.unlink()
    (scene / "train" / "rgb").rmdir()
    camera = load(scene).calibrated
    assert (camera.width, camera.height) == (346, 260)


def test_what_is_broken_is_said(scene: Path) -> None:
    events = scene / NPZ
    change(events, x=np.full(40, 8))
    raises(scene, "40 of 40 events lie outside the 8 x 6 sensor")
    change(events, x=np.zeros(40), t=np.zeros(40))
    raises(scene, "times that are not finite or negative")
    change(events, t=np.linspace(-1, 1, 40))
    raises(scene, "or negative")
    change(events, t=np.linspace(0, 1, 39))
    raises(scene, "'x' has the shape")
    (events.parent / "second.npz").write_bytes(events.read_bytes())
    raises(scene, r"must contain exactly one \.npz \(found: second\.npz, test_lego1_color\.npz\)")
    (events.parent / "second.npz").unlink()
    pose = scene / "train" / "pose" / "r_00003.txt"
    pose.write_text("1 0 0 0 0 1 0 0 0 0 1\n")
    raises(scene, r"r_00003\.txt: holds 11 numbers, not 16 finite ones")
    pose.write_text("2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1\n")
    raises(scene, r"r_00003\.txt: .*not a rotation and a position")
    pose.write_text("1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1\n")
    other = scene / "train" / "intrinsics" / "r_00002.txt"
    other.write_text("11 0 4 0 0 10 3 0 0 0 1 0 0 0 0 1\n")
    raises(scene, "train/intrinsics: holds 2 cameras that differ")


def test_cut_anywhere(scene: Path) -> None:
    file = scene / NPZ
    whole = file.read_bytes()
    for size in range(0, len(whole), 7):
        file.write_bytes(whole[:size])
        raises(scene, r"test_lego1_color\.npz|train")
