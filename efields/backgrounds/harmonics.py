"""A background that depends on direction: spherical harmonics, for a distant sky or room.

Source: the bands of Ramamoorthi and Hanrahan, SIGGRAPH 2001, whose first three hold most of what is far away and soft.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor, nn

from efields.backends.spherical import spherical_harmonics
from efields.backgrounds import LEAST_RADIANCE
from efields.parameters import ParameterGroup
from efields.ranges import Positive, Range, check_ranges

FIRST_BAND = 0.28209479177387814
"""Value of the first harmonic."""


@dataclass(frozen=True)
class Config:
    """Settings of the background by direction."""

    bands: Annotated[int, Range(1, 4)] = 3
    """Bands of spherical harmonics; 1: a single colour."""
    factor: Positive = 1.0
    """Learning rate relative to `train.learning_rate`."""

    __post_init__ = check_ranges

    def build(self, channels: int, generator: torch.Generator) -> HarmonicsBackground:
        """The background; nothing is drawn."""
        return HarmonicsBackground(self, channels)


class HarmonicsBackground(nn.Module):
    """Softplus of a sum of spherical harmonics, per channel."""

    by_direction = True

    def __init__(self, config: Config, channels: int) -> None:
        super().__init__()
        self.config = config
        coefficients = torch.zeros(config.bands**2, channels)
        coefficients[0] = 0.5 / FIRST_BAND  # as bright as one colour starts
        self.coefficients = nn.Parameter(coefficients)

    def forward(self, direction: Float[Tensor, "n 3"]) -> Float[Tensor, "n c"]:
        """Linear radiance along unit directions."""
        raw = spherical_harmonics(direction, self.config.bands) @ self.coefficients
        return nn.functional.softplus(raw) + LEAST_RADIANCE

    def parameter_groups(self) -> list[ParameterGroup]:
        """The coefficients."""
        return [ParameterGroup("background", [self.coefficients], self.config.factor)]
