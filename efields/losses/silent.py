"""A pixel that stays silent bounds how far its log intensity can have moved.

From an event on, the reference level is known: the change lies within (-c_neg, c_pos). From any other time on it is
not: the level may start anywhere between the thresholds, so only |change| < c_pos + c_neg follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from efields.ranges import NotNegative
from efields.supervision import Supervision


@dataclass(frozen=True)
class Config:
    """Settings of the silent interval loss."""

    draws: ClassVar[str] = "silent"
    weight: NotNegative = 0.1
    """Weight in the total loss."""

    def __call__(self, supervision: Supervision) -> Tensor:
        """Mean squared excess over the bound, in mean thresholds; zero where the bound holds."""
        intervals = supervision.intervals
        both = intervals.c_pos + intervals.c_neg
        upper = torch.where(intervals.starts_at_event, intervals.c_pos, both)
        lower = torch.where(intervals.starts_at_event, intervals.c_neg, both)
        over = torch.relu(intervals.predicted - upper)
        under = torch.relu(-intervals.predicted - lower)
        return (over**2 + under**2).mean() / intervals.c_mean**2
