"""Event counts over long windows relate pixels over long baselines.

Source: the two-band windows of E-3DGS (arXiv 2502.10827), section 3.2, with its balance of active and silent pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from efields.ranges import NotNegative, Positive, Share
from efields.supervision import Supervision


@dataclass(frozen=True)
class Config:
    """Settings of the event window loss.

    A window starts between two events of its pixel, so its count is off by up to one threshold either way. Use it only
    where the refractory period is short compared with the time between events: change within that period is not
    counted.
    """

    draws: ClassVar[str] = "windows"
    weight: NotNegative = 0.5
    """Weight in the total loss."""
    active_share: Share = 0.7
    """Fraction of the loss for pixels with events; silent pixels get the rest."""
    huber: Positive = 1.0
    """Residual, in mean thresholds, beyond which the penalty grows linearly."""

    def __call__(self, supervision: Supervision) -> Tensor:
        """Mean Huber penalty of (predicted - observed) / c_mean, active and silent pixels averaged apart."""
        intervals = supervision.intervals
        residual = (intervals.predicted - intervals.observed) / intervals.c_mean
        penalty = torch.nn.functional.huber_loss(
            residual, torch.zeros_like(residual), delta=self.huber, reduction="none"
        )
        active = intervals.events > 0
        total = penalty.new_zeros(())
        for share, chosen in ((self.active_share, penalty[active]), (1 - self.active_share, penalty[~active])):
            if chosen.numel():
                total = total + share * chosen.mean()
        return total
