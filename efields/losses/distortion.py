"""Weights along a ray should gather in one place.

Source: Barron et al., Mip-NeRF 360, CVPR 2022, eq. 15; the sum over pairs is done in linear time as in DVGO v2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from efields.supervision import Supervision


@dataclass(frozen=True)
class Config:
    """Settings of the distortion loss."""

    draws: ClassVar[str] = ""
    weight: float = 1e-3
    """Weight in the total loss."""

    def __call__(self, supervision: Supervision) -> Tensor:
        """Mean over rays of sum_ij w_i w_j |m_i - m_j| + 1/3 sum_i w_i^2 d_i, distances in diagonals of the box."""
        weights, samples = supervision.rendered.weights, supervision.rendered.samples
        middle, width = samples.middle / supervision.extent, samples.width / supervision.extent
        # Spans are sorted, so |m_i - m_j| = m_i - m_j for j < i, and each pair counts twice.
        before = weights.cumsum(1) - weights
        moment = (weights * middle).cumsum(1) - weights * middle
        between = 2.0 * (weights * (middle * before - moment)).sum(1)
        within = (weights**2 * width).sum(1) / 3.0
        return (between + within).mean()
