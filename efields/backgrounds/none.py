"""No background: rays that pass through the field see black."""

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

    def build(self, channels: int, generator: torch.Generator) -> NoBackground:
        """The background; nothing is drawn."""
        return NoBackground(channels)


class NoBackground(nn.Module):
    """The least radiance everywhere: scenes that surround the camera should explain all light themselves."""

    by_direction = False

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, direction: Float[Tensor, "n 3"]) -> Float[Tensor, "n c"]:
        """The least radiance, for each direction."""
        return direction.new_full((1, self.channels), LEAST_RADIANCE).expand(len(direction), -1)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Nothing is learned."""
        return []
