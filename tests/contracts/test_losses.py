"""What every loss promises, checked for each file of efields/losses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from efields.config import kinds, resolve
from efields.losses import draws_of
from efields.supervision import Supervision
from tests.contracts.rules import broken_rules
from tests.losses.supervise import C_NEG, C_POS, frames, intervals, predicting, seen, supervised, weighed

per_kind = pytest.mark.parametrize("kind", kinds("losses"))


def supervision(draws: str, perfect: bool) -> tuple[Supervision, torch.Tensor]:
    """What a loss of this sort may look at, and the tensor of it that the field made; perfect or far off."""
    if draws == "frames":
        observed = torch.rand(9, 3, generator=torch.Generator().manual_seed(0))
        predicted = (observed if perfect else observed + 0.5).clone().requires_grad_()
        return frames(predicted, observed), predicted
    if draws == "":
        weights, spans = weighed()
        if perfect:
            weights = torch.nn.functional.one_hot(spans.width.argmin(dim=1), 6).float()
        weights.requires_grad_()
        return supervised({}, seen(weights, spans)), weights
    observed = torch.zeros(6) if draws == "silent" else torch.tensor([C_POS, -C_NEG, 2 * C_POS, 0.0, 0.0, -C_NEG])
    events = [0] * 6 if draws == "silent" else [1, 1, 2, 0, 0, 1]
    predicted = (observed if perfect else observed + 0.9).clone().requires_grad_()
    found = intervals(torch.zeros(6), observed, events, starts=[True, False] * 3)
    return predicting(found, predicted), predicted


@per_kind
def test_config(kind: str) -> None:
    config = resolve("losses", kind)
    assert broken_rules(config) == []
    assert set(draws_of(config())) <= set(kinds("draws"))
    assert config().weight > 0


@per_kind
def test_it_is_small_for_a_perfect_prediction_and_not_for_another(kind: str) -> None:
    loss: Any = resolve("losses", kind)()
    perfect, far = (float(loss(supervision(loss.draws, right)[0]).detach()) for right in (True, False))
    assert 0 <= perfect < 0.05
    assert far > perfect


@per_kind
@pytest.mark.parametrize("perfect", [True, False])
def test_it_is_a_finite_float32_scalar_with_finite_gradients(kind: str, perfect: bool) -> None:
    loss: Any = resolve("losses", kind)()
    shown, predicted = supervision(loss.draws, perfect)
    value = loss(shown)
    assert value.shape == () and value.dtype == torch.float32
    assert bool(torch.isfinite(value))
    value.backward()
    assert predicted.grad is not None and bool(torch.isfinite(predicted.grad).all())
    assert perfect or float(predicted.grad.abs().sum()) > 0


@per_kind
def test_it_is_unweighted(kind: str) -> None:
    config = resolve("losses", kind)
    shown, _ = supervision(config.draws, perfect=False)
    assert float(config(weight=3.0)(shown).detach()) == float(config(weight=1.0)(shown).detach())
