"""One learned colour behind everything."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from efields.backgrounds import LEAST_RADIANCE
from efields.parameters import ParameterGroup


@dataclass(frozen=True)
class Config:
    """No settings."""

    def build(self, channels: int, generator: torch.Generator) -> ColorBackground:
        """The background; nothing is drawn."""
        return ColorBackground(channels)


class ColorBackground(nn.Module):
    """The same radiance in every direction."""

    by_direction = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        # softplus(0.5) = 0.97: bright, as log intensity is free up to an offset and objects are darker than paper.
        self.raw = nn.Parameter(torch.full((channels,), 0.5))

    @property
    def radiance(self) -> Float[Tensor, " c"]:
        """Linear radiance."""
        return nn.functional.softplus(self.raw) + LEAST_RADIANCE

    def forward(self, direction: Float[Tensor, "n 3"]) -> Float[Tensor, "n c"]:
        """The colour, for each direction."""
        return self.radiance.expand(len(direction), -1)

    def parameter_groups(self) -> list[ParameterGroup]:
        """The colour."""
        return [ParameterGroup("background", [self.raw], 1.0)]
