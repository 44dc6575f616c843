"""A field: a soft ball that moves at a velocity that is learned."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from efields.backends.reference import Backend
from efields.geometry.boxes import Box
from efields.geometry.rays import Points
from efields.parameters import ParameterGroup
from efields.ranges import Finite, Positive


@dataclass(frozen=True)
class Config:
    """Settings of the moving ball."""

    density: Positive = 8.0
    """Density in the middle, in 1 / world unit."""
    radius: Positive = 0.4
    """Radius at which the density has fallen to half, world units."""
    velocity_factor: Positive = 0.5
    """Learning rate of the velocity over `train.learning_rate`."""
    speed: Finite = 0.0
    """Velocity along x before training, world units a second."""

    def build(self, box: Box, channels: int, generator: torch.Generator) -> MovingBall:
        """The ball in the middle of the box, at the recording's start."""
        return MovingBall(self, box, channels)


class MovingBall(nn.Module):
    """Density and radiance of points, by where the ball is at their time."""

    moves = True

    def __init__(self, config: Config, box: Box, channels: int) -> None:
        super().__init__()
        self.config, self.channels = config, channels
        self.center = nn.Parameter(torch.tensor(box.center))
        self.velocity = nn.Parameter(torch.tensor([config.speed, 0.0, 0.0]))
        self.radiance_raw = nn.Parameter(torch.full((channels,), -1.0))

    def forward(self, points: Points, backend: Backend) -> tuple[Tensor, Tensor]:
        """Density `[n]` and radiance `[n, c]`."""
        radiance = nn.functional.softplus(self.radiance_raw) + 1e-3
        return self.density(points, backend), radiance.expand(len(points), -1)

    def density(self, points: Points, backend: Backend) -> Tensor:
        """Density `[n]`: soft at the edge, so that it can be learned where the ball is."""
        center = self.center + points.seconds[:, None] * self.velocity
        distance = torch.linalg.vector_norm(points.position - center, dim=1)
        return self.config.density * torch.sigmoid(12.0 * (self.config.radius - distance))

    def parameter_groups(self) -> list[ParameterGroup]:
        """Place and colour, and the velocity with a learning rate of its own."""
        return [
            ParameterGroup("ball", [self.center, self.radiance_raw], None),
            ParameterGroup("velocity", [self.velocity], self.config.velocity_factor),
        ]
