"""Image speed and the box that a camera looks at, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.looked_at import box_looked_at, box_points, image_speed
from efields.geometry.paths import look_at
from efields.geometry.trajectory import Trajectory

CAMERA = Camera(40, 30, 50.0, 50.0, 19.5, 14.5)
CENTER = np.array([0.5, -0.2, 1.0])


def sideways(speed: float, seconds: float = 2.0, origin_us: int = 7_000_000) -> Trajectory:
    """Along x at a constant speed, looking along z."""
    poses = np.repeat(np.eye(4)[None], 21, axis=0)
    poses[:, 0, 3] = np.linspace(0, speed * seconds, 21)
    t_us = origin_us + np.linspace(0, seconds * 1e6, 21).astype(np.int64)
    return Trajectory.from_matrices(t_us, poses, origin_us=origin_us)


def circling(elevation: float = 0.4, radius: float = 3.0, turns: float = 1.0) -> Trajectory:
    angle = np.linspace(0, 2 * math.pi * turns, 200)
    place = np.stack([np.cos(angle) * math.cos(elevation), np.sin(angle) * math.cos(elevation), 0 * angle], axis=1)
    place[:, 2] = math.sin(elevation)
    return Trajectory.from_matrices(np.arange(200) * 5000, look_at(CENTER + radius * place, CENTER), origin_us=0)


@pytest.mark.parametrize(("speed", "depth"), [(0.3, 2.0), (0.6, 2.0), (0.3, 4.0)])
def test_a_camera_moving_sideways(speed: float, depth: float) -> None:
    points = np.array([[0.1, 0.0, depth], [0.2, -0.3, depth]])
    assert image_speed(sideways(speed), CAMERA, points) == pytest.approx(50.0 * speed / depth, rel=1e-6)


def test_speed_is_a_median_over_points_in_front() -> None:
    near, middle, far, behind = [0, 0, 1.0], [0, 0, 2.0], [0, 0, 4.0], [0, 0, -1.0]
    assert image_speed(sideways(0.3), CAMERA, np.array([near, middle, far])) == pytest.approx(7.5, rel=1e-6)
    assert image_speed(sideways(0.3), CAMERA, np.array([middle, behind])) == pytest.approx(7.5, rel=1e-6)
    assert image_speed(sideways(0.3), CAMERA, np.array([behind])) == 0.0
    assert image_speed(sideways(0.0), CAMERA, np.array([middle])) == 0.0


def test_points_of_a_box_fill_its_inner_half() -> None:
    points = box_points(Box((0.0, 0.0, 0.0), (4.0, 8.0, 2.0)), per_edge=3)
    assert points.shape == (27, 3)
    np.testing.assert_allclose(points.min(0), [1.0, 2.0, 0.5])
    np.testing.assert_allclose(points.max(0), [3.0, 6.0, 1.5])
    np.testing.assert_allclose(points.mean(0), [2.0, 4.0, 1.0])


def test_the_box_that_a_camera_circles() -> None:
    box = box_looked_at(circling(), CAMERA)
    assert box is not None
    np.testing.assert_allclose(box.center, CENTER, atol=1e-3)
    np.testing.assert_allclose(box.size, 2 * 3.0 * 0.4, rtol=1e-3)
    wide = Camera(40, 30, 8.0, 8.0, 19.5, 14.5)
    wider = box_looked_at(circling(), wide)
    assert wider is not None
    np.testing.assert_allclose(wider.size, 2 * 3.0 * 0.8, rtol=1e-3)


def test_a_camera_that_does_not_look_inwards_shows_no_box() -> None:
    assert box_looked_at(sideways(0.3), CAMERA) is None
    inside_out = circling()
    outwards = np.repeat(np.eye(4)[None], 200, axis=0)
    outwards[:, :3, 3] = inside_out.position
    outwards[:, :3, :3] = look_at(inside_out.position, 2 * inside_out.position - CENTER)[:, :3, :3]
    assert box_looked_at(Trajectory.from_matrices(inside_out.t_us, outwards, origin_us=0), CAMERA) is None
