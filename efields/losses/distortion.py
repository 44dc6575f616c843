"""Weights along a ray should concentrate in one place.

Source: Barron et al., Mip-NeRF 360, CVPR 2022, eq. 15 (efields.render.composite.distortion).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from efields.ranges import NotNegative
from efields.supervision import Supervision


@dataclass(frozen=True)
class Config:
    """Settings of the distortion loss."""

    draws: ClassVar[str] = ""
    weight: NotNegative = 1e-3
    """Weight in the total loss."""

    def __call__(self, supervision: Supervision) -> Tensor:
        """Mean over rays of sum_ij w_i w_j |m_i - m_j| + 1/3 sum_i w_i^2 d_i, distances in diagonals of the box."""
        return supervision.rendered.distortion.mean() / supervision.extent
