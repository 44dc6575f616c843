"""What every background promises, checked for each file of efields/backgrounds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from efields.backgrounds import LEAST_RADIANCE
from efields.config import kinds, resolve
from tests.contracts.rules import broken_rules

per_kind = pytest.mark.parametrize("kind", kinds("backgrounds"))
per_channels = pytest.mark.parametrize("channels", [1, 3])


def build(kind: str, channels: int = 1, seed: int = 0) -> Any:
    return resolve("backgrounds", kind)().build(channels, torch.Generator().manual_seed(seed))


def directions(n: int = 50) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=1)


def stirred(background: Any) -> Any:
    """The background with other numbers in it, as after some steps."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in background.parameters():
            parameter.add_(3 * torch.randn(parameter.shape, generator=generator))
    return background


@per_kind
def test_config(kind: str) -> None:
    assert broken_rules(resolve("backgrounds", kind)) == []


@per_kind
@per_channels
@pytest.mark.parametrize("n", [0, 1, 50])
def test_values_have_a_logarithm(kind: str, channels: int, n: int) -> None:
    for background in (build(kind, channels), stirred(build(kind, channels))):
        with torch.no_grad():
            radiance = background(directions(n))
        assert radiance.shape == (n, channels) and radiance.dtype == torch.float32
        assert bool(torch.isfinite(radiance).all()) and bool((radiance >= LEAST_RADIANCE).all())


@per_kind
@per_channels
def test_gradients_are_finite_and_reach_every_parameter(kind: str, channels: int) -> None:
    background = build(kind, channels)
    named = dict(background.named_parameters())
    grouped = [id(p) for group in background.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in named.values() if p.requires_grad)
    total = (background(directions()) * torch.rand(50, channels, generator=torch.Generator().manual_seed(2))).sum()
    if not named:
        assert not total.requires_grad
        return
    total.backward()
    for name, parameter in named.items():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()) and bool((parameter.grad != 0).all()), name


@per_kind
def test_it_says_whether_it_differs_by_direction(kind: str) -> None:
    with torch.no_grad():
        radiance = stirred(build(kind, 3))(directions())
    spread = float((radiance.max(dim=0).values - radiance.min(dim=0).values).max())
    assert build(kind).by_direction == (spread > 1e-4)


@per_kind
def test_the_generator_makes_the_numbers_and_state_comes_back(kind: str) -> None:
    first, same = build(kind, seed=2).state_dict(), build(kind, seed=2).state_dict()
    assert all(torch.equal(first[name], same[name]) for name in first)
    one, other = stirred(build(kind)), build(kind, seed=1)
    other.load_state_dict(one.state_dict())
    with torch.no_grad():
        assert torch.equal(one(directions()), other(directions()))
