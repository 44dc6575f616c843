"""A background: from one radiance straight up to another straight down."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from efields.parameters import ParameterGroup
from efields.ranges import Positive


@dataclass(frozen=True)
class Config:
    """Settings of the background."""

    factor: Positive = 0.5
    """Learning rate over `train.learning_rate`."""

    def build(self, channels: int, generator: torch.Generator) -> Dusk:
        """The background; nothing is drawn."""
        return Dusk(self, channels)


class Dusk(nn.Module):
    """Linear in the height of the direction, in log radiance."""

    by_direction = True

    def __init__(self, config: Config, channels: int) -> None:
        super().__init__()
        self.config = config
        self.ends = nn.Parameter(torch.tensor([[0.0], [-0.7]]).repeat(1, channels))

    def forward(self, direction: Tensor) -> Tensor:
        """Linear radiance `[n, c]`."""
        up = 0.5 * (direction[:, 2:] + 1)
        return torch.exp(up * self.ends[0] + (1 - up) * self.ends[1]).clamp(min=1e-3)

    def parameter_groups(self) -> list[ParameterGroup]:
        """The two ends."""
        return [ParameterGroup("dusk", [self.ends], self.config.factor)]
