"""A ray should either be stopped or pass: half-transparent surfaces borrow the background's colour.

Source: the beta prior of Neural Volumes (Lombardi et al., SIGGRAPH 2019, section 5), in its entropy form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from efields.supervision import Supervision


@dataclass(frozen=True)
class Config:
    """Settings of the opacity loss."""

    draws: ClassVar[str] = ""
    weight: float = 1e-2
    """Weight in the total loss."""

    def __call__(self, supervision: Supervision) -> Tensor:
        """Mean entropy of the rays' opacities, in nats: 0 where each is 0 or 1, at most ln 2."""
        opacity = supervision.rendered.opacity.clamp(1e-4, 1 - 1e-4)
        return -(opacity * torch.log(opacity) + (1 - opacity) * torch.log(1 - opacity)).mean()
