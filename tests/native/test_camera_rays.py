"""Rays of a moving camera: the kernel equals the trajectory's poses and their rays."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from efields.backends import native, reference
from efields.geometry.trajectory import Kind, Segments, Trajectory
from tests.native.settings import isa, threads

__all__ = ["isa", "threads"]

REFERENCE = reference.Backend()
NATIVE = native.Backend.__new__(native.Backend)  # must not set the number of threads
NATIVE.fell_back = {}


def path(kind: Kind, poses: int, turn: float) -> Trajectory:
    """Poses at uneven times that turn by up to about `turn` from one to the next."""
    rng = np.random.default_rng(poses)
    t_us = np.cumsum(rng.integers(1000, 90_000, poses)) + 10**12
    quaternion = np.array([0, 0, 0, 1]) + np.cumsum(rng.normal(size=(poses, 4)) * turn, axis=0)
    quaternion /= np.linalg.norm(quaternion, axis=1, keepdims=True)
    return Trajectory.from_arrays(t_us, rng.normal(size=(poses, 3)) * 3, quaternion, kind, int(t_us[0]))


class Learned(Trajectory):
    """A trajectory with segments of its own, which may be learned."""

    def __init__(self, like: Trajectory, segments: Segments) -> None:
        super().__init__(like.t_us, like.position, like.orientation, like.kind, like.origin_us)
        self._by_device["cpu"] = segments


def asked(trajectory: Trajectory, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bearings, pixels and times, among them the poses' own and some before and after them all."""
    generator = torch.Generator().manual_seed(n)
    first, last = trajectory.seconds_span
    t_s = first - 0.1 + (last - first + 0.2) * torch.rand(n, dtype=torch.float64, generator=generator)
    knots = torch.from_numpy((trajectory.t_us - trajectory.origin_us) * 1e-6)[: n // 2]
    t_s[: len(knots)] = knots
    bearings = torch.randn((50, 3), dtype=torch.float64, generator=generator)
    return bearings, torch.randint(0, 50, (n,), generator=generator), t_s


@pytest.mark.parametrize("kind", ["linear", "cubic"])
@pytest.mark.parametrize(("poses", "turn"), [(2, 0.0), (2, 3.0), (3, 1e-6), (40, 0.05), (101, 1.0)])
@pytest.mark.parametrize("n", [0, 1, 7, 1000, 9001])
def test_camera_rays(threads: int, kind: Kind, poses: int, turn: float, n: int) -> None:
    trajectory = path(kind, poses, turn)
    bearings, pixel, t_s = asked(trajectory, n)
    ours = NATIVE.camera_rays_at(trajectory, bearings, pixel, t_s)
    theirs = REFERENCE.camera_rays_at(trajectory, bearings, pixel, t_s)
    for mine, other in ((ours.origin, theirs.origin), (ours.direction, theirs.direction)):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
@pytest.mark.parametrize("size", [0.0, 1e-5, 0.2, 3.0])
def test_corrected_poses(isa: str, kind: Kind, size: float) -> None:
    trajectory = path(kind, 40, 0.05)
    bearings, pixel, t_s = asked(trajectory, 101)
    turns = torch.randn((101, 6), dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    turns = size * torch.nn.functional.normalize(turns, dim=1)
    ours, theirs = (b.camera_rays_at(trajectory, bearings, pixel, t_s, turns) for b in (NATIVE, REFERENCE))
    given = NATIVE.camera_rays_at(trajectory, bearings, pixel, t_s)
    for mine, other, before in (
        (ours.origin, theirs.origin, given.origin),
        (ours.direction, theirs.direction, given.direction),
    ):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-6)
        assert torch.allclose(mine, before, atol=2e-5) == (size < 0.1)


def gradients(backend: reference.Backend, trajectory: Trajectory, n: int, by: str) -> list[torch.Tensor]:
    """Gradients of a random sum of rays by what `by` names; poses are corrected where it names the correction."""
    bearings, pixel, t_s = asked(trajectory, n)
    made = trajectory.segments(t_s.device)
    turns = 0.3 * torch.randn((n, 6), dtype=torch.float64, generator=torch.Generator().manual_seed(n + 1))
    leaves = {"bearings": bearings, "t_s": t_s, "correction": turns}
    leaves |= {name: getattr(made, name).clone() for name in ("rotation", "position", "increment")}
    inputs = [leaves[name].requires_grad_() for name in by.split()]
    segments = Segments(made.t_s, leaves["rotation"], leaves["position"], leaves["increment"])
    moving = Learned(trajectory, segments)
    correction = leaves["correction"] if "correction" in by else None
    rays = backend.camera_rays_at(moving, leaves["bearings"], pixel, leaves["t_s"], correction)
    weights = torch.randn((2, n, 3), generator=torch.Generator().manual_seed(n))
    total = (weights[0] * rays.origin).sum() + (weights[1] * rays.direction).sum()
    return list(torch.autograd.grad(total, inputs))


@pytest.mark.parametrize("kind", ["linear", "cubic"])
@pytest.mark.parametrize(("poses", "turn"), [(2, 3.0), (3, 1e-6), (40, 0.05)])
@pytest.mark.parametrize(("n", "correction"), [(0, "correction"), (7, ""), (1000, "correction")])
def test_gradients_of_camera_rays(threads: int, kind: Kind, poses: int, turn: float, n: int, correction: str) -> None:
    by = f"bearings t_s rotation position increment {correction}"
    trajectory = path(kind, poses, turn)
    for mine, other in zip(*(gradients(b, trajectory, n, by) for b in (NATIVE, REFERENCE)), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("by", ["bearings", "t_s", "rotation", "position", "increment", "correction"])
def test_each_gradient_alone(isa: str, by: str) -> None:
    trajectory = path("cubic", 10, 0.1)
    (mine,), (other,) = (gradients(backend, trajectory, 20_000, by) for backend in (NATIVE, REFERENCE))
    torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)
    assert not NATIVE.fell_back and bool(other.any())


def test_gradients_of_the_poses_times_go_the_reference_way_and_it_is_said(isa: str) -> None:
    trajectory = path("linear", 10, 0.1)
    bearings, pixel, t_s = asked(trajectory, 20)
    backend, grads = native.Backend.__new__(native.Backend), []
    backend.fell_back = {}
    for each in (backend, REFERENCE):
        made = trajectory.segments(t_s.device)
        knots = made.t_s.clone().requires_grad_()
        rays = each.camera_rays_at(Learned(trajectory, dataclasses.replace(made, t_s=knots)), bearings, pixel, t_s)
        grads.append(torch.autograd.grad((rays.origin * rays.direction).sum(), knots)[0])
    assert torch.equal(*grads)
    assert "gradients" in backend.fell_back["camera_rays_at"]


def test_other_arrays_and_wrong_ones(isa: str) -> None:
    trajectory = path("linear", 10, 0.1)
    bearings, pixel, t_s = asked(trajectory, 20)
    wide = NATIVE.camera_rays_at(trajectory, bearings.repeat(1, 2)[:, :3], pixel.repeat(2)[::2], t_s.repeat(2)[::2])
    plain = REFERENCE.camera_rays_at(trajectory, bearings, pixel.repeat(2)[::2], t_s.repeat(2)[::2])
    torch.testing.assert_close(wide.direction, plain.direction, rtol=1e-6, atol=1e-6)
    last = NATIVE.camera_rays_at(trajectory, bearings, torch.full_like(pixel, -1), t_s)
    assert torch.equal(last.direction, NATIVE.camera_rays_at(trajectory, bearings, pixel * 0 + 49, t_s).direction)
    for wrong in (50, -51):
        with pytest.raises(IndexError):
            NATIVE.camera_rays_at(trajectory, bearings, torch.full_like(pixel, wrong), t_s)
    with pytest.raises(TypeError, match="float64"):
        NATIVE.camera_rays_at(trajectory, bearings, pixel, t_s.float())
