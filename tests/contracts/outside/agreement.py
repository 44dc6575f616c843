"""A loss that compares two draws: intervals of events, and spans over pairs of them, in random order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from efields.ranges import NotNegative
from efields.supervision import IntervalSupervision, Supervision


@dataclass(frozen=True)
class Config:
    """Settings of the loss."""

    draws: ClassVar[tuple[str, ...]] = ("events", "outside.pairs")
    with_spans: ClassVar[Literal[True]] = True
    weight: NotNegative = 1.0
    """Weight in the total loss."""
    opacity_weight: NotNegative = 1e-3
    """Weight of the mean opacity, which is the sum of the weights of all samples."""

    def __call__(self, supervision: Supervision) -> Tensor:
        """Mean square of the residuals of both, in mean thresholds, weighted by a random permutation's neighbours."""
        one, two = (supervision.compared[name] for name in self.draws)
        assert isinstance(one, IntervalSupervision) and isinstance(two, IntervalSupervision)
        assert supervision.rendered.spans is not None
        residuals = torch.cat([(part.predicted - part.observed) / part.c_mean for part in (one, two)])
        order = torch.randperm(len(residuals), generator=supervision.generator).to(residuals.device)
        opacity = supervision.rendered.spans.weights.sum(dim=1).mean()
        return residuals.square().mean() + (residuals * residuals[order]).mean() + self.opacity_weight * opacity
