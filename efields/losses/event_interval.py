"""Each event tells by how much its pixel's log intensity changed since the previous event.

Source: Robust e-NeRF (Low and Lee, ICCV 2023), eq. 7, with Huber's penalty as Deblur e-NeRF (ECCV 2024) uses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from efields.ranges import NotNegative, Positive
from efields.supervision import Supervision


@dataclass(frozen=True)
class Config:
    """Settings of the event interval loss."""

    draws: ClassVar[str] = "events"
    weight: NotNegative = 0.3
    """Weight in the total loss."""
    huber: Positive = 1.0
    """Residual, in mean thresholds, beyond which the penalty grows linearly; it limits the effect of noise events."""

    def __call__(self, supervision: Supervision) -> Tensor:
        """Mean Huber penalty of (predicted - observed) / c_mean over the intervals."""
        intervals = supervision.intervals
        residual = (intervals.predicted - intervals.observed) / intervals.c_mean
        return torch.nn.functional.huber_loss(residual, torch.zeros_like(residual), delta=self.huber)
