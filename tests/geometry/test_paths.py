from __future__ import annotations

import numpy as np
import pytest

from efields.geometry.paths import look_at, orbit, spiral

UPS = [(0, 0, 1), (0, 1, 0), (0, -1, 0), (1, 0, 0), (0.3, -0.5, 2.0)]


def is_rigid(T: np.ndarray) -> bool:
    R = T[..., :3, :3]
    orthonormal = np.allclose(R @ np.swapaxes(R, -1, -2), np.eye(3), atol=1e-12)
    return orthonormal and np.allclose(np.linalg.det(R), 1) and np.array_equal(T[..., 3, :], np.eye(4)[[3] * len(T)])


def test_look_at_by_hand():
    T = look_at((0, -2, 0), (0, 0, 0))
    expected = [[1, 0, 0, 0], [0, 0, 1, -2], [0, -1, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_allclose(T, expected, atol=1e-15)


def test_look_at_puts_the_target_ahead_and_up_above():
    rng = np.random.default_rng(0)
    positions, target, up = rng.normal(size=(20, 3)), np.array([0.1, 0.2, 0.3]), np.array([0.2, 0.9, 0.1])
    T = look_at(positions, target, up)
    assert is_rigid(T)
    seen = np.einsum("nji,nj->ni", T[:, :3, :3], target - positions)
    np.testing.assert_allclose(seen[:, :2], 0, atol=1e-12)
    assert (seen[:, 2] > 0).all()
    above = np.einsum("nji,j->ni", T[:, :3, :3], up)
    np.testing.assert_allclose(above[:, 0], 0, atol=1e-12)
    assert (above[:, 1] < 0).all(), "y points down"


def test_look_at_along_up_still_is_a_camera():
    T = look_at(np.array([[0, 0, 3.0], [0, 0, -3.0]]), (0, 0, 0))
    assert is_rigid(T)
    np.testing.assert_allclose(T[:, :3, 2], [[0, 0, -1], [0, 0, 1]])
    with pytest.raises(ValueError, match="its own position"):
        look_at((1, 2, 3), (1, 2, 3))


@pytest.mark.parametrize("up", UPS)
def test_orbit_keeps_distance_elevation_and_aim(up):
    center, unit = np.array([1.0, -2.0, 0.5]), np.array(up) / np.linalg.norm(up)
    T = orbit(center, 3.0, 20.0, 24, up=up)
    arm = T[:, :3, 3] - center
    assert is_rigid(T)
    np.testing.assert_allclose(np.linalg.norm(arm, axis=1), 3.0)
    np.testing.assert_allclose(arm @ unit, 3.0 * np.sin(np.radians(20)))
    np.testing.assert_allclose(T[:, :3, 2], -arm / 3.0, atol=1e-12)
    # counter-clockwise seen from above, in equal steps that close the circle
    following = np.roll(arm, -1, axis=0)
    assert (np.cross(arm, following) @ unit > 0).all()
    np.testing.assert_allclose(np.linalg.norm(following - arm, axis=1), np.linalg.norm(arm[1] - arm[0]))


def test_orbit_starts_on_x_and_may_close():
    T = orbit((0, 0, 0), 2.0, 0.0, 5, closed=True)
    np.testing.assert_allclose(T[0, :3, 3], [2, 0, 0], atol=1e-15)
    np.testing.assert_allclose(T[1, :3, 3], [0, 2, 0], atol=1e-15)
    np.testing.assert_allclose(T[0], T[-1], atol=1e-14)
    np.testing.assert_allclose(orbit((0, 0, 0), 2.0, 0.0, 3, start_deg=90)[0, :3, 3], [0, 2, 0], atol=1e-15)
    half = orbit((0, 0, 0), 2.0, 0.0, 3, turns=-0.5, closed=True)
    np.testing.assert_allclose(half[1, :3, 3], [0, -2, 0], atol=1e-15)


def test_spiral_goes_from_one_elevation_and_radius_to_the_other():
    T = spiral((0, 0, 0), (2.0, 4.0), (-10.0, 60.0), 101, turns=3)
    position = T[:, :3, 3]
    radius = np.linalg.norm(position, axis=1)
    assert is_rigid(T)
    np.testing.assert_allclose(radius, np.linspace(2, 4, 101))
    np.testing.assert_allclose(np.degrees(np.arcsin(position[:, 2] / radius)), np.linspace(-10, 60, 101))
    azimuth = np.unwrap(np.arctan2(position[:, 1], position[:, 0]))
    np.testing.assert_allclose(azimuth, np.linspace(0, 6 * np.pi, 101), atol=1e-9)
