"""Where rays are sampled: spans cover the box once, jitter shifts them, unused ones have no width."""

from __future__ import annotations

import pytest
import torch

from efields.geometry.boxes import Box
from efields.geometry.rays import Rays
from efields.geometry.samples import Samples, compacted, marched, stratified

BOX = Box((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))


def rays(n: int = 50, seed: int = 0) -> Rays:
    """Rays from outside towards points of the box; the last one misses it, the one before starts inside."""
    generator = torch.Generator().manual_seed(seed)
    origin = 3 * torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=1)
    target = torch.rand(n, 3, generator=generator) - 0.5
    direction = torch.nn.functional.normalize(target - origin, dim=1)
    origin[-2] = 0.0
    direction[-1] = -direction[-1]
    return Rays(origin, direction)


@pytest.mark.parametrize("jitter", [None, 0.0, 0.3, 0.999])
@pytest.mark.parametrize("way", ["stratified", "marched"])
def test_spans_cover_the_box_once(way: str, jitter: float | None) -> None:
    seen = rays()
    shift = None if jitter is None else torch.full((50,), jitter)
    samples = stratified(seen, BOX, 20, shift) if way == "stratified" else marched(seen, BOX, 0.17, shift)
    near, far = BOX.intersect(seen)
    torch.testing.assert_close(samples.t_start[:, 1:], samples.t_end[:, :-1])
    assert float(samples.width.min()) >= 0
    torch.testing.assert_close(samples.t_start[:, 0], near)
    torch.testing.assert_close(samples.width.sum(1), (far - near).clamp(min=0), atol=1e-5, rtol=0)
    assert not bool(samples.used[-1].any())
    assert float(samples.t_start[-2, 0]) == 0.0
    used = samples.used
    assert bool((samples.middle[used] >= near[:, None].expand_as(used)[used]).all())


def test_spans_between_the_ends_have_one_length_and_follow_the_jitter() -> None:
    seen = rays()
    near, far = BOX.intersect(seen)
    jitter = torch.rand(50, generator=torch.Generator().manual_seed(3))
    samples = stratified(seen, BOX, 10, jitter)
    step = ((far - near) / 10)[:-1]
    torch.testing.assert_close(samples.t_end[:-1, 0] - near[:-1], (1 - jitter[:-1]) * step, atol=1e-5, rtol=0)
    inner = samples.width[:-1, 1:10]
    torch.testing.assert_close(inner, step[:, None].expand_as(inner), atol=1e-5, rtol=0)
    marching = marched(seen, BOX, 0.17, jitter)
    torch.testing.assert_close(marching.t_end[:-1, 0] - near[:-1], (1 - jitter[:-1]) * 0.17, atol=1e-5, rtol=0)
    full = marching.width[:-1, 1:5]
    torch.testing.assert_close(full, torch.full_like(full, 0.17), atol=1e-5, rtol=0)


def test_jitter_reaches_every_depth_alike() -> None:
    jitter = (torch.arange(1000) + 0.5) / 1000
    ray = Rays(torch.tensor([[-3.0, 0.0, 0.0]]).expand(1000, 3), torch.tensor([[1.0, 0.0, 0.0]]).expand(1000, 3))
    samples = stratified(ray, BOX, 8, jitter)
    # Averaged over jitter, the sum of width * f(middle) is the integral of f: exactly so for a straight line.
    integral = (samples.width * (samples.middle - 2.0)).sum(1).mean()
    assert float(integral) == pytest.approx(2.0, abs=1e-3)


def test_no_rays() -> None:
    none = Rays(torch.zeros(0, 3), torch.zeros(0, 3))
    assert stratified(none, BOX, 5, None).width.shape[0] == 0
    assert marched(none, BOX, 0.1, torch.zeros(0)).width.shape[0] == 0


def test_compacted_keeps_the_chosen_spans_in_order() -> None:
    generator = torch.Generator().manual_seed(0)
    edges = torch.rand(6, 9, generator=generator).sort(dim=1).values
    samples = Samples(edges[:, :-1], edges[:, 1:])
    keep = torch.rand(6, 8, generator=generator) > 0.5
    keep[2] = False
    small = compacted(samples, keep)
    assert small.width.shape[1] == int(keep.sum(1).max())
    for ray in range(6):
        used = small.used[ray]
        assert torch.equal(small.t_start[ray][used], samples.t_start[ray][keep[ray]])
        assert torch.equal(small.t_end[ray][used], samples.t_end[ray][keep[ray]])
        assert float(small.width[ray][~used].sum()) == 0.0
    assert compacted(samples, torch.zeros(6, 8, dtype=torch.bool)).width.tolist() == [[0.0]] * 6
