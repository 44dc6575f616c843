"""What every field promises, checked for each file of efields/fields."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from efields.backends.reference import Backend
from efields.config import kinds, resolve
from efields.geometry.boxes import Box
from efields.geometry.rays import Points
from tests.contracts.rules import broken_rules
from tests.looks import renderer_over

BOX = Box((-1.0, -0.5, 0.0), (1.0, 1.5, 3.0))
per_kind = pytest.mark.parametrize("kind", kinds("fields"))


def build(kind: str, channels: int = 1, seed: int = 0) -> Any:
    return resolve("fields", kind)().build(BOX, channels, torch.Generator().manual_seed(seed))


def points(n: int) -> Points:
    generator = torch.Generator().manual_seed(1)
    lo, hi = torch.tensor(BOX.lo), torch.tensor(BOX.hi)
    position = lo + (hi - lo) * torch.rand(n, 3, generator=generator)
    direction = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=1)
    return Points(position, direction, torch.rand(n, generator=generator))


@per_kind
def test_config(kind: str) -> None:
    assert broken_rules(resolve("fields", kind)) == []


@per_kind
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [0, 1, 100])
def test_values(kind: str, channels: int, n: int) -> None:
    field = build(kind, channels)
    assert field.channels == channels
    with torch.no_grad():
        density, radiance = field(points(n), Backend())
        alone = field.density(points(n), Backend())
    assert (density.shape, radiance.shape) == ((n,), (n, channels))
    assert density.dtype == radiance.dtype == torch.float32
    assert bool(torch.isfinite(density).all()) and bool(torch.isfinite(radiance).all())
    assert bool((density >= 0).all()) and bool((radiance >= 0).all())
    torch.testing.assert_close(alone, density)


@per_kind
def test_points_on_the_faces_of_the_box(kind: str) -> None:
    corners = torch.cartesian_prod(*(torch.tensor(pair) for pair in zip(BOX.lo, BOX.hi, strict=True)))
    with torch.no_grad():
        density, radiance = build(kind)(Points(corners, torch.tensor([[0.0, 0.0, 1.0]]).expand(8, 3)), Backend())
    assert bool(torch.isfinite(density).all()) and bool(torch.isfinite(radiance).all())


@per_kind
@pytest.mark.parametrize("n", [0, 100])
def test_gradients_are_finite_and_reach_every_parameter(kind: str, n: int) -> None:
    field = build(kind)
    named = dict(field.named_parameters())
    grouped = [id(p) for group in field.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in named.values() if p.requires_grad)
    density, radiance = field(points(n), Backend())
    total = density.sum() + radiance.square().sum()
    if not named:
        assert not total.requires_grad
        return
    total.backward()
    for name, parameter in named.items():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name
        assert n == 0 or float(parameter.grad.abs().sum()) > 0, name


@per_kind
def test_the_generator_makes_the_weights(kind: str) -> None:
    first, same = build(kind, seed=2).state_dict(), build(kind, seed=2).state_dict()
    assert all(torch.equal(first[name], same[name]) for name in first)


@per_kind
def test_state_comes_back(kind: str) -> None:
    one, other = build(kind, seed=1), build(kind, seed=2)
    other.load_state_dict(one.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(one(points(20), Backend()), other(points(20), Backend()), rtol=0, atol=0)


@per_kind
@pytest.mark.parametrize("sampling", ["occupancy", "stratified"])
def test_it_can_be_rendered_and_stepped(kind: str, sampling: Any) -> None:
    from tests.render.test_renderer import rays

    config = resolve("samplers", sampling)(samples=16)
    renderer = renderer_over(build(kind), BOX, config)
    seen = renderer(rays(20), torch.rand(20, generator=torch.Generator().manual_seed(0)))
    assert bool(torch.isfinite(seen.radiance.log()).all())
    for step in (1, 16):
        renderer.after_step(step, torch.Generator().manual_seed(0))
    assert bool(torch.isfinite(renderer(rays(20)).radiance).all())
