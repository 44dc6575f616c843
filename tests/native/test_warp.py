"""Events warped along a lattice of flow: the definition against a loop and its own gradient, the kernel against it."""

from __future__ import annotations

import math

import pytest
import torch

from efields.backends import native, reference
from efields.backends.flow_lattice import LatticeExtent, flow_on_lattice
from tests.native.bare import bare
from tests.native.settings import isa, threads

__all__ = ["isa", "threads"]

EXTENT = LatticeExtent(0.05, (0.02, -0.01), (0.75, 0.57))
Made = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def made(n: int, sizes: tuple[int, int, int] = (3, 5, 7)) -> Made:
    """Flow that moves events by a cell or two, and events in its extent and beside it, at times in it and beside."""
    generator = torch.Generator().manual_seed(n)
    values = 20.0 / max(sizes) * torch.randn((2, *sizes), generator=generator)
    t_s, to_s = (2 * torch.rand((2, n), generator=generator) - 1) * 0.06
    place = (2 * torch.rand((n, 2), generator=generator) - 1) * 1.2 * torch.tensor(EXTENT.half)
    return values, t_s, place + torch.tensor(EXTENT.centre), to_s


def test_flow_equals_a_loop_over_nodes() -> None:
    values, t_s, bearing, _ = made(40)
    found = flow_on_lattice(values, EXTENT, t_s, bearing)
    spans = ((EXTENT.half_s, 0.0), (EXTENT.half[1], EXTENT.centre[1]), (EXTENT.half[0], EXTENT.centre[0]))
    for time, (x, y), flow in zip(t_s.tolist(), bearing.tolist(), found, strict=True):
        nodes = [
            min(max(((place - middle) / half + 1) / 2, 0.0), 1.0) * (size - 1)
            for place, (half, middle), size in zip((time, y, x), spans, values.shape[1:], strict=True)
        ]
        expected = torch.zeros(2)
        for k in range(values[0].numel()):
            node = (k // 35, k // 7 % 5, k % 7)
            share = math.prod(max(0.0, 1 - abs(at - n)) for at, n in zip(nodes, node, strict=True))
            expected += share * values[:, node[0], node[1], node[2]]
        torch.testing.assert_close(flow, expected, rtol=1e-4, atol=1e-4)


def test_gradient_of_the_definition() -> None:
    values, t_s, bearing, to_s = (column.double() for column in made(12))
    warp = reference.Backend().warp_events
    inputs = (values.requires_grad_(), bearing.requires_grad_())
    assert torch.autograd.gradcheck(lambda v, x: warp(v, EXTENT, t_s, x, to_s, 2), inputs)


def compare(columns: Made, steps: int = 2) -> None:
    """Places, and gradients of a random sum of them by the flow."""
    values, t_s, bearing, to_s = columns
    values = values.detach().requires_grad_()
    grad = torch.randn(bearing.shape, generator=torch.Generator().manual_seed(2))
    # Not through __init__, which sets the number of threads.
    ours, theirs = (
        bare(backend).warp_events(values, EXTENT, t_s, bearing, to_s, steps)
        for backend in (native.Backend, reference.Backend)
    )
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    of_ours, of_theirs = (torch.autograd.grad(places, values, grad)[0] for places in (ours, theirs))
    # Not number by number: an event that rounding puts on the other side of a node sees another slope there.
    assert float((of_ours - of_theirs).norm()) < 5e-4 * float(of_theirs.norm())


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 5, 7), (3, 1, 7), (2, 6, 1), (3, 23, 30)])
@pytest.mark.parametrize("n", [1, 7, 1000, 9001])
def test_warp_kernel(threads: int, n: int, sizes: tuple[int, int, int]) -> None:
    compare(made(n, sizes))


@pytest.mark.parametrize("steps", [1, 3, 8, 9])
def test_warp_kernel_with_other_numbers_of_steps(isa: str, steps: int) -> None:
    compare(made(500), steps)


def test_warp_kernel_of_no_events_and_no_time(isa: str) -> None:
    values, t_s, bearing, _ = made(10)
    warp = bare(native.Backend).warp_events
    assert warp(values, EXTENT, t_s[:0], bearing[:0], t_s[:0], 2).shape == (0, 2)
    assert torch.equal(warp(values, EXTENT, t_s, bearing, t_s, 2), bearing)


def test_warp_kernel_on_the_edges_far_outside_and_of_no_number(isa: str) -> None:
    places = torch.tensor([-math.inf, -3e9, EXTENT.centre[0] - EXTENT.half[0], 0.0, 3e9, math.inf, math.nan])
    x, y = torch.cartesian_prod(places, places).unbind(1)
    values, t_s, _, to_s = made(len(x))
    warped = bare(native.Backend).warp_events(values.requires_grad_(), EXTENT, t_s, torch.stack((x, y), dim=1), to_s, 2)
    assert warped.shape == (len(x), 2)
    (grad,) = torch.autograd.grad(warped[torch.isfinite(warped).all(dim=1)].sum(), values)
    assert bool(torch.isfinite(grad).all())


def test_warp_kernel_gives_the_same_every_time(threads: int) -> None:
    values, t_s, bearing, to_s = made(30_000, (3, 23, 30))
    values.requires_grad_()
    warp = bare(native.Backend).warp_events
    first, *others = (
        torch.autograd.grad(warp(values, EXTENT, t_s, bearing, to_s, 2).square().sum(), values)[0] for _ in range(4)
    )
    assert all(torch.equal(first, other) for other in others)


def test_warp_of_other_types_and_of_gradients_by_places(isa: str) -> None:
    backend = bare(native.Backend)
    values, t_s, bearing, to_s = made(50)
    doubles = backend.warp_events(values.double(), EXTENT, t_s.double(), bearing.double(), to_s.double(), 2)
    assert doubles.dtype == torch.float64
    assert not backend.warp_events(values, EXTENT, t_s, bearing, to_s, 2).requires_grad
    bearing.requires_grad_()
    ours, theirs = (
        torch.autograd.grad(b.warp_events(values, EXTENT, t_s, bearing, to_s, 2).square().sum(), bearing)[0]
        for b in (backend, reference.Backend())
    )
    torch.testing.assert_close(ours, theirs)
