"""Frames in addition to events: rendered intensity against the camera's own images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from efields.ranges import NotNegative
from efields.supervision import Supervision


@dataclass(frozen=True)
class Config:
    """Settings of the photometric loss."""

    draws: ClassVar[str] = "frames"
    weight: NotNegative = 1.0
    """Weight in the total loss."""

    def __call__(self, supervision: Supervision) -> Tensor:
        """Mean squared difference of intensity, after the learned gain and offset of log intensity (per channel)."""
        return torch.nn.functional.mse_loss(supervision.frames.predicted, supervision.frames.observed)
