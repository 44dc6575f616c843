"""The spline of angular velocity: exact where it can be, calm where windows say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from efields.motion.motion import Motion, Status
from efields.motion.smoothing import angular_velocity_spline, smoothed


def motion_of(w: np.ndarray, t_us: np.ndarray, sigma: np.ndarray | float, status: tuple[Status, ...] = ()) -> Motion:
    count = len(t_us)
    covariance = np.eye(3) * np.broadcast_to(np.asarray(sigma, dtype=np.float64) ** 2, count)[:, None, None]
    return Motion(
        "rotation", t_us, w, covariance, np.full((count, 3), np.nan), status or ("ok",) * count,
        np.full(count, 1000), np.full(count, 1.5),
    )  # fmt: skip


def waves(t_us: np.ndarray) -> np.ndarray:
    """A hand's motion: a few Hz."""
    t = (t_us - t_us[0]) * 1e-6
    return np.stack([np.sin(6 * t), 0.5 * np.cos(9 * t), 1.0 - t], axis=1)


def test_a_straight_line_stays_and_noise_shrinks() -> None:
    t_us = 5_000_000 + np.arange(0, 2_000_000, 25_000, dtype=np.int64)
    line = np.outer((t_us - t_us[0]) * 1e-6, [1.0, -0.5, 0.2]) + np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(smoothed(motion_of(line, t_us, 0.01)).angular_velocity, line, atol=1e-4)
    rng = np.random.default_rng(0)
    noisy = waves(t_us) + 0.1 * rng.normal(size=(len(t_us), 3))
    found = smoothed(motion_of(noisy, t_us, 0.1))
    assert np.sqrt(((found.angular_velocity - waves(t_us)) ** 2).mean()) < 0.08
    assert found.status == motion_of(noisy, t_us, 0.1).status


def test_covariances_and_statuses_count() -> None:
    t_us = np.arange(0, 1_000_000, 25_000, dtype=np.int64)
    w, sigma = waves(t_us), np.full(len(t_us), 0.01)
    w[10], sigma[10] = 50.0, 1000.0
    status: list[Status] = ["ok"] * len(t_us)
    w[20], status[20] = -50.0, "no gain"
    spline = angular_velocity_spline(motion_of(w, t_us, sigma, tuple(status)))
    np.testing.assert_allclose(spline.at(t_us), waves(t_us), atol=0.05)
    assert spline.at(np.array([-1_000_000]))[0] == pytest.approx(spline.at(t_us[:1])[0])


def test_one_window_and_none() -> None:
    t_us = np.array([1_000_000], dtype=np.int64)
    w = np.array([[0.1, 0.2, 0.3]])
    np.testing.assert_allclose(smoothed(motion_of(w, t_us, 0.01)).angular_velocity, w, atol=1e-3)
    nothing = smoothed(motion_of(w, t_us, 0.01, ("no gain",)))
    np.testing.assert_array_equal(nothing.angular_velocity, np.zeros((1, 3)))


def test_a_rotation_without_a_direction_is_a_rotation() -> None:
    t_us = np.arange(0, 300_000, 25_000, dtype=np.int64)
    w = np.tile([0.1, -0.4, 0.2], (len(t_us), 1))
    status: tuple[Status, ...] = ("rotation only", "two-fold", "uncertain direction") * 4
    np.testing.assert_allclose(smoothed(motion_of(w, t_us, 0.01, status)).angular_velocity, w, atol=1e-3)


def test_means_are_over_time_not_over_windows() -> None:
    w = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.0, -1.0, 0.0]])
    found = motion_of(w, np.array([0, 100_000, 100_001, 1_100_001]), 0.01)
    np.testing.assert_allclose(found.mean(), [0.0, (0.1 - 1.0) / 1.1, 0.0], atol=1e-5)
    assert found.mean_speed() == pytest.approx(1.0, abs=1e-5)
    assert motion_of(w[:1], np.array([5]), 0.01).mean_speed() == 1.0
