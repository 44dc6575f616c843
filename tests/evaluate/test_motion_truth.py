"""True motion and flow agree with finite differences: of poses, and of points that are projected twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from efields.errors import InputError
from efields.evaluate.motion_truth import camera_motion, displacement, flow, load_truth, surface
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.simulation.free_path import FreePath, Shake
from efields.simulation.motion_truth import MotionTruth, save_truth

CAMERA = Camera(48, 36, 40.0, 40.0, 23.5, 17.5)
PATH = FreePath(
    duration_s=0.2,
    position=(0.0, -4.0, 0.2),
    target=(0.1, 0.0, 0.0),
    velocity=(0.8, 0.1, 1.5),
    angular_velocity_deg_s=(10.0, -20.0, 30.0),
    shakes=(Shake(5.0, (0.02, 0.03, 0.01), (1.0, 2.0, 1.5), 30.0),),
)
WALL = np.array([0.2, -1.0, 0.1]), 0.1
"""Normal n and offset of the wall n . X = offset."""
BALL, RADIUS, VELOCITY = np.array([0.5, -1.5, 0.2]), 0.5, np.array([-2.0, 0.0, 0.5])


def seen_by_rays(t_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Distance along the unit rays to the wall or the moving ball, and which of both (1 is the ball)."""
    pose = PATH.poses(np.array([t_s]))[0]
    bearing = CAMERA.bearings()
    unit = bearing / np.linalg.norm(bearing, axis=1, keepdims=True) @ pose[:3, :3].T
    normal, offset = WALL
    wall = (offset - pose[:3, 3] @ normal) / (unit @ normal)
    towards = BALL + t_s * VELOCITY - pose[:3, 3]
    along = unit @ towards
    rest = along**2 - towards @ towards + RADIUS**2
    ball = np.where(rest > 0, along - np.sqrt(np.maximum(rest, 0)), np.inf)
    return np.minimum(wall, ball).astype(np.float32).reshape(36, 48), (ball < wall).reshape(36, 48)


@pytest.fixture(scope="module")
def truth() -> MotionTruth:
    t_us = np.arange(0, 200_001, 10_000)
    maps = [seen_by_rays(t * 1e-6) for t in t_us]
    depth, mover = (np.stack(part) for part in zip(*maps, strict=True))
    return MotionTruth(PATH, CAMERA, t_us, depth, mover.astype(np.uint8), VELOCITY[None])


def test_a_path_moves_as_it_says() -> None:
    t_s, step = np.linspace(0.01, 0.19, 30), 1e-6
    before, here, after = (PATH.poses(t_s + shift) for shift in (-step, 0.0, step))
    linear, angular = PATH.motion(t_s)
    rate = (after - before) / (2 * step)
    spin = np.einsum("nji,njk->nik", here[:, :3, :3], rate[:, :3, :3])
    np.testing.assert_allclose(np.einsum("nji,nj->ni", here[:, :3, :3], rate[:, :3, 3]), linear, atol=1e-7)
    np.testing.assert_allclose(np.stack((spin[:, 2, 1], spin[:, 0, 2], spin[:, 1, 0]), 1), angular, atol=1e-7)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_a_trajectory_gives_its_exact_velocities(kind: str) -> None:
    t_us = np.arange(1_000_000, 1_200_001, 1000)
    poses = PATH.poses((t_us - 1_000_000) * 1e-6)
    trajectory = Trajectory.from_matrices(t_us, poses, kind, origin_us=1_000_000)  # type: ignore[arg-type]
    at = np.array([1_020_500, 1_090_500, 1_150_500])
    motion = camera_motion(trajectory, at)
    linear, angular = PATH.motion((at - 1_000_000) * 1e-6)
    np.testing.assert_allclose(motion.linear, linear, atol=2e-4)
    np.testing.assert_allclose(motion.angular, angular, atol=2e-4)
    outside = camera_motion(trajectory, np.array([0]))
    np.testing.assert_allclose(outside.angular, 0.0, atol=1e-12)


def test_constant_velocities_come_out_to_rounding() -> None:
    turn = torch.tensor([[0.0, 0.0, 0.0], [0.1, -0.2, 0.3]], dtype=torch.float64)
    from efields.geometry.pose import so3_exp

    poses = np.tile(np.eye(4), (2, 1, 1))
    poses[:, :3, :3] = so3_exp(turn).numpy()
    poses[1, :3, 3] = [0.4, 0.0, 0.0]
    motion = camera_motion(Trajectory.from_matrices(np.array([0, 500_000]), poses), np.array([250_000, 400_000]))
    np.testing.assert_allclose(motion.angular, [[0.2, -0.4, 0.6]] * 2, atol=1e-10)
    np.testing.assert_allclose(np.linalg.norm(motion.linear, axis=1), 0.8, atol=1e-10)


@pytest.mark.parametrize("t_us", [100_000, 93_700, 0, 200_000])
def test_depth_is_known_between_the_maps(truth: MotionTruth, t_us: int) -> None:
    depth, mover = seen_by_rays(t_us * 1e-6)
    seen = surface(truth, t_us)
    assert seen.valid.mean() > 0.97
    distance = np.linalg.norm(seen.point, axis=-1)
    same = seen.valid & (seen.mover == mover)
    assert same.mean() > 0.95
    error = np.abs(distance / depth - 1)[same]
    # The ball is 13 pixels wide: between them its rim bends by more than its depth does on the wall.
    assert np.quantile(error, 0.99) < 0.01
    wall = same & (seen.mover == 0)
    assert np.median(np.abs(distance / depth - 1)[wall]) < 1e-5


def test_flow_is_the_rate_of_projected_points(truth: MotionTruth) -> None:
    t_us = 95_000
    velocity, valid = flow(truth, t_us)
    ahead, back = displacement(truth, t_us, t_us + 100), displacement(truth, t_us, t_us - 100)
    known = valid & ahead.valid & back.valid
    assert known.mean() > 0.97
    difference = (ahead.flow - back.flow) / 200e-6
    np.testing.assert_allclose(velocity[known], difference[known], atol=0.02)
    things = surface(truth, t_us).mover
    assert (things[known] == 1).any()
    # The ball goes its own way.
    assert np.linalg.norm(velocity[things == 1].mean(axis=0) - velocity[things == 0].mean(axis=0)) > 15


def test_pure_rotation_needs_no_depth(truth: MotionTruth) -> None:
    path = FreePath(duration_s=0.2, angular_velocity_deg_s=(10.0, 30.0, -20.0))
    turning = MotionTruth(path, CAMERA, truth.t_us, truth.depth, 0 * truth.mover, np.zeros((0, 3)))
    velocity, valid = flow(turning, 0)
    x, y = CAMERA.bearings()[:, :2].T.reshape(2, 36, 48)
    wx, wy, wz = np.radians([10.0, 30.0, -20.0])
    expected = 40 * np.stack((x * y * wx - (1 + x * x) * wy + y * wz, (1 + y * y) * wx - x * y * wy - x * wz), -1)
    np.testing.assert_allclose(velocity[valid], expected[valid], atol=1e-9)


def test_what_the_ball_covers_is_not_visible(truth: MotionTruth) -> None:
    moved = displacement(truth, 20_000, 120_000)
    hidden = moved.valid & ~moved.visible
    row, column = np.mgrid[:36, :48]
    place = np.stack((column, row), -1) + moved.flow
    inside = (place > 1).all(-1) & (place[..., 0] < 46) & (place[..., 1] < 34)
    _, mover = seen_by_rays(0.12)
    at = np.rint(place[inside & hidden]).astype(int)
    # Hidden ones lie behind the ball, within a pixel of its rim.
    near = np.max([np.roll(mover, (j, i), (0, 1)) for j in (-1, 0, 1) for i in (-1, 0, 1)], axis=0)
    assert len(at) > 10
    assert near[at[:, 1], at[:, 0]].mean() > 0.95
    assert not moved.visible[moved.valid & ~((place > -0.5).all(-1) & (place < [47.5, 35.5]).all(-1))].any()
    back = surface(truth, 120_000)
    shown = moved.visible & (surface(truth, 20_000).mover == 1) & inside
    to = np.rint(place[shown]).astype(int)
    assert (back.mover[to[:, 1], to[:, 0]] == 1).mean() > 0.9


def test_truth_survives_its_file(truth: MotionTruth, tmp_path: Path) -> None:
    save_truth(truth, tmp_path / "motion_truth.npz")
    again = load_truth(tmp_path)
    assert again.path == truth.path
    assert again.camera == truth.camera
    np.testing.assert_array_equal(again.depth, truth.depth)
    np.testing.assert_array_equal(again.mover_velocity, truth.mover_velocity)
    with np.load(tmp_path / "motion_truth.npz") as held:
        assert len(held["motion_t_us"]) == len(held["linear_velocity"]) == len(held["angular_velocity"]) == 201
    (tmp_path / "motion_truth.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="is not the ground-truth motion"):
        load_truth(tmp_path)
    with pytest.raises(InputError, match="contains no ground-truth motion"):
        load_truth(tmp_path / "elsewhere")
