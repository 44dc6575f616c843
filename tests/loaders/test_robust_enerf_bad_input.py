"""Damaged or wrong sequences in the layout of Robust e-NeRF: one line each."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from efields.errors import InputError
from efields.loaders import load
from tests.contracts.samples.folders import HEIGHT, OPENGL_POSE, WIDTH
from tests.loaders.arrays import change


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
    raises(sample, f"{name}: is damaged or truncated .*; copy or write it again")


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
    change(sample / "raw_events.npz", timestamp=t_ns[[*range(20), 21, 20, *range(22, 40)]])
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
    raises(sample, "camera_poses.npz: pose .: its position or quaternion is not finite")


def test_quaternions_not_of_unit_length(sample: Path) -> None:
    orientation = np.tile([0.0, 0.0, 0.0, 1.0], (6, 1))
    orientation[4, 3] = 1.1
    change(sample / "camera_poses.npz", T_wc_orientation=orientation)
    raises(sample, "camera_poses.npz: pose 5: its quaternion is not of unit length but 1.1")


def test_poses_that_do_not_cover_the_events(sample: Path) -> None:
    with np.load(sample / "raw_events.npz") as raw:
        t_ns = raw["timestamp"]
    change(sample / "camera_poses.npz", T_wc_timestamp=np.linspace(1_200_000_000, 2_100_000_000, 6).astype(np.int64))
    outside = int((t_ns < 1_200_000_000).sum())
    assert outside > 0
    recording = load(sample)
    assert len(recording.events) == 40
    assert len(recording.covered) == 40 - outside
    assert recording.covered.t_us[0] == recording.trajectory.origin_us >= 1_200_000  # type: ignore[union-attr]
    counted = f"{40 - outside} of 40 events are within the time of the poses; a reconstruction uses only those."
    assert counted in recording.notes
    assert len(load(sample, extrapolate_s=0.25).covered) == 40
    change(sample / "camera_poses.npz", T_wc_timestamp=np.arange(6) * 1000)
    raises(sample, "cover none of the events")


def test_zero_focal_length(sample: Path) -> None:
    change(sample / "camera_calibration.npz", intrinsics=np.array([[0.0, 0, 3.5], [0, 11.0, 2.5], [0, 0, 1]]))
    raises(sample, r"camera_calibration.npz: focal length fx, fy = 0, 11")


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"pos_contrast_threshold": 0.0}, "camera_calibration.npz: c_pos = 0; give"),
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
        ({"bit_depth": "eight"}, "contains a value of the wrong kind"),
        ({"color_space": "cmyk"}, "color_space is 'cmyk'"),
    ],
)
def test_bad_views(sample: Path, meta: dict[str, Any], says: str) -> None:
    path = sample / "views" / "transforms_test.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **meta}))
    raises(sample, says)


def test_bad_options_and_settings(sample: Path) -> None:
    raises(sample, "view_stride = 0; give", view_stride=0)
    for content, says in (
        ("name = ", "recording.toml: is not valid TOML"),
        ("box = 3", r"recording.toml: box: is a table"),
        ("[box]\nlo = [0, 0]\nhi = [1, 0, 1]", r"recording.toml: box.lo: takes 3 numbers"),
        ("[box]\nlo = [0, 0, 0]\nhi = [1, 0, 1]", "recording.toml: box: box from .* is empty"),
        ("threshold_sigma = 'much'", "recording.toml: threshold_sigma: takes a number"),
        ("threshold_sigma = -1", "threshold_sigma = -1"),
        ("trajectory = 'cubik'", "recording.toml: trajectory: .*did you mean 'cubic'"),
        ("notes = 3", "recording.toml: notes: takes a list"),
        ("nme = 'x'", "recording.toml: unknown key 'nme'; did you mean 'name'"),
    ):
        (sample / "recording.toml").write_text(content)
        raises(sample, says)
