"""Gradients of what is seen by what the camera's motion learns, through everything between them, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from efields.backends.reference import Backend
from efields.fields import hash_grid
from efields.geometry import camera_motion, rays
from efields.geometry.boxes import Box
from efields.geometry.paths import look_at
from efields.geometry.trajectory import Kind, Trajectory
from efields.samplers import occupancy
from tests.looks import renderer_over

BOX = Box((-1.0, -0.8, -1.0), (1.0, 1.2, 1.1))
FIELD = hash_grid.Config(
    levels=3, features=2, log2_size=8, base_resolution=4, finest_resolution=16, width=8, view_degree=4,
    initial_ball=0.9, initial_opacity=0.6,
)  # fmt: skip


class Seen(torch.nn.Module):
    """What five pixels see at five times; samples stay where they lie at first, as no gradient flows through that."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        poses = np.stack([look_at(np.array([2.0, 0.3 * k, 0.5]), np.zeros(3)) for k in range(5)])
        trajectory = Trajectory.from_matrices(np.arange(5) * 1000, poses, kind)
        self.motion = camera_motion.Config(learn=True).build(trajectory, 2.0, np.array([0.0, 2e-3, 4e-3]))
        field = FIELD.build(BOX, 2, generator)
        with torch.no_grad():
            field.table.mul_(3e3)
        self.renderer = renderer_over(field, BOX, occupancy.Config(samples=20, grid_resolution=4), Backend())
        self.double()
        with torch.no_grad():
            for values in self.motion.parameters():
                values.copy_(0.05 * torch.randn(values.shape, generator=generator, dtype=torch.float64))
        self.bearings = torch.tensor([[0.1 * k - 0.2, 0.15 - 0.07 * k, 1.0] for k in range(5)], dtype=torch.float64)
        self.t_s = torch.tensor([1.3e-4, 9e-4, 1.7e-3, 2.6e-3, 3.8e-3], dtype=torch.float64)
        sampled = self.renderer.sampler(
            self.rays(), None, self.renderer.density, self.renderer.backend, quality="train"
        )
        self.renderer.sampler.forward = lambda *_, **__: sampled  # type: ignore[method-assign]
        assert int(sampled.samples.used.sum()) > 30

    def rays(self) -> rays.Rays:
        return rays.camera_rays(self.bearings, torch.arange(5), self.motion.at(self.t_s))

    def forward(self) -> Tensor:
        seen = self.renderer(self.rays())
        assert seen.radiance.dtype == torch.float64
        return torch.cat((seen.radiance, seen.opacity[:, None], seen.depth[:, None], seen.distortion[:, None]), dim=1)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_motion_rays_march_hash_grid_harmonics_and_composite(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rays, "_float32", lambda values: values)
    seen = Seen(kind)
    names = ("motion.rotation", "motion.translation")

    def of(rotation: Tensor, translation: Tensor) -> Tensor:
        return torch.func.functional_call(seen, dict(zip(names, (rotation, translation), strict=True)))

    inputs = [dict(seen.named_parameters())[name].detach().clone().requires_grad_() for name in names]
    gradients = torch.autograd.grad(of(*inputs).sum(), inputs)
    assert all(float(gradient.abs().min()) > 0 for gradient in gradients)
    # Steps of 1e-7 keep every sample in its cell and every hidden unit on its side of zero.
    assert torch.autograd.gradcheck(of, inputs, eps=1e-7, atol=1e-6, rtol=1e-5, fast_mode=True)
