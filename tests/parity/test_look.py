"""A backend that does a whole look in one go sees what the renderer's own steps see, and learns the same from it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from efields.backends import choose_backend
from efields.backends.reference import Backend
from efields.errors import InputError
from efields.fields.hash_grid import Config
from efields.geometry.boxes import Box
from efields.geometry.rays import Points, Rays
from efields.render.renderer import Renderer
from efields.samplers import SamplerConfig, occupancy
from tests.looks import renderer_over

BOX = Box((-1.0, -0.8, -1.0), (1.0, 1.2, 1.1))
SMALL = Config(levels=4, features=4, log2_size=10, finest_resolution=64, width=32, initial_opacity=0.6)


def instruction_sets() -> list[str]:
    """Those that the processor runs; one that says why there are none."""
    try:
        from efields.native import supported

        return supported()
    except Exception as missing:
        return [str(missing)]


@pytest.fixture(params=instruction_sets())
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("EFIELDS_ISA", request.param)
    try:
        choose_backend("native")
    except InputError as missing:
        pytest.skip(str(missing))
    return request.param


def renderer(backend: Backend, config: Config, channels: int, sampling: SamplerConfig) -> Renderer:
    """A field with structure (tables start nearly flat), a third of whose cells are off."""
    generator = torch.Generator().manual_seed(0)
    field = config.build(BOX, channels, generator)
    with torch.no_grad():
        field.table.mul_(3e3)
    made = renderer_over(field, BOX, sampling, backend)
    if isinstance(made.sampler, occupancy.OccupancySampler):
        occupied = made.sampler.grid.occupied
        occupied.copy_(torch.rand(len(occupied), generator=generator) > 0.3)
    return made


def rays(n: int, seed: int = 1) -> Rays:
    """Rays of which some start inside the box, most outside, and some miss it."""
    generator = torch.Generator().manual_seed(seed)
    direction = torch.nn.functional.normalize(torch.randn((n, 3), generator=generator), dim=1)
    distance = torch.rand((n, 1), generator=generator) * 4
    return Rays(0.7 * torch.randn((n, 3), generator=generator) - distance * direction, direction)


def outcome(made: Renderer, seen_from: Rays, jitter: torch.Tensor | None) -> tuple[dict[str, torch.Tensor], int]:
    """All outputs of a look, and the gradients of a random sum of them by every parameter and by the rays."""
    learned = Rays(seen_from.origin.clone().requires_grad_(), seen_from.direction.clone().requires_grad_())
    seen = made(learned, jitter)
    outputs = {"radiance": seen.radiance, "opacity": seen.opacity, "depth": seen.depth, "distortion": seen.distortion}
    generator = torch.Generator().manual_seed(3)
    total = sum(((torch.rand(v.shape, generator=generator) - 0.3) * v).sum() for v in outputs.values())
    assert isinstance(total, torch.Tensor)
    parameters = {**dict(made.named_parameters()), "origin": learned.origin, "direction": learned.direction}
    gradients = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    named = {
        f"d {k}": torch.zeros_like(p) if g is None else g
        for (k, p), g in zip(parameters.items(), gradients, strict=True)
    }
    return {**{k: v.detach() for k, v in outputs.items()}, **named}, seen.samples


DRAWS = (1, 4, 5)
"""Seeds of rays. A hidden unit next to zero switches either way in float32, here or in the reference, and its gradient
with it: it does so for some rays, where a wrong kernel is wrong for all."""


def check(config: Config = SMALL, channels: int = 1, n: int = 300, jitter: bool = True, **sampling: Any) -> None:
    """Outputs of every draw of rays, and the gradients of one."""
    settings = occupancy.Config(**{"samples": 48, "grid_resolution": 12, **sampling})
    for seed in DRAWS:
        wrong = wrong_gradients(config, channels, rays(n, seed), jitter, settings)
        if not wrong:
            return
    raise AssertionError(wrong)


def wrong_gradients(
    config: Config, channels: int, seen_from: Rays, jitter: bool, settings: SamplerConfig
) -> dict[str, tuple[float, float]]:
    """Distances and limits of the gradients that are too far from those in float64; asserts the same of the outputs."""
    bf16 = os.environ["EFIELDS_ISA"].endswith("bf16")
    n = len(seen_from.origin)
    shift = torch.rand(n, generator=torch.Generator().manual_seed(2)) if jitter else None
    native = renderer(choose_backend("native"), config, channels, settings)
    assert native._fused(rays(2), None, "train") is not None, "the look is not fused: this test would compare nothing"
    ours, taken = outcome(native, seen_from, shift)
    reference = renderer(Backend(), config, channels, settings)
    theirs, expected = outcome(reference, seen_from, shift)
    exact = Rays(seen_from.origin.double(), seen_from.direction.double())
    truth, _ = outcome(reference.double(), exact, None if shift is None else shift.double())
    # A sample that lies where transmittance crosses the limit may fall on either side of it.
    assert abs(taken - expected) <= (0.002 * expected + 1 if settings.early_stop else 0)
    wrong = {}
    for name, true in truth.items():
        assert bool(torch.isfinite(ours[name]).all()), name
        # bfloat16 keeps 8 bits.
        bf16_limit = 0.15 if name.startswith("d ") else 0.02
        limit = bf16_limit if bf16 else 4 * distance(theirs[name], true) + 2e-5
        found = distance(ours[name], true)
        if name.startswith("d ") and found >= limit:
            wrong[name] = (found, limit)
        else:
            assert found < limit, name
    return wrong


def distance(found: torch.Tensor, true: torch.Tensor) -> float:
    """Root of the sum of squares of the error, as a share of that of the truth."""
    return float(torch.linalg.vector_norm(found - true) / torch.linalg.vector_norm(true).clamp(min=1e-12))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("view_degree", [0, 1, 2, 4])
def test_views_and_colours(isa: str, channels: int, view_degree: int) -> None:
    check(dataclasses.replace(SMALL, view_degree=view_degree), channels)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 400])
def test_numbers_of_rays(isa: str, n: int) -> None:
    check(n=n)


@pytest.mark.parametrize(("width", "radiance_layers"), [(16, 1), (20, 0), (64, 2), (128, 3)])
def test_perceptrons(isa: str, width: int, radiance_layers: int) -> None:
    check(dataclasses.replace(SMALL, width=width, radiance_layers=radiance_layers))


@pytest.mark.parametrize(("levels", "features"), [(8, 1), (5, 2), (8, 4), (3, 8)])
def test_grids(isa: str, levels: int, features: int) -> None:
    check(dataclasses.replace(SMALL, levels=levels, features=features))


def test_ball_no_jitter_no_early_stop_and_finer_views(isa: str) -> None:
    check(dataclasses.replace(SMALL, initial_ball=0.7))
    check(jitter=False)
    check(early_stop=0.0)
    check(early_stop=0.3)
    made = [
        renderer(b, SMALL, 1, occupancy.Config(samples=48, grid_resolution=12)).eval()
        for b in (choose_backend("native"), Backend())
    ]
    with torch.no_grad():
        ours, theirs = (m(rays(100)) for m in made)
    bf16 = isa.endswith("bf16")
    torch.testing.assert_close(ours.radiance, theirs.radiance, atol=0.02 if bf16 else 1e-5, rtol=0)
    assert abs(ours.samples - theirs.samples) <= 0.005 * theirs.samples


def test_no_rays_and_rays_that_miss(isa: str) -> None:
    made = renderer(choose_backend("native"), SMALL, 3, occupancy.Config(samples=48, grid_resolution=12))
    away = Rays(torch.full((70, 3), 3.0), torch.nn.functional.normalize(torch.ones((70, 3)), dim=1))
    for none in (Rays(torch.zeros(0, 3), torch.zeros(0, 3)), away):
        seen = made(none)
        assert seen.samples == 0
        torch.testing.assert_close(seen.radiance, made.background.radiance.expand(len(none), 3))
        seen.radiance.sum().backward()
        assert made.field.table.grad is not None and float(made.field.table.grad.abs().sum()) == 0.0
        made.zero_grad()
        origin = none.origin.requires_grad_()
        (gradient,) = torch.autograd.grad(made(none).opacity.sum(), origin)
        assert gradient.shape == origin.shape and not gradient.any()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_same_every_time_at_a_number_of_threads(isa: str, threads: int) -> None:
    from efields import native

    made = renderer(choose_backend("native"), SMALL, 1, occupancy.Config(samples=48, grid_resolution=12))
    before = torch.get_num_threads()
    native.set_threads(threads)
    try:
        one, two = (outcome(made, rays(500), None)[0] for _ in range(2))
    finally:
        native.set_threads(before)
    assert all(torch.equal(one[k], two[k]) for k in one)


def test_densities_of_points(isa: str) -> None:
    native, reference = (renderer(b, SMALL, 1, occupancy.Config()) for b in (choose_backend("native"), Backend()))
    for n in (0, 1, 1023, 2500):
        points = torch.rand((n, 3), generator=torch.Generator().manual_seed(n)) * 1.8 - 0.8
        with torch.no_grad():
            ours, theirs = native.density(Points(points)), reference.density(Points(points))
        torch.testing.assert_close(ours, theirs, rtol=0.1 if isa.endswith("bf16") else 1e-4, atol=1e-5)


def test_rays_alone_parts_alone_and_both_learn_the_same(isa: str) -> None:
    made = renderer(
        choose_backend("native"), dataclasses.replace(SMALL, initial_ball=0.7), 3, occupancy.Config(samples=48)
    )
    gradients = {}
    for wanted in ("field", "rays", "both", "origin"):
        seen_from = rays(130)
        made.requires_grad_(wanted in ("field", "both"))
        seen_from.origin.requires_grad_(wanted != "field")
        seen_from.direction.requires_grad_(wanted in ("rays", "both"))
        of = {"table": made.field.table, "origin": seen_from.origin, "direction": seen_from.direction}
        made(seen_from).radiance.square().sum().backward()
        gradients[wanted] = {name: tensor.grad for name, tensor in of.items()}
        made.zero_grad()
    assert torch.equal(gradients["both"]["table"], gradients["field"]["table"])
    assert torch.equal(gradients["both"]["origin"], gradients["rays"]["origin"])
    assert torch.equal(gradients["both"]["origin"], gradients["origin"]["origin"])
    assert torch.equal(gradients["both"]["direction"], gradients["rays"]["direction"])
    assert float(gradients["both"]["direction"].abs().sum()) > 0
    wanting = {(name, of) for name, found in gradients.items() for of in found if found[of] is not None}
    both = {("both", of) for of in ("table", "origin", "direction")}
    assert wanting == both | {("field", "table"), ("rays", "origin"), ("rays", "direction"), ("origin", "origin")}


def test_a_look_is_differentiated_once_and_notices_changed_weights(isa: str) -> None:
    made = renderer(choose_backend("native"), SMALL, 1, occupancy.Config(samples=48, grid_resolution=12))
    total = made(rays(10)).radiance.sum()
    total.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="once"):
        total.backward()
    total = made(rays(10)).radiance.sum()
    with torch.no_grad():
        made.field.table.add_(1.0)
    with pytest.raises(RuntimeError, match="inplace"):
        total.backward()
    seen_from = rays(10)
    total = made(Rays(seen_from.origin.requires_grad_(), seen_from.direction)).radiance.square().sum()
    (gradient,) = torch.autograd.grad(total, seen_from.origin, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
