"""Every backend equals the reference: values, gradients, edge cases, checkpoints; one that cannot run is skipped."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest
import torch

from efields.backends import backend_names, choose_backend
from efields.backends.hash_layout import HashLayout
from efields.backends.reference import Backend
from efields.config import experiment_from_table
from efields.errors import InputError
from efields.render.image import render_view
from efields.train import reconstruct
from tests.tiny import tiny_recording

REFERENCE = Backend()
SIZES = [0, 1, 7, 1000]


@pytest.fixture(params=backend_names())
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Backend:
    monkeypatch.setenv("EFIELDS_BF16", "0")  # bounds for bfloat16 are in test_look.py
    try:
        return choose_backend(request.param)
    except InputError as missing:
        pytest.skip(str(missing))


def layout(dimensions: int, features: int) -> HashLayout:
    return HashLayout.build(
        dimensions=dimensions,
        levels=5,
        features=features,
        base_resolution=4,
        finest_resolution=40,
        log2_size=9,
    )


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Equal up to the order in which float32 sums are taken."""
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def compare(ours: list[torch.Tensor], theirs: list[torch.Tensor], inputs: list[torch.Tensor]) -> None:
    """Values of all outputs, and gradients of one random sum of them by every input."""
    generator = torch.Generator().manual_seed(9)
    sums = [torch.zeros(()), torch.zeros(())]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype
        close(mine, other)
        weight = torch.randn(other.shape, generator=generator)
        sums = [sums[0] + (weight * mine).sum(), sums[1] + (weight * other).sum()]
    if not sums[1].requires_grad:  # band 0 of the harmonics is a constant
        return
    gradients = [torch.autograd.grad(total, inputs, allow_unused=True) for total in sums]
    for mine, other, source in zip(*gradients, inputs, strict=True):
        zero = torch.zeros_like(source)
        mine, other = zero if mine is None else mine, zero if other is None else other
        # By their size as a whole: where a point lies in its cell is known to 2e-6 cells only, which one slope in a
        # thousand shows.
        error = torch.linalg.vector_norm(mine - other)
        assert float(error) <= 1e-4 * float(torch.linalg.vector_norm(other)) + 1e-5


def draw(*shape: int, seed: int, low: float = -1.0, high: float = 1.0) -> torch.Tensor:
    values = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * (high - low) + low
    return values.requires_grad_()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("dimensions", "features"), [(2, 2), (3, 1), (3, 2), (3, 4), (4, 2), (3, 8)])
def test_hash_encode(backend: Backend, dimensions: int, features: int, n: int) -> None:
    grid = layout(dimensions, features)
    assert {level.dense for level in grid.levels} == {True, False}
    position, table = draw(n, dimensions, seed=1, low=0.0), draw(grid.rows, features, seed=2)
    ours = backend.hash_encode(position, table, grid)
    assert ours.shape == (n, grid.width)
    compare([ours], [REFERENCE.hash_encode(position, table, grid)], [position, table])


def test_hash_encode_on_faces_of_the_cube_and_many_points_in_one_cell(backend: Backend) -> None:
    grid = layout(3, 2)
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 0.5, 1.0])] * 3)
    position = torch.cat((corners, torch.full((500, 3), 0.3))).requires_grad_()
    table = draw(grid.rows, 2, seed=2)
    ours, theirs = backend.hash_encode(position, table, grid), REFERENCE.hash_encode(position, table, grid)
    compare([ours], [theirs], [table])


def test_hash_encode_without_a_gradient_of_the_position(backend: Backend) -> None:
    grid = layout(3, 2)
    position, table = draw(50, 3, seed=1, low=0.0).detach(), draw(grid.rows, 2, seed=2)
    compare([backend.hash_encode(position, table, grid)], [REFERENCE.hash_encode(position, table, grid)], [table])
    with torch.no_grad():
        assert not backend.hash_encode(position, table, grid).requires_grad


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_spherical_harmonics(backend: Backend, degree: int, n: int) -> None:
    direction = torch.nn.functional.normalize(draw(n, 3, seed=3).detach(), dim=1).requires_grad_()
    ours, theirs = backend.spherical_harmonics(direction, degree), REFERENCE.spherical_harmonics(direction, degree)
    compare([ours], [theirs], [direction])


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("widths", [(5, 3), (32, 64, 16), (19, 64, 64, 3)], ids=str)
def test_mlp(backend: Backend, widths: tuple[int, ...], n: int) -> None:
    features = draw(n, widths[0], seed=4)
    weights = [draw(out, inside, seed=5) * 0.3 for inside, out in itertools.pairwise(widths)]
    weights = [w.detach().requires_grad_() for w in weights]
    compare([backend.mlp(features, weights)], [REFERENCE.mlp(features, weights)], [features, *weights])


@pytest.mark.parametrize(("rays", "samples"), [(0, 4), (1, 1), (5, 1), (33, 70)])
@pytest.mark.parametrize("channels", [1, 3])
def test_composite(backend: Backend, rays: int, samples: int, channels: int) -> None:
    density = draw(rays, samples, seed=6, low=0.0, high=8.0)
    radiance = draw(rays, samples, channels, seed=7, low=0.0)
    width = draw(rays, samples, seed=8, low=0.0, high=0.2).detach()
    width = torch.where(width < 0.05, torch.zeros_like(width), width)
    ours, theirs = backend.composite(density, radiance, width), REFERENCE.composite(density, radiance, width)
    compare(list(ours), list(theirs), [density, radiance])


def test_composite_of_opaque_and_of_empty_rays(backend: Backend) -> None:
    density = torch.tensor([[1e6, 3.0, 2.0], [0.0, 0.0, 0.0]], requires_grad=True)
    radiance, width = draw(2, 3, 1, seed=1, low=0.0), torch.full((2, 3), 0.1)
    compare(
        list(backend.composite(density, radiance, width)),
        list(REFERENCE.composite(density, radiance, width)),
        [density, radiance],
    )


def test_checkpoints_cross(backend: Backend, tmp_path: Path) -> None:
    recording = tiny_recording(size=24, frames=60)
    settings = {
        "field": {"levels": 3, "log2_size": 10, "width": 16, "finest_resolution": 32},
        "sampling": {"samples": 24, "grid_resolution": 8},
        "train": {"steps": 3, "samples_per_step": 1024},
    }
    experiment = experiment_from_table(settings, "test")
    for saved, opened in ((backend.name, "reference"), ("reference", backend.name)):
        one = dataclasses.replace(experiment, backend=saved)
        run = reconstruct(one, recording, tmp_path / f"{saved} to {opened}")
        pose = recording.trajectory.at(torch.tensor([0.3], dtype=torch.float64)) if recording.trajectory else None
        assert pose is not None
        T = torch.eye(4, dtype=torch.float64)
        T[:3, :3], T[:3, 3] = pose.rotation[0], pose.position[0]
        images = [
            render_view(run.load_model(backend=name).renderer, recording.camera, T.numpy()) for name in (saved, opened)
        ]
        close(torch.from_numpy(images[0].radiance), torch.from_numpy(images[1].radiance))
        # And training goes on from the other's checkpoint.
        longer = dataclasses.replace(one, backend=opened, train=dataclasses.replace(one.train, steps=5))
        assert reconstruct(longer, recording, run.path, resume=True).load_model().step == 5
