"""The reference functions against naive loops, closed forms and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from efields.backends import backend_names, choose_backend
from efields.backends.hash_layout import PRIMES, HashLayout
from efields.backends.reference import Backend
from efields.backends.spherical import spherical_harmonics
from efields.errors import InputError
from tests.backends import hash_by_hand

BACKEND = Backend()
GRIDS = [
    pytest.param(2, {"base": 4, "finest": 40, "levels": 4, "log2_size": 8}, id="2d"),
    pytest.param(3, {"base": 4, "finest": 48, "levels": 5, "log2_size": 9}, id="3d"),
    pytest.param(4, {"base": 3, "finest": 24, "levels": 4, "log2_size": 10}, id="4d"),
    pytest.param(3, {"base": 5, "finest": 5, "levels": 1, "log2_size": 8}, id="3d, one level, dense"),
]


def layout_of(dimensions: int, grid: dict[str, int], features: int = 2) -> HashLayout:
    return HashLayout.build(
        dimensions=dimensions,
        levels=grid["levels"],
        features=features,
        base_resolution=grid["base"],
        finest_resolution=grid["finest"],
        log2_size=grid["log2_size"],
    )


def table_for(layout: HashLayout, seed: int = 0) -> torch.Tensor:
    return torch.randn((layout.rows, layout.features), generator=torch.Generator().manual_seed(seed)).double()


def points(n: int, dimensions: int, seed: int = 1) -> torch.Tensor:
    return torch.rand((n, dimensions), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- layout


@pytest.mark.parametrize(("dimensions", "grid"), GRIDS)
def test_layout_numbers_are_those_of_tiny_cuda_nn(dimensions: int, grid: dict[str, int]) -> None:
    offset = 0
    for number, level in enumerate(layout_of(dimensions, grid).levels):
        scale, resolution = hash_by_hand.level_numbers(grid["base"], grid["finest"], grid["levels"], number)
        rows = hash_by_hand.level_rows(resolution, dimensions, grid["log2_size"])
        assert (level.scale, level.resolution, level.offset, level.size) == (scale, resolution, offset, rows)
        assert level.dense == (resolution**dimensions <= rows)
        assert rows % 8 == 0
        offset += rows
    assert layout_of(dimensions, grid).rows == offset


def test_layout_of_a_doubling_grid_by_hand() -> None:
    layout = layout_of(3, {"base": 16, "finest": 128, "levels": 4, "log2_size": 16}, features=4)
    assert [level.scale for level in layout.levels] == [15.0, 31.0, 63.0, 127.0]
    assert [level.resolution for level in layout.levels] == [16, 32, 64, 128]
    assert [level.dense for level in layout.levels] == [True, True, False, False]
    assert [level.size for level in layout.levels] == [4096, 32768, 65536, 65536]
    assert (layout.rows, layout.width) == (167936, 16)
    assert PRIMES[:3] == (1, 2654435761, 805459861)


def test_rows_come_in_eights() -> None:
    (level,) = layout_of(3, {"base": 3, "finest": 3, "levels": 1, "log2_size": 8}).levels
    assert (level.resolution, level.size, level.dense) == (3, 32, True)


@pytest.mark.parametrize(
    "wrong", [{"levels": 0}, {"base": 1}, {"finest": 3}, {"log2_size": 2}], ids=lambda d: str(next(iter(d)))
)
def test_numbers_that_make_no_grid(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="hash grid"):
        layout_of(3, {"base": 4, "finest": 16, "levels": 3, "log2_size": 8} | wrong)
    with pytest.raises(ValueError, match="dimensions"):
        layout_of(5, {"base": 4, "finest": 16, "levels": 3, "log2_size": 8})


# ---- hash encoding


@pytest.mark.parametrize(("dimensions", "grid"), GRIDS)
def test_hash_encode_equals_the_loop(dimensions: int, grid: dict[str, int]) -> None:
    layout = layout_of(dimensions, grid)
    table, position = table_for(layout), points(64, dimensions)
    position[0], position[1] = 0.0, 1.0
    expected = np.stack([hash_by_hand.encode(p, table.numpy(), **grid) for p in position.numpy()])
    encoded = BACKEND.hash_encode(position, table, layout).numpy()
    np.testing.assert_allclose(encoded, expected, atol=1e-12)
    single = BACKEND.hash_encode(position.float(), table.float(), layout)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), expected, atol=2e-4)


@pytest.mark.parametrize(("dimensions", "grid"), GRIDS)
def test_hash_encode_gradients(dimensions: int, grid: dict[str, int]) -> None:
    layout = layout_of(dimensions, grid)
    position = points(5, dimensions, seed=3).requires_grad_()
    table = table_for(layout).requires_grad_()
    # Finite differences must not step over a cell's face.
    for level in layout.levels:
        inside = (position.detach() * level.scale + 0.5) % 1
        assert bool(((inside > 1e-3) & (inside < 1 - 1e-3)).all())
    assert torch.autograd.gradcheck(lambda p: BACKEND.hash_encode(p, table.detach(), layout), (position,), eps=1e-7)
    # The encoding is linear in the table: <table', gradient> is the encoding of table'.
    weight = torch.randn(5, layout.width, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    (gradient,) = torch.autograd.grad((BACKEND.hash_encode(position, table, layout) * weight).sum(), table)
    for seed in range(3):
        other = table_for(layout, seed=10 + seed)
        expected = (BACKEND.hash_encode(position, other, layout) * weight).sum()
        torch.testing.assert_close((gradient * other).sum(), expected)


def test_hash_encode_gradcheck_of_a_small_table() -> None:
    layout = layout_of(2, {"base": 2, "finest": 6, "levels": 2, "log2_size": 4})
    inputs = (points(4, 2).requires_grad_(), table_for(layout).requires_grad_())
    assert torch.autograd.gradcheck(lambda p, t: BACKEND.hash_encode(p, t, layout), inputs, eps=1e-7)


def test_hash_encode_of_a_constant_table_is_constant() -> None:
    layout = layout_of(3, {"base": 4, "finest": 48, "levels": 5, "log2_size": 9})
    encoded = BACKEND.hash_encode(points(100, 3), torch.ones(layout.rows, 2, dtype=torch.float64), layout)
    torch.testing.assert_close(encoded, torch.ones_like(encoded))


# ---- spherical harmonics


def test_spherical_harmonics_are_orthonormal() -> None:
    cosine, weight = np.polynomial.legendre.leggauss(16)
    azimuth = np.arange(32) * 2 * math.pi / 32
    z, phi = np.meshgrid(cosine, azimuth, indexing="ij")
    sine = np.sqrt(1 - z**2)
    direction = torch.from_numpy(np.stack([sine * np.cos(phi), sine * np.sin(phi), z], -1).reshape(-1, 3))
    area = torch.from_numpy(np.repeat(weight, 32) * 2 * math.pi / 32)
    basis = spherical_harmonics(direction, 4)
    gram = basis.T @ (area[:, None] * basis)
    torch.testing.assert_close(gram, torch.eye(16, dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_lower_degrees_are_the_first_columns(degree: int) -> None:
    direction = torch.nn.functional.normalize(torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    seen = BACKEND.spherical_harmonics(direction, degree)
    assert seen.shape == (7, degree**2)
    torch.testing.assert_close(seen, BACKEND.spherical_harmonics(direction, 4)[:, : degree**2])


def test_spherical_harmonics_have_the_signs_of_tiny_cuda_nn() -> None:
    first = spherical_harmonics(torch.eye(3), 2)[:, 1:]
    c = 0.48860251190291987
    torch.testing.assert_close(first, torch.tensor([[0, 0, -c], [-c, 0, 0], [0, c, 0]]))
    for degree in (0, 5):
        with pytest.raises(ValueError, match="degree"):
            spherical_harmonics(torch.eye(3), degree)


# ---- perceptron, compositing


def test_mlp_equals_the_products_by_hand() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(6, 3, generator=generator)
    first, second = torch.randn(5, 3, generator=generator), torch.randn(2, 5, generator=generator)
    expected = np.maximum(features.numpy() @ first.numpy().T, 0) @ second.numpy().T
    np.testing.assert_allclose(BACKEND.mlp(features, [first, second]).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert float(BACKEND.mlp(features, [first]).min()) < 0


def test_composite_equals_the_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    density = 5 * torch.rand(4, 9, generator=generator, dtype=torch.float64)
    radiance = torch.rand(4, 9, 3, generator=generator, dtype=torch.float64)
    width = torch.rand(4, 9, generator=generator, dtype=torch.float64)
    width[:, 4] = 0
    seen, weights = BACKEND.composite(density, radiance, width)
    for ray in range(4):
        light, colour = 1.0, np.zeros(3)
        for sample in range(9):
            alpha = 1 - math.exp(-float(density[ray, sample] * width[ray, sample]))
            assert float(weights[ray, sample]) == pytest.approx(light * alpha, abs=1e-14)
            colour += light * alpha * radiance[ray, sample].numpy()
            light *= 1 - alpha
        np.testing.assert_allclose(seen[ray].numpy(), colour, atol=1e-13)


def test_composite_of_a_uniform_medium_has_a_closed_form() -> None:
    width = torch.full((1, 50), 0.02, dtype=torch.float64)
    seen, weights = BACKEND.composite(torch.full_like(width, 3.0), torch.full((1, 50, 1), 0.7).double(), width)
    assert float(weights.sum()) == pytest.approx(1 - math.exp(-3.0), abs=1e-12)
    assert float(seen) == pytest.approx(0.7 * (1 - math.exp(-3.0)), abs=1e-7)


def test_composite_gradients_and_extremes() -> None:
    generator = torch.Generator().manual_seed(0)
    density = torch.rand(3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    radiance = torch.rand(3, 5, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    width = torch.rand(3, 5, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda d, r: BACKEND.composite(d, r, width), (density, radiance))
    hard = torch.tensor([[1e6, 1e6, 0.0]], requires_grad=True)
    seen, weights = BACKEND.composite(hard, torch.ones(1, 3, 1), torch.ones(1, 3))
    seen.sum().backward()
    assert weights.tolist() == [[1.0, 0.0, 0.0]]
    assert hard.grad is not None and bool(torch.isfinite(hard.grad).all())


# ---- choosing


def test_auto_takes_one_that_runs_and_a_wrong_name_is_told() -> None:
    assert choose_backend("auto").name in backend_names()
    assert choose_backend("reference").unavailable() is None
    with pytest.raises(InputError, match="unknown backend 'referense'"):
        choose_backend("referense")
