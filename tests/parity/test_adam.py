"""Every backend's Adam takes the steps of the reference, and the reference those of torch."""

from __future__ import annotations

import pytest
import torch

from efields.backends import backend_names, choose_backend
from efields.backends.reference import Backend
from efields.errors import InputError
from efields.train.adam import Adam


@pytest.fixture(params=backend_names())
def backend(request: pytest.FixtureRequest) -> Backend:
    try:
        return choose_backend(request.param)
    except InputError as missing:
        pytest.skip(str(missing))


def steps(optimizer: torch.optim.Optimizer, parameter: torch.Tensor, gaps: bool) -> torch.Tensor:
    """Ten steps with random gradients, of which a third are zero if `gaps`."""
    generator = torch.Generator().manual_seed(1)
    for rate in torch.linspace(0.1, 0.01, 10).tolist():
        parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        if gaps:
            parameter.grad[torch.rand(parameter.shape, generator=generator) < 0.3] = 0.0
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    return parameter.detach()


def start(shape: tuple[int, ...]) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("shape", [(1,), (7,), (33, 4), (40_000, 2), ()], ids=str)
def test_dense_is_torchs_adam(backend: Backend, shape: tuple[int, ...]) -> None:
    ours, theirs = start(shape), start(shape)
    found = steps(Adam([{"params": [ours], "sparse": False}], backend), ours, gaps=True)
    expected = steps(torch.optim.Adam([theirs], betas=(0.9, 0.99), eps=1e-15), theirs, gaps=True)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1,), (7,), (33, 4), (40_000, 2)], ids=str)
def test_sparse_leaves_alone_what_has_no_gradient(backend: Backend, shape: tuple[int, ...]) -> None:
    ours, theirs = start(shape), start(shape)
    optimizer = Adam([{"params": [ours], "sparse": True}], backend)
    found = steps(optimizer, ours, gaps=True)
    expected = steps(Adam([{"params": [theirs], "sparse": True}], Backend()), theirs, gaps=True)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    before = found.clone(), optimizer.state[ours]["exp_avg"].clone()
    ours.grad = torch.zeros_like(ours)
    optimizer.step()
    assert torch.equal(ours.detach(), before[0])
    assert torch.equal(optimizer.state[ours]["exp_avg"], before[1])


def test_where_nothing_is_zero_sparse_is_dense(backend: Backend) -> None:
    one, two = start((500,)), start((500,))
    found = steps(Adam([{"params": [one], "sparse": True}], backend), one, gaps=False)
    assert torch.equal(found, steps(Adam([{"params": [two], "sparse": False}], backend), two, gaps=False))


def test_other_types_take_the_reference(backend: Backend) -> None:
    ours, theirs = (torch.nn.Parameter(torch.ones(5, dtype=torch.float64)) for _ in range(2))
    found = steps(Adam([{"params": [ours], "sparse": False}], backend), ours, gaps=False)
    expected = steps(torch.optim.Adam([theirs], betas=(0.9, 0.99), eps=1e-15), theirs, gaps=False)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
