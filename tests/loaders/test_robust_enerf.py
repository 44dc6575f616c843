"""The layout of Robust e-NeRF: exact round trip, conventions of the published sets, bad input on one line."""

from __future__ import annotations

import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.loaders import load
from efields.loaders.robust_enerf import load_labels, save
from efields.recording import Imu, Recording, Views
from tests.contracts.samples import HEIGHT, OPENGL_POSE, WIDTH, robust_enerf


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    return robust_enerf(tmp_path / "sequence")


def change(path: Path, **arrays: Any) -> None:
    """Rewrite an npz with some arrays replaced, or left out where None."""
    with np.load(path) as archive:
        kept = {**archive, **arrays}
    np.savez(path, **{name: value for name, value in kept.items() if value is not None})


def rotations(rng: np.random.Generator, count: int) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(count, 3, 3)))
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]
    q[np.linalg.det(q) < 0, :, 0] *= -1
    return q


def views(rng: np.random.Generator, camera: Camera, count: int, channels: int, **more: Any) -> Views:
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, :3], T[:, :3, 3] = rotations(rng, count), rng.normal(size=(count, 3))
    return Views(
        image=rng.exponential(size=(count, camera.height, camera.width, channels)).astype(np.float32),
        T_world_camera=T,
        camera=camera,
        names=tuple(f"frame_{i:04d}.png" for i in range(count)),
        **more,
    )


def full_recording(seed: int = 0) -> Recording:
    """Everything that a recording can hold, with awkward numbers."""
    rng = np.random.default_rng(seed)
    width, height, n = 13, 9, 500
    camera = Camera(
        width,
        height,
        21.1,
        20.9,
        6.05,
        3.97,
        distortion_model="plumb_bob",
        distortion=(-0.1, 0.02, 1e-3, -2e-3, 1 / 3),
        bayer="GRBG",
    )
    t_us = np.sort(rng.integers(1_600_000_000_000_000, 1_600_000_002_000_000, n))
    events = EventStream.from_arrays(
        rng.integers(0, width, n), rng.integers(0, height, n), t_us, rng.random(n) < 0.4, width, height
    )
    pose_t = np.sort(
        np.append(rng.choice(np.arange(t_us[0], t_us[-1]), 50, replace=False), [t_us[0] - 7, t_us[-1] + 3])
    )
    q = rng.normal(size=(len(pose_t), 4))
    trajectory = Trajectory.from_arrays(
        pose_t, rng.normal(size=(len(pose_t), 3)), q / np.linalg.norm(q, axis=1, keepdims=True), "cubic", int(t_us[0])
    )
    plain = Camera(16, 12, 30.0, 31.0, 7.5, 5.5)
    depth = rng.exponential(size=(3, 12, 16)).astype(np.float32)
    depth[0, :2], depth[1, 3] = np.inf, np.nan
    return Recording(
        events=events,
        camera=camera,
        sensor=Sensor(c_pos=0.31, c_neg=0.17, refractory_us=1.375, threshold_sigma=0.03),
        trajectory=trajectory,
        frames=views(rng, camera, 4, 1, t_us=pose_t[5:9], color_space="display"),
        heldout=views(rng, plain, 3, 3, depth=depth),
        box=Box((-1.1, -0.7, 1 / 3), (0.9, 1.0, 2.0)),
        imu=Imu(pose_t, rng.normal(size=(len(pose_t), 3)), rng.normal(size=(len(pose_t), 3))),
        name='bricks "two"',
        notes=("Sorted 3 events.", "Grüße \\ ☃ 😀."),
    )


def assert_same(a: Any, b: Any, at: str = "recording") -> None:
    """Equal to the last bit, NaN equal to NaN, types of arrays included."""
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, at
        np.testing.assert_array_equal(a, b, err_msg=at)
    elif hasattr(a, "__dataclass_fields__"):
        assert type(a) is type(b), at
        for name, field in a.__dataclass_fields__.items():
            if field.init and name != "path":
                assert_same(getattr(a, name), getattr(b, name), f"{at}.{name}")
    else:
        assert a == b, at


@pytest.mark.parametrize("seed", range(3))
def test_round_trip_is_exact(seed: int, tmp_path: Path) -> None:
    recording = full_recording(seed)
    labels = np.random.default_rng(seed).integers(0, 3, len(recording.events)).astype(np.uint8)
    save(recording, tmp_path / "a" / "r", labels=labels)
    again = load(tmp_path / "a" / "r")
    assert_same(recording, again)
    assert again.path == tmp_path / "a" / "r"
    found = load_labels(tmp_path / "a" / "r")
    assert found is not None
    np.testing.assert_array_equal(found, labels)


def test_round_trip_of_the_least(tmp_path: Path) -> None:
    full = full_recording()
    least = Recording(events=full.events, camera=Camera(13, 9, 20.0, 20.0, 6.0, 4.0), sensor=Sensor(), name="least")
    save(least, tmp_path / "r")
    again = load(tmp_path / "r")
    assert again.notes == ("The recording holds no poses.",)
    assert load_labels(tmp_path / "r") is None
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == [
        "README.txt", "camera_calibration.npz", "raw_events.npz", "recording.toml",
    ]  # fmt: skip
    for name in ("events", "camera", "sensor", "trajectory", "frames", "heldout", "box", "imu", "name"):
        assert_same(getattr(least, name), getattr(again, name), name)


def test_what_is_written_is_the_published_layout(tmp_path: Path) -> None:
    recording = full_recording()
    save(recording, tmp_path / "r", renderer={"log_eps": 0.001})
    with np.load(tmp_path / "r" / "raw_events.npz") as raw:
        assert (raw["position"].dtype, raw["timestamp"].dtype, raw["polarity"].dtype) == (np.uint16, np.int64, np.bool_)
        np.testing.assert_array_equal(raw["position"], np.stack([recording.events.x, recording.events.y], axis=1))
        np.testing.assert_array_equal(raw["timestamp"], recording.events.t_us * 1000)
    with np.load(tmp_path / "r" / "camera_calibration.npz") as raw:
        assert int(raw["refractory_period"]) == 1375
        assert (str(raw["distortion_model"]), str(raw["bayer_pattern"])) == ("plumb_bob", "GRBG")
    with np.load(tmp_path / "r" / "renderer_params.npz") as raw:
        assert (str(raw["interm_color_space"]), float(raw["log_eps"])) == ("linear", 0.001)
    meta = json.loads((tmp_path / "r" / "views" / "transforms_test.json").read_text())
    assert recording.heldout is not None
    flipped = recording.heldout.T_world_camera @ np.diag([1.0, -1.0, -1.0, 1.0])
    np.testing.assert_array_equal([frame["transform_matrix"] for frame in meta["frames"]], flipped)
    assert tifffile.imread(tmp_path / "r" / "views" / f"{meta['frames'][0]['file_path']}.tif").dtype == np.float32
    assert "OpenGL" in (tmp_path / "r" / "README.txt").read_text()


def test_log_eps_is_added_to_linear_views_on_reading(tmp_path: Path) -> None:
    recording = full_recording()
    save(recording, tmp_path / "r", renderer={"log_eps": 0.25})
    again = load(tmp_path / "r")
    assert recording.heldout is not None
    assert again.heldout is not None
    np.testing.assert_array_equal(again.heldout.image, recording.heldout.image + np.float32(0.25))
    np.testing.assert_array_equal(again.frames.image, recording.frames.image)  # type: ignore[union-attr]  # display


def test_saving_again_replaces_the_whole_folder(tmp_path: Path) -> None:
    save(full_recording(0), tmp_path / "r", labels=np.zeros(500, dtype=np.uint8))
    save(full_recording(1), tmp_path / "r")
    assert_same(full_recording(1), load(tmp_path / "r"))
    assert not (tmp_path / "r" / "labels.npz").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_saving_over_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("\\begin{document}")
    for target in ("thesis", "thesis/thesis.tex"):
        with pytest.raises(InputError, match="is not a recording"):
            save(full_recording(), tmp_path / target)
    assert (tmp_path / "thesis" / "thesis.tex").exists()


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(full_recording(0), tmp_path / "r")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tifffile, "imwrite", full)  # the arrays are written by then
    with pytest.raises(InputError, match="No space left"):
        save(full_recording(1), tmp_path / "r")
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    assert_same(full_recording(0), load(tmp_path / "r"))


def test_labels_must_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="3 labels for 500 events"):
        save(full_recording(), tmp_path / "r", labels=np.zeros(3, dtype=np.uint8))
    assert not (tmp_path / "r").exists()


# The published sets: conventions


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
    with pytest.raises(InputError, match=r"r_0\.png: does not hold 10-bit values"):
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


# Bad input: one line each


def raises(folder: Path, says: str, **options: Any) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load(folder, "robust_enerf", **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["raw_events.npz", "camera_calibration.npz"])
def test_missing_file(sample: Path, name: str) -> None:
    (sample / name).unlink()
    raises(sample, f"{name}: no such file")


@pytest.mark.parametrize(
    "name", ["raw_events.npz", "camera_poses.npz", "camera_calibration.npz", "renderer_params.npz"]
)
@pytest.mark.parametrize("share", [0.95, 0.5, 0.0])
def test_truncated_npz(sample: Path, name: str, share: float) -> None:
    data = (sample / name).read_bytes()
    (sample / name).write_bytes(data[: int(len(data) * share)])
    raises(sample, f"{name}: is damaged or cut short .*; copy or write it again")


def test_missing_array(sample: Path) -> None:
    change(sample / "raw_events.npz", polarity=None)
    raises(sample, "raw_events.npz: lacks the array 'polarity'")


def test_pickled_array(sample: Path) -> None:
    change(sample / "camera_calibration.npz", bayer_pattern=np.array(None))
    raises(sample, "camera_calibration.npz: is damaged")


def test_empty_recording(sample: Path) -> None:
    change(
        sample / "raw_events.npz",
        position=np.zeros((0, 2), np.uint16), timestamp=np.zeros(0, np.int64), polarity=np.zeros(0, bool),
    )  # fmt: skip
    raises(sample, "raw_events.npz: no events")


def test_events_outside_the_sensor(sample: Path) -> None:
    position = np.zeros((40, 2), np.uint16)
    position[3] = (WIDTH, 0)
    position[5] = (0, HEIGHT)
    change(sample / "raw_events.npz", position=position)
    raises(sample, "raw_events.npz: 2 of 40 events lie outside the 8 x 6 sensor")


def test_columns_of_other_shapes(sample: Path) -> None:
    change(sample / "raw_events.npz", position=np.zeros((40, 3), np.uint16))
    raises(sample, r"'position' has the shape \(40, 3\), not n x 2")
    change(sample / "raw_events.npz", position=np.zeros((39, 2), np.uint16))
    raises(sample, "'timestamp|'polarity|columns")


def test_times_that_go_backwards_are_sorted_and_counted(sample: Path, caplog: pytest.LogCaptureFixture) -> None:
    with np.load(sample / "raw_events.npz") as raw:
        t_ns = raw["timestamp"]
    change(sample / "raw_events.npz", timestamp=np.concatenate([t_ns[20:], t_ns[:20]]))
    with caplog.at_level(logging.WARNING):
        recording = load(sample)
    assert (np.diff(recording.events.t_us) >= 0).all()
    assert any("1 of 40 events go backwards in time; sorted" in record.getMessage() for record in caplog.records)


def test_three_polarities(sample: Path) -> None:
    change(sample / "raw_events.npz", polarity=np.arange(40) % 3 - 1)
    raises(sample, "raw_events.npz: polarity has the values -1, 0, 1")


def test_minus_one_is_off(sample: Path) -> None:
    change(sample / "raw_events.npz", polarity=np.where(np.arange(40) % 2, 1, -1).astype(np.int8))
    np.testing.assert_array_equal(load(sample).events.polarity, np.arange(40) % 2 == 1)


def test_nan_poses(sample: Path) -> None:
    position = np.zeros((6, 3))
    position[2, 1] = np.nan
    change(sample / "camera_poses.npz", T_wc_position=position)
    raises(sample, "camera_poses.npz: 1 of 6 poses are not finite")


def test_quaternions_not_of_unit_length(sample: Path) -> None:
    orientation = np.tile([0.0, 0.0, 0.0, 1.0], (6, 1))
    orientation[4, 3] = 1.1
    change(sample / "camera_poses.npz", T_wc_orientation=orientation)
    raises(sample, "camera_poses.npz: 1 of 6 quaternions are not of unit length")


def test_poses_that_do_not_cover_the_events(sample: Path, caplog: pytest.LogCaptureFixture) -> None:
    with np.load(sample / "raw_events.npz") as raw:
        t_ns = raw["timestamp"]
    change(sample / "camera_poses.npz", T_wc_timestamp=np.linspace(1_200_000_000, 2_100_000_000, 6).astype(np.int64))
    outside = int((t_ns < 1_200_000_000).sum())
    assert outside > 0
    with caplog.at_level(logging.WARNING):
        recording = load(sample)
    assert len(recording.events) == 40 - outside
    assert recording.origin_us == recording.trajectory.origin_us >= 1_200_000  # type: ignore[union-attr]
    counted = f"{outside} events ({outside / 0.4:.1f} %) lie outside the time of the poses and were dropped."
    assert counted in recording.notes
    assert any(counted in record.getMessage() for record in caplog.records)
    assert len(load(sample, extrapolate_s=0.25).events) == 40
    change(sample / "camera_poses.npz", T_wc_timestamp=np.arange(6) * 1000)
    raises(sample, "cover none of the events")


def test_zero_focal_length(sample: Path) -> None:
    change(sample / "camera_calibration.npz", intrinsics=np.array([[0.0, 0, 3.5], [0, 11.0, 2.5], [0, 0, 1]]))
    raises(sample, r"camera_calibration.npz: focal length \(0, 11\)")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"pos_contrast_threshold": 0.0}, "camera_calibration.npz: contrast threshold c_pos = 0"),
        ({"distortion_model": "fov", "distortion_params": np.ones(4)}, "distortion model 'fov' is unknown"),
        ({"intrinsics": np.eye(2)}, "intrinsics are not a 3x3 matrix"),
        ({"intrinsics": np.array([[9.0, 0.5, 4], [0, 9, 3], [0, 0, 1]])}, "skew of 0.5"),
        ({"bayer_pattern": "RGBW"}, "camera_calibration.npz: Bayer pattern 'RGBW'"),
        ({"img_width": np.array([8, 6])}, "'img_width' is not a single int"),
    ],
)
def test_bad_calibration(sample: Path, arrays: dict[str, Any], says: str) -> None:
    change(sample / "camera_calibration.npz", **arrays)
    raises(sample, says)


@pytest.mark.parametrize(
    ("meta", "says"),
    [
        ({"frames": []}, "transforms_test.json: lists no frames"),
        ({"camera_angle_x": None}, "has neither camera_angle_x nor intrinsics"),
        ({"camera_angle_x": 4.0}, "camera_angle_x is 4.0"),
        ({"frames": [{"file_path": "test/r_0", "transform_matrix": [[1, 0], [0, 1]]}]}, "not 4x4 finite numbers"),
        ({"frames": [{"file_path": "test/r_0", "transform_matrix": (2 * np.eye(4)).tolist()}]}, "not a rotation"),
        ({"frames": [{"file_path": "test/r_9", "transform_matrix": OPENGL_POSE}]}, "views: no image 'test/r_9"),
        ({"bit_depth": "eight"}, "holds a value of the wrong kind"),
        ({"color_space": "cmyk"}, "color_space is 'cmyk'"),
    ],
)
def test_bad_views(sample: Path, meta: dict[str, Any], says: str) -> None:
    path = sample / "views" / "transforms_test.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **meta}))
    raises(sample, says)


def test_bad_options_and_settings(sample: Path) -> None:
    raises(sample, "view_stride is 0", view_stride=0)
    for content, says in (
        ("name = ", "recording.toml: is not valid TOML"),
        ("box = 3", r"recording.toml.box: is a table"),
        ("[box]\nlo = [0, 0]\nhi = [1, 0, 1]", r"recording.toml.box.lo: takes 3 numbers"),
        ("[box]\nlo = [0, 0, 0]\nhi = [1, 0, 1]", "recording.toml: box from .* is empty"),
        ("threshold_sigma = 'much'", "recording.toml.threshold_sigma: takes a number"),
        ("threshold_sigma = -1", "threshold_sigma = -1"),
        ("trajectory = 'cubik'", "recording.toml.trajectory: .*did you mean 'cubic'"),
        ("notes = 3", "recording.toml.notes: takes a list"),
        ("nme = 'x'", "recording.toml: unknown key 'nme'; did you mean 'name'"),
    ):
        (sample / "recording.toml").write_text(content)
        raises(sample, says)
