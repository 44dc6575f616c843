"""Rendering against closed forms: convergence, misses, depth, whole images."""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from efields.backends.reference import Backend
from efields.errors import InputError
from efields.fields.analytic import AnalyticField, Ball, Config
from efields.fields.hash_grid import Config as HashGridConfig
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.paths import look_at
from efields.geometry.rays import Points, Rays
from efields.render.image import render_view
from efields.render.renderer import Renderer
from efields.samplers import occupancy, stratified
from tests.looks import renderer_over

BOX = Box((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
FIELD = AnalyticField(
    Config((Ball((0.1, 0.0, 0.0), 0.5, 4.0, (0.3, 0.6)), Ball((0.0, 0.7, 0.0), 0.2, 9.0, (0.9, 0.2)))), 2
)
CAMERA = Camera(20, 16, 24.0, 24.0, 9.5, 7.5)
POSE = look_at(np.array([2.5, 0.4, 0.8]), np.zeros(3))


def renderer(field: torch.nn.Module = FIELD, kind: str = "stratified", **sampling: Any) -> Renderer:
    config = {"stratified": stratified.Config, "occupancy": partial(occupancy.Config, grid_resolution=16)}[kind]
    return renderer_over(field, BOX, config(**{"samples": 64, **sampling}))  # type: ignore[arg-type]


def grid_of(camera: Renderer) -> occupancy.OccupancyGrid:
    assert isinstance(camera.sampler, occupancy.OccupancySampler)
    return camera.sampler.grid


def density(position: torch.Tensor) -> torch.Tensor:
    return FIELD.density(Points(position), Backend())


def rays(n: int = 400, seed: int = 0) -> Rays:
    generator = torch.Generator().manual_seed(seed)
    origin = 3 * torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=1)
    target = 1.4 * (torch.rand(n, 3, generator=generator) - 0.5)
    return Rays(origin, torch.nn.functional.normalize(target - origin, dim=1))


@torch.no_grad()
def errors(samples: int, jitters: int = 1, **sampling: Any) -> tuple[float, float]:
    """Root mean square error of single looks at `FIELD`, and of the mean of looks over evenly spread jitters."""
    camera, seen = renderer(samples=samples, **sampling), rays()
    truth, _ = FIELD.exact(seen, camera.background.radiance)
    looks = [camera(seen, torch.full((400,), (j + 0.5) / jitters)).radiance for j in range(jitters)]
    single = torch.stack([(look - truth).square().mean() for look in looks]).mean().sqrt()
    return float(single), float((torch.stack(looks).mean(0) - truth).square().mean().sqrt())


def test_stratified_rendering_converges_to_the_closed_form() -> None:
    # A ball's two surfaces are each found to within a span, so the error of one look falls as 1 / samples,
    # and averaging over the jitter removes its first order.
    found = [errors(samples, jitters=8) for samples in (32, 128, 512)]
    for (coarse, coarse_mean), (fine, fine_mean) in itertools.pairwise(found):
        assert 3.0 < coarse / fine < 5.5
        assert coarse_mean < 0.5 * coarse
        assert coarse_mean / fine_mean > 3.0
    assert found[-1][0] < 2e-3


def test_marching_converges_as_well() -> None:
    coarse, fine = (errors(samples, kind="occupancy", early_stop=0.0)[0] for samples in (64, 512))
    assert 5.0 < coarse / fine < 12.0
    assert fine < 3e-3


@torch.no_grad()
def test_skipping_empty_cells_changes_nothing() -> None:
    dense = renderer(kind="occupancy", early_stop=0.0, samples=200)
    sparse = renderer(kind="occupancy", early_stop=0.0, samples=200)
    for _ in range(6):
        grid_of(sparse).update(density, torch.Generator().manual_seed(0))
    grid_of(sparse).occupied.logical_or_(_touched(grid_of(sparse).resolution))
    all_on, skipping = dense(rays()), sparse(rays())
    torch.testing.assert_close(skipping.radiance, all_on.radiance)
    torch.testing.assert_close(skipping.depth, all_on.depth, atol=1e-4, rtol=0)
    assert skipping.samples < 0.6 * all_on.samples


def _touched(resolution: int) -> torch.Tensor:
    """Cells that a ball of `FIELD` may touch."""
    side = (torch.arange(resolution) + 0.5) / resolution * 2 - 1
    distance = torch.cdist(torch.cartesian_prod(side, side, side), FIELD.center)
    return (distance < FIELD.radius + 3**0.5 / resolution).any(dim=1)


@torch.no_grad()
def test_early_stop_leaves_out_only_what_cannot_be_seen() -> None:
    opaque = AnalyticField(Config((Ball((0.0, 0.0, 0.0), 0.6, 60.0, (0.4, 0.2)),)), 2)
    whole = renderer(opaque, kind="occupancy", early_stop=0.0, samples=200)(rays())
    stopped = renderer(opaque, kind="occupancy", early_stop=1e-3, samples=200)(rays())
    torch.testing.assert_close(stopped.radiance, whole.radiance, atol=2e-3, rtol=0)
    assert stopped.samples < 0.8 * whole.samples


def test_rays_that_miss_see_the_background() -> None:
    away = Rays(torch.tensor([[3.0, 0.0, 0.0]] * 2), torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    for kind in ("stratified", "occupancy"):
        camera = renderer(HashGridConfig(levels=2, log2_size=8).build(BOX, 3, torch.Generator()), kind=kind)
        with torch.no_grad():
            camera.background.raw.copy_(torch.tensor([0.1, 0.5, 2.0]))
        seen = camera(away)
        torch.testing.assert_close(seen.radiance, camera.background.radiance.expand(2, 3))
        assert seen.opacity.tolist() == seen.depth.tolist() == [0.0, 0.0]
        seen.radiance.log().sum().backward()
        assert camera.background.raw.grad is not None and bool((camera.background.raw.grad > 0).all())


def test_unused_spans_have_no_width() -> None:
    camera = renderer(kind="occupancy")
    grid_of(camera).update(density, torch.Generator().manual_seed(0))
    spans = camera.sampler(rays(), None, camera.density, camera.backend, quality="final").samples
    assert 0 < int(spans.used.sum()) < spans.used.numel()
    assert float(spans.width[~spans.used].abs().sum()) == 0.0
    assert bool((spans.width >= 0).all())


def test_the_field_is_asked_only_where_spans_have_a_width() -> None:
    asked: list[int] = []

    class Counting(AnalyticField):
        def forward(self, points: Points, backend: Backend) -> tuple[torch.Tensor, torch.Tensor]:
            asked.append(len(points))
            torch.testing.assert_close(points.view.norm(dim=1), torch.ones(len(points)))
            return super().forward(points, backend)

    camera = renderer(Counting(FIELD.config, 2), kind="occupancy")
    grid_of(camera).update(density, torch.Generator().manual_seed(0))
    seen = camera(rays())
    assert asked == [seen.samples]
    camera(Rays(torch.zeros(0, 3), torch.zeros(0, 3)))
    assert asked[1] == 0


@torch.no_grad()
def test_depth_is_the_distance_along_the_unit_ray() -> None:
    hard = AnalyticField(Config((Ball((0.0, 0.0, 0.0), 0.5, 1e3, (0.5,)),)), 1)
    straight = Rays(torch.tensor([[0.0, 0.0, -3.0]]), torch.tensor([[0.0, 0.0, 1.0]]))
    aside = torch.nn.functional.normalize(torch.tensor([[0.1, 0.0, 1.0]]), dim=1)
    camera = renderer(hard, samples=2000)
    assert float(camera(straight).depth) == pytest.approx(2.5, abs=2e-3)
    along = 3 * float(aside[0, 2])
    expected = along - math.sqrt(along**2 - 9 + 0.25)
    assert float(camera(Rays(straight.origin, aside)).depth) == pytest.approx(expected, abs=4e-3)


def test_gradients_reach_field_and_background_through_the_image() -> None:
    field = HashGridConfig(levels=2, log2_size=8, initial_opacity=0.6).build(BOX, 1, torch.Generator().manual_seed(0))
    camera = renderer(field, kind="occupancy", samples=40)
    camera(rays(64), torch.rand(64)).radiance.log().square().sum().backward()
    for name, parameter in camera.named_parameters():
        assert parameter.grad is not None and bool(torch.isfinite(parameter.grad).all()), name
        assert float(parameter.grad.abs().sum()) > 0, name


def test_an_even_background_and_a_field_of_its_colour_cannot_be_told_apart() -> None:
    camera = renderer()
    level = float(camera.background.radiance[0].detach())
    camera.field = AnalyticField(Config((Ball(radius=0.7, radiance=(level,)),)), 2)  # type: ignore[assignment]
    torch.testing.assert_close(camera(rays()).radiance, torch.full((400, 2), level))


# ---- whole images


def test_images_in_chunks_equal_images_at_once() -> None:
    camera = renderer(kind="occupancy")
    whole, parts = (render_view(camera, CAMERA, POSE, chunk=chunk) for chunk in (10_000, 37))
    for name, shape in (("radiance", (16, 20, 2)), ("opacity", (16, 20)), ("depth", (16, 20))):
        one, other = getattr(whole, name), getattr(parts, name)
        assert one.shape == shape and one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert np.isinf(whole.depth[whole.opacity < 0.5]).all()
    assert np.isfinite(whole.depth[whole.opacity >= 0.5]).all()
    assert 0 < np.isfinite(whole.depth).sum() < whole.depth.size


def test_a_point_appears_where_the_camera_projects_it() -> None:
    dot = AnalyticField(Config((Ball((0.3, -0.4, 0.2), 0.06, 1e3, (0.01,)),)), 1)
    for camera in (
        Camera(48, 36, 50.0, 52.0, 22.0, 19.0),
        Camera(48, 36, 50.0, 52.0, 22.0, 19.0, "plumb_bob", (-0.3, 0.1, 0.01, -0.02, 0.0)),
        Camera(48, 36, 50.0, 52.0, 22.0, 19.0, "equidistant", (0.1, -0.05, 0.0, 0.0)),
    ):
        view = render_view(renderer(dot, samples=400), camera, POSE)
        y, x = np.nonzero(view.opacity > 0.5)
        assert len(x) >= 3
        local = POSE[:3, :3].T @ (np.array([0.3, -0.4, 0.2]) - POSE[:3, 3])
        np.testing.assert_allclose([x.mean(), y.mean()], camera.project(local[None])[0], atol=0.6)


def test_the_image_of_a_distorted_camera_differs() -> None:
    bent = Camera(20, 16, 24.0, 24.0, 9.5, 7.5, "plumb_bob", (-0.4, 0.1, 0.0, 0.0, 0.0))
    straight, distorted = (render_view(renderer(), camera, POSE).opacity for camera in (CAMERA, bent))
    assert np.abs(straight - distorted).max() > 0.1


@pytest.mark.parametrize(
    "wrong", [{"samples": 0}, {"update_every": 0}, {"least_alpha": 1.0}, {"early_stop": -0.1}], ids=str
)
def test_sampling_that_makes_no_samples(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"^{next(iter(wrong))} = .*; give "):
        occupancy.Config(**wrong)  # type: ignore[arg-type]


def test_occupancy_looks_at_the_field_on_its_turns() -> None:
    camera = renderer(kind="occupancy", update_every=4, warmup_steps=8)
    grid, generator = grid_of(camera), torch.Generator().manual_seed(0)
    seen = []
    for step in range(1, 13):
        grid.density.fill_(-1.0)
        camera.after_step(step, generator)
        seen.append(float((grid.density >= 0).float().mean()))
    assert [step for step, share in enumerate(seen, 1) if share > 0] == [4, 8, 12]
    assert seen[3] == seen[7] == 1.0
    assert 0.15 < seen[11] < 0.26
    renderer().after_step(4, generator)


def test_a_loss_that_looks_at_every_sample_leaves_the_fused_look_and_says_so() -> None:
    class WithKernels(Backend):
        name = "kernels"

        def instruction_set(self) -> str:
            return "sse2"

    field = HashGridConfig(levels=2, log2_size=8).build(BOX, 1, torch.Generator())
    camera = renderer_over(field, BOX, occupancy.Config(samples=16, grid_resolution=4), WithKernels())
    assert camera(rays(8)).spans is None and camera.backend.fell_back == {}
    spans = camera(rays(8), with_spans=True).spans
    assert spans is not None and spans.weights.shape == spans.samples.width.shape
    assert list(camera.backend.fell_back) == ["the fused look"]
