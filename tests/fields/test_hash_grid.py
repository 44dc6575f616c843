"""The hash-grid field before training, its derivatives, and what seeds it."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from efields.backends.reference import Backend
from efields.errors import InputError
from efields.fields.hash_grid import MINIMUM_RADIANCE, Config, HashGridField, truncated_exp
from efields.geometry.boxes import Box
from efields.geometry.rays import Points

BOX = Box((-1.0, -2.0, 0.0), (1.0, 2.0, 3.0))
SMALL = Config(levels=3, features=2, log2_size=9, finest_resolution=32, width=16)


def built(config: Config = SMALL, channels: int = 1, seed: int = 0) -> HashGridField:
    return config.build(BOX, channels, torch.Generator().manual_seed(seed))


def ask(field: HashGridField, position: torch.Tensor, direction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return field(Points(position, direction), Backend())


def points(n: int = 200, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    lo, hi = torch.tensor(BOX.lo), torch.tensor(BOX.hi)
    direction = torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=1)
    return lo + (hi - lo) * torch.rand(n, 3, generator=generator), direction


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_ranges(channels: int) -> None:
    with torch.no_grad():
        density, radiance = ask(built(channels=channels), *points())
    assert density.shape == (200,)
    assert radiance.shape == (200, channels)
    assert float(density.min()) > 0
    assert float(radiance.min()) >= MINIMUM_RADIANCE


@pytest.mark.parametrize("opacity", [0.1, 0.6])
def test_the_untrained_field_has_the_opacity_and_radiance_that_are_set(opacity: float) -> None:
    config = dataclasses.replace(SMALL, initial_opacity=opacity, initial_radiance=0.4, view_degree=0)
    density, radiance = ask(built(config), *points())
    edge = sum(BOX.size) / 3
    torch.testing.assert_close(1 - torch.exp(-density * edge), torch.full((200,), opacity), rtol=0.02, atol=0)
    torch.testing.assert_close(radiance, torch.full((200, 1), 0.4 + MINIMUM_RADIANCE), rtol=0.02, atol=0)


def test_density_is_that_of_forward_and_does_not_depend_on_the_direction() -> None:
    field, (position, direction) = built(), points()
    with torch.no_grad():
        field.table.mul_(1e4)
    torch.testing.assert_close(field.density(Points(position), Backend()), ask(field, position, direction)[0])
    torch.testing.assert_close(ask(field, position, direction)[0], ask(field, position, -direction)[0])
    assert not torch.allclose(ask(field, position, direction)[1], ask(field, position, -direction)[1])


def test_without_view_bands_it_looks_the_same_from_everywhere() -> None:
    field, (position, direction) = built(dataclasses.replace(SMALL, view_degree=0)), points()
    torch.testing.assert_close(ask(field, position, direction)[1], ask(field, position, -direction)[1], rtol=0, atol=0)


def test_a_seed_makes_the_field() -> None:
    first, same, other = (built(seed=seed) for seed in (3, 3, 4))
    for a, b, c in zip(first.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_gradients_reach_every_parameter_and_equal_finite_differences() -> None:
    field = built().double()
    with torch.no_grad():
        field.table.mul_(1e3)
    position, direction = (x.double() for x in points(40))
    density, radiance = ask(field, position, direction)
    (density.sum() + radiance.sum()).backward()
    named = dict(field.named_parameters())
    assert sorted(p for group in field.parameter_groups() for p in map(id, group.parameters)) == sorted(
        id(p) for p in named.values()
    )
    for name, parameter in named.items():
        assert parameter.grad is not None, name
        place = int(parameter.grad.abs().argmax())
        assert float(parameter.grad.flatten()[place]) != 0, name
        sums = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                parameter.view(-1)[place] += step
                sums.append(sum(float(part.sum()) for part in ask(field, position, direction)))
                parameter.view(-1)[place] -= step
        assert float(parameter.grad.flatten()[place]) == pytest.approx((sums[0] - sums[1]) / 2e-6, rel=1e-4), name


def test_a_ball_in_the_middle_starts_denser() -> None:
    field = built(dataclasses.replace(SMALL, initial_ball=0.5))
    middle = torch.tensor([BOX.center])
    edge = torch.tensor([BOX.lo]) + 1e-3
    with torch.no_grad():
        assert float(field.density(Points(middle), Backend())) > 10 * float(field.density(Points(edge), Backend()))


def test_truncated_exp() -> None:
    raw = torch.tensor([-3.0, 0.0, 14.0, 15.0, 40.0], dtype=torch.float64, requires_grad=True)
    value = truncated_exp(raw)
    value.sum().backward()
    expected = torch.tensor([math.exp(min(x, 15.0)) for x in raw.tolist()], dtype=torch.float64)
    torch.testing.assert_close(value.detach(), expected)
    torch.testing.assert_close(raw.grad, expected)


@pytest.mark.parametrize(
    "wrong",
    [{"levels": 0}, {"view_degree": 5}, {"width": 0}, {"initial_opacity": 1.0}, {"initial_radiance": 0.0}],
    ids=lambda d: str(next(iter(d))),
)
def test_settings_that_make_no_field(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"^{next(iter(wrong))} = .*; give "):
        dataclasses.replace(SMALL, **wrong)


def test_a_table_larger_than_memory_is_refused_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("efields.fields.hash_grid.memory_here", lambda: 16 << 30)
    said = "^the hash table would take 17.2 GB, and three times as much again to train; lower log2_size"
    with pytest.raises(InputError, match=said):
        dataclasses.replace(SMALL, levels=1, features=16, log2_size=28, base_resolution=2048, finest_resolution=2048)
