"""A field of balls of uniform density, whose images have a closed form: ground truth for tests of renderers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor, nn

from efields.backends.reference import Backend
from efields.geometry.boxes import Box
from efields.geometry.rays import Points, Rays
from efields.parameters import ParameterGroup
from efields.ranges import NotNegative, Positive, Range


@dataclass(frozen=True)
class Ball:
    """A ball of uniform density and radiance."""

    center: Annotated[tuple[float, float, float], Range(-1e12, 1e12)] = (0.0, 0.0, 0.0)
    """Centre in world units."""
    radius: Positive = 0.5
    """Radius in world units."""
    density: NotNegative = 5.0
    """Density inside, in 1 / world unit."""
    radiance: Annotated[tuple[float, ...], Range(0, 1e12)] = (0.8,)
    """Linear radiance inside; one value serves every channel."""


@dataclass(frozen=True)
class Config:
    """Settings of the analytic field."""

    balls: tuple[Ball, ...] = (Ball(),)
    """The balls; they must not overlap."""

    def build(self, box: Box, channels: int, generator: torch.Generator) -> AnalyticField:
        """The field; `box` and `generator` play no part. Raises `ValueError` when balls overlap."""
        return AnalyticField(self, channels)


class AnalyticField(nn.Module):
    """Balls of uniform density and radiance; nothing is learned."""

    moves = False
    center: Tensor
    radius: Tensor
    ball_density: Tensor
    ball_radiance: Tensor

    def __init__(self, config: Config, channels: int) -> None:
        super().__init__()
        self.config, self.channels = config, channels
        balls = config.balls
        for i, one in enumerate(balls):
            for other in balls[i + 1 :]:
                apart = torch.dist(torch.tensor(one.center), torch.tensor(other.center))
                if float(apart) < one.radius + other.radius:
                    raise ValueError("balls of an analytic field must not overlap")
        self.register_buffer("center", torch.tensor([b.center for b in balls]))
        self.register_buffer("radius", torch.tensor([b.radius for b in balls]))
        self.register_buffer("ball_density", torch.tensor([b.density for b in balls]))
        rows = [b.radiance * channels if len(b.radiance) == 1 else b.radiance for b in balls]
        self.register_buffer("ball_radiance", torch.tensor(rows))

    def forward(self, points: Points, backend: Backend) -> tuple[Float[Tensor, " n"], Float[Tensor, "n c"]]:
        """Density (1 / world unit) and linear radiance of points; outside every ball both are zero."""
        inside = self._inside(points.position)
        return inside @ self.ball_density, inside @ self.ball_radiance

    def density(self, points: Points, backend: Backend) -> Float[Tensor, " n"]:
        """Density of points, in 1 / world unit."""
        return self._inside(points.position) @ self.ball_density

    def parameter_groups(self) -> list[ParameterGroup]:
        """Nothing is learned."""
        return []

    def _inside(self, position: Tensor) -> Tensor:
        distance = torch.cdist(position, self.center.to(position.dtype))
        return (distance <= self.radius).to(position.dtype)

    def exact(self, rays: Rays, background: Float[Tensor, " c"]) -> tuple[Float[Tensor, "n c"], Float[Tensor, " n"]]:
        """Radiance and opacity of each ray, in closed form: a chord of length l lets exp(-density l) pass."""
        offset = rays.origin[:, None] - self.center
        along = (offset * rays.direction[:, None]).sum(-1)
        square = along**2 - (offset**2).sum(-1) + self.radius**2
        half = square.clamp(min=0).sqrt()
        enter, leave = (-along - half).clamp(min=0), (-along + half).clamp(min=0)
        thickness = self.ball_density * (leave - enter)
        order = enter.argsort(dim=1)
        thickness = thickness.gather(1, order)
        before = torch.exp(-(thickness.cumsum(1) - thickness))
        weight = before * -torch.expm1(-thickness)
        radiance = (weight[..., None] * self.ball_radiance[order]).sum(1)
        opacity = weight.sum(1)
        return radiance + (1 - opacity)[:, None] * background, opacity
