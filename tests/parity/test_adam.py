"""Every backend's Adam takes the steps of the reference, and the reference those of torch."""

from __future__ import annotations

import pytest
import torch

from efields.backends import backend_names, choose_backend
from efields.backends.adam import Adam
from efields.backends.reference import Backend
from efields.errors import InputError


@pytest.fixture(params=backend_names())
def backend(request: pytest.FixtureRequest) -> Backend:
    try:
        return choose_backend(request.param)
    except InputError as missing:
        pytest.skip(str(missing))


def steps(optimizer: Adam | torch.optim.Optimizer, parameter: torch.Tensor, gaps: bool) -> torch.Tensor:
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


def test_goes_on_from_its_state_and_from_torchs() -> None:
    one, two, three = (torch.nn.Parameter(torch.zeros(40)) for _ in range(3))
    first = Adam([{"params": [one], "factor": 2.0, "sparse": True}], Backend())
    theirs = torch.optim.Adam([three], betas=(0.9, 0.99), eps=1e-15)
    for parameter, optimizer in ((one, first), (three, theirs)):
        steps(optimizer, parameter, gaps=False)
    for before, saved in ((one, first.state_dict()), (three, theirs.state_dict())):
        optimizer = Adam([{"params": [two]}], Backend())
        optimizer.load_state_dict(saved)
        with torch.no_grad():
            two.copy_(before)
        found = steps(optimizer, two, gaps=False)
        expected = steps(first if before is one else theirs, before, gaps=False)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert first.state_dict()["param_groups"][0]["factor"] == 2.0


def test_state_of_other_parameters_is_refused() -> None:
    def made(*shapes: tuple[int, ...]) -> Adam:
        optimizer = Adam([{"params": [torch.nn.Parameter(torch.zeros(shape)) for shape in shapes]}], Backend())
        for parameter in optimizer.param_groups[0]["params"]:
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        return optimizer

    with pytest.raises(ValueError, match="groups of"):
        made((3,)).load_state_dict(made((3,), (2,)).state_dict())
    with pytest.raises(ValueError, match="moments of"):
        made((3,)).load_state_dict(made((4,)).state_dict())
