"""Motion scores against answers that are known, and a direction that gets no help from the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.evaluate.motion_scores import (
    ROTATION_PRESETS,
    direction_angle_deg,
    direction_table,
    gyro_at,
    read_slice_motion,
    rotation_course,
    rotation_table,
    score_direction,
    score_rotation,
)
from efields.events.side_streams import Imu


def test_a_known_difference_gives_known_scores() -> None:
    truth = np.radians([[0.0, 10.0, 0.0], [0.0, -10.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    estimate = truth + np.radians([[3.0, 0, 0], [3.0, 0, 0], [0, 0, 0], [0, 0, 0]])
    score = score_rotation(estimate, truth, np.array([0, 0, 7, 7]))
    assert score.rms == pytest.approx(np.sqrt(9 * 2 / 12))
    assert score.rms_of_windows == pytest.approx(0.5 * np.sqrt(3.0))
    assert score.rms_axes == pytest.approx((np.sqrt(4.5), 0.0, 0.0))
    assert score.mean_axes == pytest.approx((1.5, 0.0, 0.0))
    assert score.mean_norm == pytest.approx(1.5)
    assert score.rms_share == pytest.approx(score.rms / 20)
    assert score.samples == 4
    assert score_rotation(0 * truth[:1], 0 * truth[:1]).rms_share is None


def test_tables_hold_the_baselines() -> None:
    truth = np.radians([[0.0, 30.0, 40.0]])
    table = rotation_table(truth, truth)
    assert table["estimate"].rms == 0
    assert table["zero rotation"].mean_norm == pytest.approx(50.0)
    rows = direction_table(np.array([[1.0, 0.0, 0.0]]), np.array([[2.0, 0.0, 0.0]]))
    assert list(rows) == ["estimate", "constant forward", "constant diagonal"]
    assert rows["estimate"].mean_deg == 0
    assert rows["constant forward"].mean_deg == pytest.approx(90.0)
    assert rows["constant diagonal"].mean_deg == pytest.approx(54.7356, abs=1e-3)


def test_angles_mind_signs_and_not_lengths() -> None:
    truth = np.array([[0.0, 0.0, 2.0]] * 4)
    estimate = np.array([[0.0, 0.0, 5.0], [0.0, 0.0, -1.0], [0.0, 1e-6, 1.0], [np.nan] * 3])
    angle = direction_angle_deg(estimate, truth)
    np.testing.assert_allclose(angle[:3], [0.0, 180.0, np.degrees(1e-6)], rtol=1e-6)
    assert np.isnan(angle[3])
    assert np.isnan(direction_angle_deg(truth[:1], 0 * truth[:1])).all()


def test_directions_that_are_not_given_are_counted() -> None:
    velocity = np.array([[1.0, 0, 0], [1.0, 0, 0], [1e-9, 0, 0], [0, 1.0, 0]])
    estimate = np.array([[1.0, 0, 0], [np.nan] * 3, [0, 0, 1.0], [1.0, 0, 0]])
    score = score_direction(estimate, velocity)
    assert (score.samples, score.given) == (2, pytest.approx(2 / 3))
    assert score.mean_deg == pytest.approx(45.0)
    assert score.median_deg == pytest.approx(45.0)
    assert score_direction(estimate[1:2], velocity[1:2]).mean_deg is None
    assert score_direction(0 * velocity, 0 * velocity).given == 0


def test_a_gyro_is_late() -> None:
    t_us = np.arange(0, 100_001, 1000)
    gyro = np.column_stack((t_us * 1e-6, 0 * t_us, 1.0 - t_us * 1e-6)).astype(np.float64)
    imu = Imu(t_us, gyro, np.zeros_like(gyro))
    found = gyro_at(imu, np.array([50_000, 99_000]))
    np.testing.assert_allclose(found[0], [0.0524, 0.0, 1 - 0.0524])
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(gyro_at(imu, np.array([50_000]), ROTATION_PRESETS["truth"])[0, 0], 0.05)


def test_the_motion_of_a_slice_is_read(tmp_path: Path) -> None:
    (tmp_path / "motion.txt").write_text("-0.06 0.575 -0.14\n", encoding="utf-8")
    np.testing.assert_array_equal(read_slice_motion(tmp_path), [-0.06, 0.575, -0.14])
    (tmp_path / "motion.txt").write_text("1 2\n", encoding="utf-8")
    with pytest.raises(InputError, match="holds 2 numbers"):
        read_slice_motion(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_slice_motion(tmp_path / "none.txt")


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="n > 0"):
        score_rotation(np.zeros((0, 3)), np.zeros((0, 3)))
    with pytest.raises(InputError, match="not finite"):
        score_rotation(np.full((1, 3), np.nan), np.zeros((1, 3)))
    assert all(preset.text.endswith(".") for preset in ROTATION_PRESETS.values())


def test_the_course_of_a_turn_is_kept_whatever_the_bias_and_the_focal_length() -> None:
    rng = np.random.default_rng(0)
    truth = np.outer(np.sin(np.arange(20.0)), [0.1, -0.5, 0.2]) + 1e-3 * rng.standard_normal((20, 3))
    course = rotation_course(1.4 * truth + [0.3, 0.0, -0.1], truth)
    assert course is not None
    assert course.correlation == pytest.approx(1.0)
    assert course.slope == pytest.approx(1.4)
    opposite = rotation_course(-truth, truth)
    assert opposite is not None and opposite.correlation == pytest.approx(-1.0)
    assert rotation_course(truth[:2], truth[:2]) is None
    assert rotation_course(truth, np.ones((20, 3))) is None
    assert rotation_course(np.ones((20, 3)), truth) is None
