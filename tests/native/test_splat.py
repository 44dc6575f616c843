"""Images of warped events: the definition against loops and its own gradient, the kernel against the definition."""

from __future__ import annotations

import math

import pytest
import torch

from efields.backends import native, reference
from efields.backends.warped_events import splat_events
from tests.native.bare import bare
from tests.native.settings import isa, threads

__all__ = ["isa", "threads"]


def test_splat_by_hand() -> None:
    x, y = torch.tensor([1.0, 0.25, -0.5, 2.75, 9.0]), torch.tensor([1.0, 0.5, 0.0, 1.0, 0.0])
    image = splat_events(x, y, torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0]), 2, 3)
    expected = [[0.75 + 2.0, 0.25, 0.0], [0.75, 0.25 + 1.0, 2.0]]
    torch.testing.assert_close(image, torch.tensor(expected))


def test_splat_equals_a_loop_over_events_and_pixels() -> None:
    x, y, weight = random_events(60, 5, 7)
    image = torch.zeros(5, 7)
    for px, py, w in zip(x.tolist(), y.tolist(), weight.tolist(), strict=True):
        for row in range(5):
            for column in range(7):
                image[row, column] += w * max(0.0, 1 - abs(px - column)) * max(0.0, 1 - abs(py - row))
    torch.testing.assert_close(splat_events(x, y, weight, 5, 7), image, rtol=1e-5, atol=1e-6)


def test_splat_gradient() -> None:
    inputs = [column.double().requires_grad_() for column in random_events(25, 5, 6)]
    assert torch.autograd.gradcheck(lambda *columns: splat_events(*columns, 5, 6), inputs)


def random_events(n: int, height: int, width: int) -> list[torch.Tensor]:
    """Events in the image and up to 2 pixels beside it."""
    generator = torch.Generator().manual_seed(n)
    uniform = torch.rand((3, n), generator=generator)
    return [uniform[0] * (width + 3) - 2, uniform[1] * (height + 3) - 2, uniform[2] * 2 - 1]


def compare(columns: list[torch.Tensor], height: int, width: int) -> None:
    """Values, and gradients of a random sum of them."""
    columns = [column.detach().requires_grad_() for column in columns]
    grad = torch.randn((height, width), generator=torch.Generator().manual_seed(2))
    found = []
    for backend in (native.Backend, reference.Backend):
        # Not through __init__, which sets the number of threads.
        image = bare(backend).splat_events(*columns, height, width)
        found.append([image, *torch.autograd.grad(image, columns, grad)])
    for ours, theirs in zip(*found, strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (64, 33), (180, 240)])
@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 1000, 8193])
def test_splat_kernel(threads: int, n: int, height: int, width: int) -> None:
    compare(random_events(n, height, width), height, width)


def test_splat_kernel_with_an_image_for_each_thread(threads: int) -> None:
    columns = random_events(100_001, 50, 60)
    compare(columns, 50, 60)
    backend = bare(native.Backend)
    first = backend.splat_events(*columns, 50, 60)
    assert all(torch.equal(first, backend.splat_events(*columns, 50, 60)) for _ in range(5))


def test_splat_kernel_on_the_edges_and_far_outside(isa: str) -> None:
    places = [-math.inf, -3e9, -1.5, -1.0, -0.5, -0.0, 0.0, 1e-9, 1.0, 2.0, 3.0, 3.5, 4.0, 3e9, math.inf, math.nan]
    x, y = torch.cartesian_prod(torch.tensor(places), torch.tensor(places)).unbind(1)
    compare([x, y, torch.linspace(-1, 1, len(x))], 4, 4)


def test_splat_kernel_with_all_events_on_one_pixel_and_misaligned(threads: int) -> None:
    compare([torch.full((70_000,), 2.25), torch.full((70_000,), 1.5), torch.ones(70_000)], 4, 5)
    compare([torch.cat((torch.zeros(1), column))[1:] for column in random_events(999, 8, 9)], 8, 9)
    compare([torch.stack((column, column), dim=1)[:, 0] for column in random_events(99, 8, 9)], 8, 9)


def test_splat_of_other_types_and_of_some_gradients(isa: str) -> None:
    backend = bare(native.Backend)
    x, y, weight = random_events(50, 8, 9)
    assert backend.splat_events(x.double(), y.double(), weight.double(), 8, 9).dtype == torch.float64
    assert not backend.splat_events(x, y, weight, 8, 9).requires_grad
    x.requires_grad_()
    ours = torch.autograd.grad(backend.splat_events(x, y, weight, 8, 9).square().sum(), x)[0]
    theirs = torch.autograd.grad(splat_events(x, y, weight, 8, 9).square().sum(), x)[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
