"""The sequences that Robust e-NeRF publishes: each of their conventions."""

from __future__ import annotations

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.geometry.camera import Camera
from efields.loaders import load
from tests.contracts.samples.folders import HEIGHT, OPENGL_POSE, WIDTH
from tests.loaders.arrays import change


def test_nanoseconds_become_the_nearest_microsecond(sample: Path) -> None:
    change(sample / "raw_events.npz", timestamp=np.arange(40) * 1_000_000 + 1_000_000_499 + np.arange(40) % 2)
    expected = np.arange(40) * 1000 + 1_000_000 + np.arange(40) % 2
    np.testing.assert_array_equal(load(sample).events.t_us, expected)


def test_poses_are_opencv_and_xyzw_and_views_are_opengl(sample: Path) -> None:
    recording = load(sample)
    assert recording.trajectory is not None
    assert recording.heldout is not None
    first = recording.trajectory.orientation[0]
    np.testing.assert_allclose(first, [0, 0, np.sin(0.05), np.cos(0.05)])  # a turn about z: w is last
    np.testing.assert_array_equal(recording.trajectory.position[0], [0.0, 0.0, -1.0])  # taken as it is
    expected = np.array(OPENGL_POSE)
    expected[:3, 1:3] *= -1
    np.testing.assert_array_equal(recording.heldout.T_world_camera[0], expected)
    np.testing.assert_array_equal(recording.heldout.T_world_camera[0, :3, 2], [0, 1, 0])  # it looks along OpenGL's -z


def test_pixel_centres_are_integers(sample: Path) -> None:
    camera = load(sample).heldout.camera  # type: ignore[union-attr]
    assert (camera.cx, camera.cy) == (WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5)
    assert camera.fx == camera.fy == pytest.approx(WIDTH / 2 / np.tan(0.35))
    assert camera.distortion_model == "none"


def test_integer_images_are_cell_centres_over_white(sample: Path) -> None:
    image = np.zeros((HEIGHT, WIDTH, 4), dtype=np.uint8)
    image[0, 0] = (255, 51, 0, 255)
    image[0, 1] = (255, 51, 0, 0)
    image[0, 2] = (100, 0, 0, 51)
    iio.imwrite(sample / "views" / "test" / "r_0.png", image)
    heldout = load(sample).heldout
    assert heldout is not None
    assert heldout.color_space == "display"
    np.testing.assert_allclose(heldout.image[0, 0, 0], [255.5 / 256, 51.5 / 256, 0.5 / 256], rtol=1e-6)
    np.testing.assert_allclose(heldout.image[0, 0, 1], [255.5 / 256] * 3, rtol=1e-6)
    np.testing.assert_allclose(heldout.image[0, 0, 2], (np.array([224.0, 204, 204]) + 0.5) / 256, rtol=1e-6)


def test_bayer_phase_is_that_of_raw_pixels(sample: Path) -> None:
    for pattern, corner in (("RGGB", [0, 1, 1, 2]), ("GRBG", [1, 0, 2, 1]), ("BGGR", [2, 1, 1, 0])):
        change(sample / "camera_calibration.npz", bayer_pattern=pattern)
        channel = load(sample).camera.channel_of_pixel().reshape(HEIGHT, WIDTH)
        assert channel[:2, :2].ravel().tolist() == corner


def test_a_grey_sensor_gets_grey_views(sample: Path) -> None:
    change(sample / "camera_calibration.npz", bayer_pattern="")
    image = np.full((HEIGHT, WIDTH, 3), (200, 100, 50), dtype=np.uint8)
    iio.imwrite(sample / "views" / "test" / "r_0.png", image)
    heldout = load(sample).heldout
    assert heldout is not None
    assert heldout.image.shape[-1] == 1
    luma = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    np.testing.assert_allclose(heldout.image[0], (luma + 0.5) / 256, rtol=1e-5)


def test_views_in_the_folder_above_and_training_views(sample: Path) -> None:
    (sample / "views").rename(sample.parent / "views")
    folder = sample.parent / "views"
    meta = json.loads((folder / "transforms_test.json").read_text())
    (folder / "transforms_train.json").write_text(json.dumps({**meta, "frames": meta["frames"][:2]}))
    recording = load(sample)
    assert recording.heldout is not None
    assert recording.frames is not None
    assert recording.heldout.names == ("r_0.png", "r_1.png", "r_2.png")
    assert len(recording.frames) == 2
    assert recording.frames.t_us is None
    (folder / "transforms_test.json").rename(folder / "transforms_val.json")
    assert any("validation views" in note for note in load(sample).notes)
    assert len(load(sample, view_stride=2).heldout) == 2  # type: ignore[arg-type]
    assert load(sample, views=False).heldout is None


def test_a_recording_without_renderer_is_real(sample: Path) -> None:
    (sample / "renderer_params.npz").unlink()
    assert load(sample).heldout.color_space == "display"  # type: ignore[union-attr]


def test_linear_views_are_premultiplied_and_get_log_eps(sample: Path) -> None:
    np.savez(sample / "renderer_params.npz", interm_color_space="linear", log_eps=0.125)
    rgba = np.zeros((HEIGHT, WIDTH, 4), dtype=np.float32)
    rgba[...] = (0.25, 0.5, 0.0, 0.75)
    for i in range(3):
        (sample / "views" / "test" / f"r_{i}.png").unlink()
        tifffile.imwrite(sample / "views" / "test" / f"r_{i}.tiff", rgba, photometric="rgb")
    heldout = load(sample).heldout
    assert heldout is not None
    assert heldout.color_space == "linear"
    np.testing.assert_array_equal(heldout.image[2, 3, 4], np.float32([0.625, 0.875, 0.375]))


def test_intrinsics_and_bit_depth_of_the_json(sample: Path) -> None:
    path = sample / "views" / "transforms_test.json"
    meta = json.loads(path.read_text())
    del meta["camera_angle_x"]
    meta |= {"intrinsics": [[9.0, 0, 4.25], [0, 9.5, 2.0], [0, 0, 1]], "bit_depth": 10}
    path.write_text(json.dumps(meta))
    with pytest.raises(InputError, match=r"r_0\.png: does not contain 10-bit values"):
        load(sample)
    for i in range(3):
        (sample / "views" / "test" / f"r_{i}.png").unlink()
        tifffile.imwrite(sample / "views" / "test" / f"r_{i}.tif", np.full((HEIGHT, WIDTH), 1023, dtype=np.uint16))
    heldout = load(sample).heldout
    assert heldout is not None
    assert (heldout.camera.fx, heldout.camera.fy, heldout.camera.cx, heldout.camera.cy) == (9.0, 9.5, 4.25, 2.0)
    np.testing.assert_allclose(heldout.image, 1023.5 / 1024, rtol=1e-6)
    assert heldout.image.shape[-1] == 3


def test_calibration_reaches_sensor_and_camera(sample: Path) -> None:
    change(
        sample / "camera_calibration.npz",
        distortion_params=np.array([0.1, 0.2, 0.0, 0.01]),
        distortion_model="equidistant",
    )
    recording = load(sample)
    assert recording.camera == Camera(8, 6, 10.0, 11.0, 3.5, 2.5, "equidistant", (0.1, 0.2, 0.0, 0.01), "RGGB")
    assert recording.sensor == Sensor(c_pos=0.3, c_neg=0.2, refractory_us=1.375)
    assert recording.name == "sequence"
