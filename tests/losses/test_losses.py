"""Each loss against its closed form, and its gradient against finite differences."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from efields.geometry.samples import Samples
from efields.losses import distortion, event_interval, event_window, photometric, silent
from tests.losses.supervise import C_MEAN, C_NEG, C_POS, frames, intervals, predicting, seen, supervised, weighed


def huber(residual: float, delta: float) -> float:
    size = abs(residual)
    return 0.5 * size**2 if size <= delta else delta * (size - 0.5 * delta)


# ---- event_interval


@pytest.mark.parametrize("delta", [1.0, 0.3])
def test_event_interval_is_hubers_penalty_in_mean_thresholds(delta: float) -> None:
    predicted, observed = [0.35, -0.2, 1.5, 0.0], [0.3, -0.2, 0.3, -0.2]
    expected = sum(huber((p - o) / C_MEAN, delta) for p, o in zip(predicted, observed, strict=True)) / 4
    assert float(event_interval.Config(huber=delta)(intervals(predicted, observed))) == pytest.approx(
        expected, rel=1e-5
    )


def test_event_interval_does_not_depend_on_the_unit_of_contrast() -> None:
    once = intervals([0.1, -0.4], [C_POS, -C_NEG])
    found = once.intervals
    doubled = dataclasses.replace(
        found,
        log_start=2 * found.log_start,
        log_end=2 * found.log_end,
        observed=2 * found.observed,
        c_pos=2 * found.c_pos,
        c_neg=2 * found.c_neg,
    )
    loss = event_interval.Config()
    assert float(loss(dataclasses.replace(once, compared={"events": doubled}))) == pytest.approx(
        float(loss(once)), rel=1e-6
    )


# ---- event_window


def test_event_window_averages_active_and_silent_pixels_apart() -> None:
    predicted, observed, events = [0.1, 0.5, 0.05, 0.1, 0.2], [0.3, 0.3, 0.0, 0.0, 0.0], [1, 3, 0, 0, 0]
    penalty = [huber((p - o) / C_MEAN, 1.0) for p, o in zip(predicted, observed, strict=True)]
    expected = 0.7 * sum(penalty[:2]) / 2 + 0.3 * sum(penalty[2:]) / 3
    loss = event_window.Config()
    assert float(loss(intervals(predicted, observed, events))) == pytest.approx(expected, rel=1e-5)
    # More silent pixels alike do not change the balance.
    more = intervals(predicted + [0.05, 0.1, 0.2] * 5, observed + [0.0] * 15, events + [0] * 15)
    assert float(loss(more)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("events", "share"), [([1, 2], 0.6), ([0, 0], 0.4)])
def test_event_window_with_one_sort_of_pixels_only(events: list[int], share: float) -> None:
    found = event_window.Config(active_share=0.6)(intervals([0.1, 0.0], [0.0, 0.0], events))
    assert float(found) == pytest.approx(share * huber(0.1 / C_MEAN, 1.0) / 2, rel=1e-5)


# ---- silent


@pytest.mark.parametrize(
    ("change", "at_event", "excess"),
    [
        (0.29, True, 0.0),
        (0.35, True, 0.35 - C_POS),
        (-0.19, True, 0.0),
        (-0.25, True, 0.25 - C_NEG),
        (0.35, False, 0.0),
        (-0.45, False, 0.0),
        (0.6, False, 0.6 - C_POS - C_NEG),
        (-0.6, False, 0.6 - C_POS - C_NEG),
    ],
)
def test_silent_bound_is_asymmetric_only_from_an_event_on(change: float, at_event: bool, excess: float) -> None:
    found = silent.Config()(intervals([change], [0.0], [0], starts=at_event))
    assert float(found) == pytest.approx((excess / C_MEAN) ** 2, abs=1e-6)


def test_silent_is_a_mean_over_both_sorts() -> None:
    found = silent.Config()(intervals([0.5, 0.5, 0.0], [0.0] * 3, [0] * 3, starts=[True, False, True]))
    assert float(found) == pytest.approx(((0.5 - C_POS) / C_MEAN) ** 2 / 3, rel=1e-5)


# ---- photometric


def test_photometric_is_the_mean_square() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, observed = (torch.rand(5, 3, generator=generator) for _ in range(2))
    found = photometric.Config()(frames(predicted, observed))
    expected = sum((p - o) ** 2 for p, o in zip(predicted.flatten().tolist(), observed.flatten().tolist(), strict=True))
    assert float(found) == pytest.approx(expected / 15, rel=1e-5)


# ---- distortion


def test_distortion_equals_the_double_sum() -> None:
    weights, spans = weighed(rays=5, samples=9, dtype=torch.float64)
    extent, middle, width = 2.0, spans.middle, spans.width
    total = 0.0
    for ray in range(5):
        for i in range(9):
            total += float(weights[ray, i] ** 2 * width[ray, i] / extent) / 3
            for j in range(9):
                apart = abs(float(middle[ray, i] - middle[ray, j])) / extent
                total += float(weights[ray, i] * weights[ray, j]) * apart
    assert float(distortion.Config()(supervised({}, seen(weights, spans), extent))) == pytest.approx(
        total / 5, rel=1e-10
    )


def test_distortion_falls_as_weights_gather_and_does_not_depend_on_the_unit_of_length() -> None:
    edges = torch.linspace(0, 4, 9)
    spans = Samples(edges[None, :-1], edges[None, 1:])

    def loss(weights: list[float], scale: float = 1.0) -> float:
        scaled = Samples(scale * spans.t_start, scale * spans.t_end)
        looked = seen(torch.tensor([weights]), scaled)
        return float(distortion.Config()(supervised({}, looked, extent=4.0 * scale)))

    spread, near, gathered = [0.5, 0, 0, 0, 0, 0, 0, 0.5], [0, 0, 0, 0.5, 0.5, 0, 0, 0], [0, 0, 0, 0, 1.0, 0, 0, 0]
    assert loss(spread) > loss(near) > loss(gathered) > 0
    assert loss(gathered) == pytest.approx(0.5 / 4 / 3, rel=1e-5)
    assert loss(spread, scale=7.0) == pytest.approx(loss(spread), rel=1e-5)


# ---- gradients


@pytest.mark.parametrize(
    "loss",
    [event_interval.Config(huber=0.8), event_window.Config(), silent.Config()],
    ids=lambda loss: type(loss).__module__.rsplit(".", 1)[-1],
)
def test_gradients_of_interval_losses(loss: event_interval.Config | event_window.Config | silent.Config) -> None:
    generator = torch.Generator().manual_seed(2)
    predicted = torch.randn(12, generator=generator, dtype=torch.float64).requires_grad_()
    observed = torch.where(torch.rand(12, generator=generator, dtype=torch.float64) > 0.5, C_POS, -C_NEG)
    events, starts = [1, 0, 2] * 4, [True, False] * 6
    supervision = intervals([0.0] * 12, observed, events, starts, torch.float64)

    def at(change: torch.Tensor) -> torch.Tensor:
        return loss(predicting(supervision, change))

    assert torch.autograd.gradcheck(at, (predicted,))
    (gradient,) = torch.autograd.grad(at(predicted), predicted)
    assert float(gradient.abs().sum()) > 0


def test_gradients_of_distortion_and_photometric() -> None:
    weights, spans = weighed(rays=3, samples=5, dtype=torch.float64)

    def spread(at: torch.Tensor) -> torch.Tensor:
        return distortion.Config()(supervised({}, seen(at, spans), 2.0))

    assert torch.autograd.gradcheck(spread, (weights.requires_grad_(),))
    predicted = torch.rand(4, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    observed = torch.full((4, 1), 0.4, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda p: photometric.Config()(frames(p, observed)), (predicted,))


def test_a_noise_event_pulls_no_harder_than_the_bend_of_the_penalty() -> None:
    predicted = torch.tensor([1e3], requires_grad=True)
    supervision = intervals([0.0], [0.3])
    event_interval.Config(huber=1.0)(predicting(supervision, predicted)).backward()
    assert predicted.grad is not None
    assert float(predicted.grad) == pytest.approx(1 / C_MEAN)
    assert math.isfinite(float(predicted.grad))
