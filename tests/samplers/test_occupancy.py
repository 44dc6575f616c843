"""The occupancy grid: finds density, forgets it slowly, and skips nothing that is there."""

from __future__ import annotations

import pytest
import torch

from efields.backends.reference import Backend
from efields.fields.analytic import AnalyticField, Ball, Config
from efields.geometry.boxes import Box
from efields.geometry.rays import Points, Rays
from efields.geometry.samples import marched
from efields.samplers.occupancy import DECAY, OccupancyGrid
from tests.geometry.test_samples import rays
from tests.looks import along

BOX = Box((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
STEP = 0.05


def grid(resolution: int = 16, least_alpha: float = 0.01) -> OccupancyGrid:
    return OccupancyGrid(BOX, resolution, STEP, least_alpha)


def ball(position: torch.Tensor) -> torch.Tensor:
    return 20.0 * (position.norm(dim=1) < 0.5).float()


def _holds(found: OccupancyGrid, seen: Rays, distance: torch.Tensor) -> torch.Tensor:
    return found.holds(along(seen, distance).view(-1, 3)).view(distance.shape)


def centres(resolution: int) -> torch.Tensor:
    side = (torch.arange(resolution) + 0.5) / resolution * 2 - 1
    return torch.cartesian_prod(side, side, side)


def test_every_cell_counts_before_the_first_update() -> None:
    full = grid()
    jitter = torch.rand(50, generator=torch.Generator().manual_seed(1))
    seen = rays()
    dense, found = marched(seen, BOX, STEP, jitter), full.march(seen, jitter)
    for ray in range(50):
        torch.testing.assert_close(found.t_start[ray][found.used[ray]], dense.t_start[ray][dense.used[ray]])
        torch.testing.assert_close(found.t_end[ray][found.used[ray]], dense.t_end[ray][dense.used[ray]])


def test_update_finds_the_ball() -> None:
    found, generator = grid(), torch.Generator().manual_seed(0)
    for _ in range(4):
        found.update(ball, generator)
    distance = centres(16).norm(dim=1)
    half_diagonal = 3**0.5 / 16
    assert bool(found.occupied[distance < 0.5 - half_diagonal].all())
    assert not bool(found.occupied[distance > 0.5 + half_diagonal].any())
    assert torch.equal(found.holds(centres(16)), found.occupied)


def test_march_keeps_what_lies_in_marked_cells_and_nothing_else() -> None:
    found, seen = grid(), rays()
    found.update(ball, torch.Generator().manual_seed(0))
    samples, dense = found.march(seen, None), marched(seen, BOX, STEP, None)
    kept = _holds(found, seen, dense.middle) & dense.used
    assert torch.equal(samples.used.sum(1), kept.sum(1))
    assert 0 < int(samples.used.sum()) < 0.5 * int(dense.used.sum())
    assert bool(_holds(found, seen, samples.middle)[samples.used].all())


def test_density_fades_and_comes_back() -> None:
    found, generator = grid(8), torch.Generator().manual_seed(0)
    found.update(lambda p: torch.full((len(p),), 4.0), generator)
    assert bool((found.density == 4.0).all())
    found.update(lambda p: torch.zeros(len(p)), generator)
    torch.testing.assert_close(found.density, torch.full((512,), 4.0 * DECAY))
    for _ in range(200):
        found.update(lambda p: 50.0 * (p[:, 0] > 0).float(), generator)
    assert torch.equal(found.occupied, centres(8)[:, 0] > 0)
    found.update(lambda p: torch.full((len(p),), 50.0), generator)
    assert bool(found.occupied.all())


def test_a_share_of_the_cells_is_enough_in_the_long_run() -> None:
    whole, parts, generator = grid(), grid(), torch.Generator().manual_seed(0)
    for _ in range(8):
        whole.update(ball, generator)
    for _ in range(60):
        parts.update(ball, generator, share=0.25)
    # Cells that the surface cuts may differ: whether they count is a matter of which points were drawn.
    inner = (centres(16).norm(dim=1) - 0.5).abs() > 3**0.5 / 16
    assert torch.equal(whole.occupied[inner], parts.occupied[inner])
    assert float((whole.occupied == parts.occupied).float().mean()) > 0.97


def test_a_thin_even_field_loses_no_cell() -> None:
    found = grid(least_alpha=0.01)
    thin = 1e-3
    found.update(lambda p: thin * (1 + 0.3 * torch.sin(40 * p[:, 0])), torch.Generator().manual_seed(0))
    assert bool(found.occupied.all())


def test_threshold_is_the_alpha_over_one_span() -> None:
    found = grid(least_alpha=0.1)
    just = -torch.log1p(torch.tensor(-0.1)) / STEP
    found.update(
        lambda p: torch.where(p[:, 0] > 0, 50.0, torch.where(p[:, 1] > 0, 1.05, 0.95) * just), torch.Generator()
    )
    assert torch.equal(found.occupied, (centres(16)[:, 0] > 0) | (centres(16)[:, 1] > 0))


@pytest.mark.parametrize("resolution", [1, 5])
def test_points_at_and_beyond_the_faces_belong_to_the_nearest_cell(resolution: int) -> None:
    found = grid(resolution)
    found.occupied.zero_()
    found.occupied[-1] = True
    assert found.holds(torch.tensor([[1.0, 1.0, 1.0], [1.2, 1.0, 1.1]])).tolist() == [True, True]
    assert found.holds(torch.tensor([[-1.0, -1.0, -1.0]])).tolist() == [resolution == 1]


def test_a_seed_makes_the_updates() -> None:
    states, truth = [], AnalyticField(Config((Ball(radius=0.4),)), 1)
    for _ in range(2):
        found, generator = grid(), torch.Generator().manual_seed(5)
        for share in (1.0, 0.25, 0.25):
            found.update(lambda p: truth.density(Points(p), Backend()), generator, share)
        states.append(found.density.clone())
    assert torch.equal(*states)
