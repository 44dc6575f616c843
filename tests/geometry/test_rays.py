from __future__ import annotations

import numpy as np
import torch

from efields.geometry.camera import Camera
from efields.geometry.paths import orbit
from efields.geometry.pose import Poses, se3_exp
from efields.geometry.rays import Rays, camera_rays
from tests.looks import along


def scene() -> tuple[Camera, torch.Tensor, torch.Tensor, Poses]:
    camera = Camera(40, 30, 35.0, 36.0, 19.0, 14.0, "plumb_bob", (-0.1, 0.02, 0.001, 0.0))
    generator = torch.Generator().manual_seed(0)
    pixel = torch.randint(0, camera.pixels, (25,), generator=generator)
    poses = Poses.from_matrix(torch.from_numpy(orbit((0.1, 0.2, 0.3), 2.0, 25.0, 25)))
    return camera, torch.from_numpy(camera.bearings()), pixel, poses


def test_points_along_a_ray_project_back_to_its_pixel():
    camera, bearings, pixel, poses = scene()
    rays = camera_rays(bearings, pixel, poses)
    assert rays.origin.dtype == rays.direction.dtype == torch.float32 and len(rays) == 25
    torch.testing.assert_close(rays.direction.norm(dim=1), torch.ones(25))
    points = along(rays, torch.tensor([[0.5, 3.0]]).expand(25, 2)).double()
    for k in range(2):
        local = torch.einsum("nji,nj->ni", poses.rotation, points[:, k] - poses.position)
        found = camera.project(local.numpy())
        expected = np.stack((pixel % 40, pixel // 40), axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        np.testing.assert_allclose(local.norm(dim=1), (0.5, 3.0)[k], rtol=1e-6)


def test_one_pose_serves_all_pixels():
    _, bearings, pixel, poses = scene()
    one = camera_rays(bearings, pixel, poses[3:4])
    each = camera_rays(bearings, pixel, poses[torch.full((25,), 3)])
    torch.testing.assert_close(one.origin, each.origin)
    torch.testing.assert_close(one.direction, each.direction)


def test_gradients_reach_the_poses():
    _, bearings, pixel, _ = scene()
    xi = (0.1 * torch.randn(25, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))).requires_grad_()
    target = torch.tensor([0.2, -0.1, 1.0])

    def value(twist: torch.Tensor) -> torch.Tensor:
        rays = camera_rays(bearings, pixel, Poses.from_matrix(se3_exp(twist)))
        return (rays.origin - rays.direction * target).double().square().sum()

    value(xi).backward()
    assert xi.grad is not None
    # Rays are float32: wide central differences against the analytic gradient.
    for k in (0, 4):
        step = torch.zeros_like(xi)
        step[7, k] = 1e-2
        numeric = (value(xi.detach() + step) - value(xi.detach() - step)) / 2e-2
        torch.testing.assert_close(xi.grad[7, k], numeric, rtol=1e-2, atol=1e-3)


def test_slices_of_rays():
    rays = Rays(torch.arange(12.0).view(4, 3), torch.eye(3)[[0, 1, 2, 0]])
    assert len(rays[1:3]) == 2
    torch.testing.assert_close(rays[torch.tensor([3, 0])].origin[:, 0], torch.tensor([9.0, 0.0]))


def test_rays_carry_their_times_to_their_points():
    timed = Rays(torch.zeros(2, 3), torch.eye(3)[:2], torch.tensor([0.5, 2.0]))
    both = Rays.concat([Rays(torch.ones(1, 3), torch.eye(3)[:1]), timed])
    assert both.t_s is not None and both.t_s.tolist() == [0.0, 0.5, 2.0]
    points = both.points(torch.tensor([2, 1]), torch.tensor([3.0, 1.0]))
    assert points.position.tolist() == [[0.0, 3.0, 0.0], [1.0, 0.0, 0.0]]
    assert points.seconds.tolist() == [2.0, 0.5]
    still = Rays.concat([Rays(torch.zeros(1, 3), torch.eye(3)[:1])])
    assert still.t_s is None and still.points(torch.tensor([0]), torch.tensor([1.0])).seconds.tolist() == [0.0]
