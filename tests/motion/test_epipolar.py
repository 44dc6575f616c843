"""Motion of the camera from exact and noisy flow, its degeneracies, and the spline over windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from efields.geometry.directions import half_sphere
from efields.motion.degeneracy import degeneracy, front_most, rotation_alone
from efields.motion.epipolar import (
    FlowSamples,
    change_of_rotation,
    epipolar_residual,
    find_motion,
    inverse_depth,
    motion_at,
    rotation_given_direction,
    rotational,
)
from efields.motion.flow_field import geometric_residual, motion_at_times, rotational_flow, towards_epipolar_lines
from efields.motion.spline import MotionSpline, TimedFlow
from tests.motion.moving_points import Scene, moved

PIXEL = 0.044
"""A pixel over 0.1 s at a focal length of 226 pixels, normalised units a second."""


def places(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform((-0.75, -0.55), (0.75, 0.55), (count, 2))


def degrees_between(a: np.ndarray, b: np.ndarray) -> float:
    cosine = float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def flow_of(scene: Scene, count: int = 1000, noise_px: float = 0.0) -> FlowSamples:
    bearing = places(count)
    noise = np.random.default_rng(1).normal(0.0, noise_px * PIXEL, (count, 2))
    return FlowSamples(bearing, scene.flow(bearing) + noise, PIXEL)


def test_flow_of_a_static_point_is_the_derivative_of_its_projection() -> None:
    """Pins the signs of A v / Z + B w against moved points."""
    scene = Scene((0.5, -0.3, 0.7), (0.4, -0.2, 0.6))
    bearing = places(50)
    world = np.column_stack((bearing, np.ones(50))) / scene.inverse_depth(bearing)[:, None]
    step = 1e-5
    ends = [moved(world, np.array(scene.velocity), np.array(scene.angular), np.full(50, t)) for t in (-step, step)]
    numeric = (ends[1][:, :2] / ends[1][:, 2:] - ends[0][:, :2] / ends[0][:, 2:]) / (2 * step)
    np.testing.assert_allclose(scene.flow(bearing), numeric, atol=1e-6)


def test_residual_of_exact_flow_is_zero_for_either_sign_of_the_direction() -> None:
    scene = Scene((0.5, -0.3, 0.7), (0.4, -0.2, 0.6))
    bearing, angular = places(500), np.array(scene.angular)
    direction = np.array(scene.velocity) / np.linalg.norm(scene.velocity)
    for sign in (1.0, -1.0):
        residual = epipolar_residual(bearing, scene.flow(bearing), angular, sign * direction)
        assert np.abs(residual).max() < 1e-12


def test_residual_is_the_distance_to_the_epipolar_line() -> None:
    """Flow moved by d across its line has the residual d, and the projection moves it back."""
    scene = Scene((0.5, -0.3, 0.7), (0.4, -0.2, 0.6))
    bearing = torch.from_numpy(places(100))
    motion = torch.tensor([*scene.angular, *scene.velocity], dtype=torch.float64)
    motion[3:] /= motion[3:].norm()
    exact = torch.from_numpy(scene.flow(bearing.numpy()))
    _, normal = geometric_residual(bearing, exact, motion)
    residual, _ = geometric_residual(bearing, exact + 0.01 * normal, motion)
    torch.testing.assert_close(residual, torch.full_like(residual, 0.01), rtol=0, atol=1e-6)
    back = towards_epipolar_lines(bearing, exact + 0.01 * normal, motion, 1.0, speed=1e3)
    torch.testing.assert_close(back, exact, rtol=0, atol=1e-6)
    numpy_residual = epipolar_residual(
        bearing.numpy(), (exact + 0.01 * normal).numpy(), motion[:3].numpy(), motion[3:].numpy()
    )
    np.testing.assert_allclose(numpy_residual, 0.01, atol=1e-6)


def test_gradient_of_the_residual() -> None:
    bearing = torch.from_numpy(places(6))
    flow = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    motion = torch.tensor([0.1, -0.2, 0.3, 0.6, 0.0, 0.8], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda u, m: geometric_residual(bearing, u, m)[0], (flow, motion))


def test_rotation_in_closed_form_given_the_direction() -> None:
    scene = Scene((0.5, -0.3, 0.7), (0.4, -0.2, 0.6))
    direction = np.array([scene.velocity]) / np.linalg.norm(scene.velocity)
    (angular,), (cost,) = rotation_given_direction(flow_of(scene), direction)
    np.testing.assert_allclose(angular, scene.angular, atol=1e-6)
    assert cost < 1e-10


@pytest.mark.parametrize("velocity", [(0.6, 0.0, 0.0), (0.0, 0.0, 0.8), (0.4, 0.3, -0.5), (-0.5, 0.1, 0.1)])
def test_motion_with_its_sign(velocity: tuple[float, float, float]) -> None:
    scene = Scene(velocity, (0.1, -0.2, 0.3))
    exact, noisy = find_motion(flow_of(scene)), find_motion(flow_of(scene, noise_px=0.3))
    assert degrees_between(exact.direction, np.array(velocity)) < 0.1
    np.testing.assert_allclose(exact.angular_velocity, scene.angular, atol=2e-3)
    assert degrees_between(noisy.direction, np.array(velocity)) < 3.0
    np.testing.assert_allclose(noisy.angular_velocity, scene.angular, atol=0.03)
    assert np.all(np.linalg.eigvalsh(noisy.covariance) > 0)


def test_change_of_the_rotation_in_closed_form() -> None:
    scene, change = Scene((0.5, -0.3, 0.7), (0.4, -0.2, 0.6)), np.array([0.3, -0.2, 0.5])
    samples, time = flow_of(scene), np.random.default_rng(3).uniform(-1, 1, 1000)
    moving = np.stack([rotational(samples.bearing, axis) for axis in np.eye(3)], axis=2) @ change
    samples = replace(samples, flow=samples.flow + time[:, None] * moving)
    direction = np.array(scene.velocity) / np.linalg.norm(scene.velocity)
    motion = motion_at(samples, np.array(scene.angular), direction)
    found = change_of_rotation(samples, time, motion, usual_px=1e4)
    np.testing.assert_allclose(found, change, atol=1e-6)
    held = change_of_rotation(samples, time, motion)
    assert 0.01 < np.linalg.norm(held - change) / np.linalg.norm(change) < 0.2
    (one,) = motion_at_times(torch.tensor([1.0, 2, 3, 0, 0, 1, 10, 20, 30]), torch.tensor([0.5]))
    assert one.tolist() == [6.0, 12.0, 18.0, 0.0, 0.0, 1.0]


def test_outliers_are_outvoted() -> None:
    """A tenth of the image moves by itself."""
    scene = Scene((0.4, 0.3, -0.5), (0.1, -0.2, 0.3))
    samples = flow_of(scene, noise_px=0.1)
    flow = samples.flow.copy()
    flow[samples.bearing[:, 0] > 0.6] += 8 * PIXEL
    found = find_motion(FlowSamples(samples.bearing, flow, PIXEL))
    assert degrees_between(found.direction, np.array(scene.velocity)) < 4.0


def test_inverse_depth_up_to_the_speed() -> None:
    scene = Scene((0.6, 0.1, 0.2), (0.1, -0.2, 0.3))
    bearing, speed = places(200), float(np.linalg.norm(scene.velocity))
    direction = np.array(scene.velocity) / speed
    rho = inverse_depth(bearing, scene.flow(bearing), np.array(scene.angular), direction)
    np.testing.assert_allclose(rho, speed * scene.inverse_depth(bearing), rtol=1e-6)


def test_turning_camera_has_no_direction() -> None:
    samples = flow_of(Scene((0.0, 0.0, 0.0), (0.4, -0.5, 0.6)), noise_px=0.2)
    judged = degeneracy(samples, find_motion(samples))
    assert judged.status == "rotation only"
    np.testing.assert_allclose(judged.rotation, (0.4, -0.5, 0.6), atol=5e-3)


def test_plane_has_a_second_motion() -> None:
    """Either the motion found or the other is the true one."""
    scene = Scene((0.3, 0.1, 0.5), (0.0, 0.1, 0.0), plane=(-0.3, 0.2, 0.8))
    samples = flow_of(scene, noise_px=0.02)
    found = find_motion(samples)
    judged = degeneracy(samples, found)
    assert judged.status == "two-fold"
    assert judged.other is not None
    assert min(degrees_between(m.direction, np.array(scene.velocity)) for m in (found, judged.other)) < 2.0


def test_directions_far_apart_that_explain_a_flow_are_told() -> None:
    """Little parallax beside the noise: what is found may lie anywhere in a valley; with more, it may not."""
    shallow = flow_of(Scene((0.05, 0.0, 0.0125), (0.1, 0.3, -0.2)), count=400, noise_px=0.4)
    judged = degeneracy(shallow, find_motion(shallow), least_px=0.0, least_ratio=0.0)
    assert judged.status == "uncertain direction"
    assert judged.apart_deg > 45.0
    clear = flow_of(Scene((0.8, 0.0, 0.2), (0.1, 0.3, -0.2)), count=400, noise_px=0.4)
    assert degeneracy(clear, find_motion(clear)).status == "ok"


def test_second_motion_behind_the_camera_is_no_ambiguity() -> None:
    """Sideways along a plane: its second motion would have part of the plane behind the camera."""
    scene = Scene((0.5, 0.1, 0.2), (0.0, 0.1, 0.0), plane=(0.3, 0.1, 0.8))
    samples = flow_of(scene, noise_px=0.02)
    found = front_most(samples, find_motion(samples))
    assert degrees_between(found.direction, np.array(scene.velocity)) < 2.0
    assert degeneracy(samples, found).status == "ok"
    # Also when the search ends at the wrong one.
    normal = np.array([0.3, 0.1, 0.8]) * np.linalg.norm(scene.velocity)
    second = motion_at(
        samples, found.angular_velocity + np.cross(normal, found.direction), normal / np.linalg.norm(normal)
    )
    assert degrees_between(front_most(samples, second).direction, np.array(scene.velocity)) < 2.0


def test_relief_is_not_a_plane() -> None:
    samples = flow_of(Scene((0.5, 0.1, 0.2), (0.0, 0.1, 0.0)), noise_px=0.1)
    assert degeneracy(samples, find_motion(samples)).status == "ok"


def test_rotation_alone_is_robust() -> None:
    samples = flow_of(Scene((0.0, 0.0, 0.0), (0.4, -0.5, 0.6)), noise_px=0.1)
    flow = samples.flow.copy()
    flow[::5] += 10 * PIXEL
    np.testing.assert_allclose(rotation_alone(FlowSamples(samples.bearing, flow, PIXEL)), (0.4, -0.5, 0.6), atol=0.01)


def test_half_sphere_is_even() -> None:
    directions = half_sphere(300)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0)
    near = np.sort(np.abs(directions @ directions.T), axis=1)[:, -2]
    assert np.degrees(np.arccos(near.min())) < 12.0


def test_too_few_vectors() -> None:
    with pytest.raises(ValueError, match="7 flow vectors"):
        find_motion(FlowSamples(np.zeros((7, 2)), np.zeros((7, 2)), 1.0))


def test_rotational_flow_is_the_derivative_of_a_rotation() -> None:
    bearing, w, step = torch.from_numpy(places(20)), torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64), 1e-5
    ray = torch.cat((bearing, torch.ones(20, 1, dtype=torch.float64)), dim=1)
    ends = [ray - t * torch.linalg.cross(w.expand(20, 3), ray) for t in (-step, step)]
    numeric = (ends[1][:, :2] / ends[1][:, 2:] - ends[0][:, :2] / ends[0][:, 2:]) / (2 * step)
    torch.testing.assert_close(rotational_flow(bearing, w), numeric, rtol=1e-6, atol=1e-8)


def _turning(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A smooth motion: angular velocity and unit direction at seconds t."""
    direction = np.stack([np.cos(2 * t), np.sin(2 * t), np.full_like(t, 0.5)], axis=-1)
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    return np.stack([0.3 * np.sin(8 * t), 0.2 + t, 0.1 * np.cos(6 * t)], axis=-1), direction


def test_spline_over_overlapping_windows() -> None:
    """It comes nearer to a changing motion than the windows' constant motions do."""
    rng = np.random.default_rng(0)
    middles, flows = np.arange(0.05, 0.5, 0.05), []
    for middle in middles:
        bearing, t = places(200, int(1e3 * middle)), rng.uniform(middle - 0.05, middle + 0.05, 200)
        angular, direction = _turning(t)
        flow = np.concatenate(
            [Scene(tuple(v), tuple(w)).flow(b[None]) for v, w, b in zip(direction, angular, bearing, strict=True)]
        )
        flows.append(TimedFlow(FlowSamples(bearing, flow, PIXEL), 1e6 * t))
    found = [find_motion(f.samples) for f in flows]
    start = MotionSpline.through(
        (0.0, 0.5e6), 0.075, (1e6 * middles).astype(np.int64),
        np.stack([f.angular_velocity for f in found]), np.stack([f.direction for f in found]),
    )  # fmt: skip
    refined = start.refined(flows)
    t = np.linspace(0.02, 0.48, 30)
    angular, direction = _turning(t)
    errors = [np.abs(s.at(1e6 * t)[0] - angular).max() for s in (start, refined)]
    assert errors[1] < min(0.02, errors[0])
    assert np.degrees(np.arccos(np.abs((refined.at(1e6 * t)[1] * direction).sum(axis=1)).clip(max=1))).max() < 2.0
    # Beyond its ends it stays where it was.
    np.testing.assert_array_equal(refined.at(np.array([9e6]))[0], refined.at(np.array([refined.end_us]))[0])
