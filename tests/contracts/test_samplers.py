"""What every sampler promises, checked for each file of efields/samplers."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch

from efields.backends.parts import Marching
from efields.backends.reference import Backend
from efields.config import kinds, resolve
from efields.geometry.boxes import Box
from efields.geometry.rays import Points, Rays
from efields.geometry.samples import Samples
from efields.samplers import Quality
from tests.contracts.rules import broken_rules

BOX = Box((-1.0, -0.5, 0.0), (1.0, 1.5, 3.0))
CROP = Box((-0.5, 0.0, 1.0), (1.0, 1.0, 2.5))
QUALITIES = get_args(Quality)
per_kind = pytest.mark.parametrize("kind", kinds("samplers"))
per_quality = pytest.mark.parametrize("quality", QUALITIES)


def build(kind: str) -> Any:
    return resolve("samplers", kind)().build(BOX, torch.Generator().manual_seed(0))


def rays(n: int = 40) -> Rays:
    """Rays of many directions, most of which hit the box, some from inside of it."""
    generator = torch.Generator().manual_seed(1)
    origin = torch.randn(n, 3, generator=generator) * 2
    aim = torch.tensor([0.0, 0.5, 1.5]) + torch.randn(n, 3, generator=generator)
    return Rays(origin, torch.nn.functional.normalize(aim - origin, dim=1))


def jitter(n: int = 40) -> torch.Tensor:
    return torch.rand(n, generator=torch.Generator().manual_seed(2))


def thin(points: Points) -> torch.Tensor:
    """A fog through which light passes."""
    return torch.full((len(points),), 1e-3)


def placed(sampler: Any, shift: torch.Tensor | None, quality: Quality = "train", crop: Box | None = None) -> Samples:
    return sampler(rays(), shift, thin, Backend(), quality=quality, crop=crop).samples


def check(samples: Samples, box: Box, n: int = 40) -> None:
    """Spans are sorted, apart, inside of the box; those that are not used have no width."""
    start, end, used = samples.t_start, samples.t_end, samples.used
    assert start.shape == end.shape == (n, start.shape[1]) and start.shape[1] >= 1
    assert bool((end >= start).all()) and bool((samples.width[~used] == 0).all())
    near, far = box.intersect(rays(n))
    for row in range(n):
        a, b = start[row][used[row]], end[row][used[row]]
        assert bool((a[1:] >= b[:-1] - 1e-6).all())
        assert not len(a) or (float(a[0]) >= float(near[row]) - 1e-5 and float(b[-1]) <= float(far[row]) + 1e-5)
    at = rays(n).points(used.nonzero()[:, 0], samples.middle[used]).position
    assert bool((at >= torch.tensor(box.lo) - 1e-5).all()) and bool((at <= torch.tensor(box.hi) + 1e-5).all())


@per_kind
def test_config(kind: str) -> None:
    assert broken_rules(resolve("samplers", kind)) == []


@per_kind
@per_quality
@pytest.mark.parametrize("shift", [None, jitter()], ids=["fixed", "jittered"])
def test_spans_lie_in_the_box_in_order(kind: str, quality: Quality, shift: torch.Tensor | None) -> None:
    found = placed(build(kind), shift, quality)
    check(found, BOX)
    near, far = BOX.intersect(rays())
    hit = far > near
    assert bool(hit.any()) and bool((~hit).any())
    # A fresh sampler knows of no empty place: it fills the box.
    torch.testing.assert_close(found.width.sum(dim=1)[hit], (far - near)[hit], rtol=1e-4, atol=1e-4)
    assert not bool(found.used[~hit].any())


@per_kind
@per_quality
def test_a_crop_cuts_spans_at_its_faces(kind: str, quality: Quality) -> None:
    found = placed(build(kind), jitter(), quality, CROP)
    check(found, CROP)
    near, far = CROP.intersect(rays())
    through = (far - near).clamp(min=0)
    assert bool((through > 0).any())
    torch.testing.assert_close(found.width.sum(dim=1), through, rtol=1e-4, atol=1e-4)


@per_kind
def test_jitter_shifts_spans_of_its_own_ray_alone(kind: str) -> None:
    sampler, shift = build(kind), jitter()
    other = shift.clone()
    other[:5] = 1 - other[:5]
    one, two = placed(sampler, shift), placed(sampler, other)
    near, far = BOX.intersect(rays())

    def middles(samples: Samples, row: int) -> torch.Tensor:
        return samples.middle[row][samples.used[row]]

    for row in range(40):
        first, second = middles(one, row), middles(two, row)
        same = len(first) == len(second) and bool((first == second).all())
        assert same == (row >= 5 or float(far[row]) <= float(near[row]))
    again = placed(sampler, shift)
    assert torch.equal(again.t_start, one.t_start) and torch.equal(again.t_end, one.t_end)


@per_kind
def test_no_rays(kind: str) -> None:
    nothing = Rays(torch.zeros(0, 3), torch.zeros(0, 3))
    assert len(build(kind)(nothing, None, thin, Backend(), quality="train").samples.t_start) == 0


@per_kind
def test_better_pictures_take_no_longer_spans(kind: str) -> None:
    sampler = build(kind)
    assert 0 < sampler.span("final") <= sampler.span("train") <= sampler.span("draft") < BOX.diagonal
    for quality in QUALITIES:
        assert float(placed(sampler, None, quality).width.max()) <= sampler.span(quality) * 1.001


@per_kind
@per_quality
def test_a_fused_look_marches_by_the_same_spans_or_is_left_out(kind: str, quality: Quality) -> None:
    sampler = build(kind)
    marching = sampler.marching(quality)
    assert marching is None or (isinstance(marching, Marching) and marching.step == sampler.span(quality))


@per_kind
def test_it_holds_what_it_reaches(kind: str) -> None:
    sampler, generator = build(kind), torch.Generator().manual_seed(0)
    share = torch.rand(500, 3, generator=generator)
    position = torch.tensor(BOX.lo) + share * (torch.tensor(BOX.hi) - torch.tensor(BOX.lo))
    assert sampler.reach() == BOX and bool(sampler.holds(position).all())

    def corner(at: torch.Tensor) -> torch.Tensor:
        return 50.0 * (at < 0.5 * (torch.tensor(BOX.lo) + torch.tensor(BOX.hi))).all(dim=1)

    for step in range(1, 129):
        sampler.after_step(step, corner, generator)
    held, reach = sampler.holds(position), sampler.reach()
    assert bool(held[corner(position) > 0].all())
    lo, hi = torch.tensor(reach.lo), torch.tensor(reach.hi)
    assert not bool((held & ~((position >= lo - 1e-5) & (position <= hi + 1e-5)).all(dim=1)).any())


@per_kind
def test_what_it_remembers_follows_the_generator_and_comes_back(kind: str) -> None:
    def looked(seed: int) -> Any:
        sampler, generator = build(kind), torch.Generator().manual_seed(seed)
        for step in range(1, 150):
            sampler.after_step(step, lambda at: at.norm(dim=1), generator)
        return sampler

    one, same = looked(3).state_dict(), looked(3).state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    fresh = build(kind)
    fresh.load_state_dict(one)
    ours, theirs = placed(fresh, jitter()), placed(looked(3), jitter())
    assert torch.equal(ours.t_start, theirs.t_start)


@per_kind
def test_groups_hold_each_parameter_once(kind: str) -> None:
    sampler = build(kind)
    grouped = [id(p) for group in sampler.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in sampler.parameters() if p.requires_grad)
    for proposal in sampler(rays(), jitter(), thin, Backend(), quality="train").proposals:
        assert proposal.weights.shape == proposal.samples.t_start.shape
