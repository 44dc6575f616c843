"""A sampler: spans that are shorter near the camera, and a count of what it has seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from efields.backends.reference import Backend
from efields.geometry.boxes import Box
from efields.geometry.rays import Rays
from efields.geometry.samples import Samples, cropped
from efields.parameters import ParameterGroup
from efields.ranges import Range
from efields.samplers import DensityOf, Quality, Sampled


@dataclass(frozen=True)
class Config:
    """Settings of the sampler."""

    samples: Annotated[int, Range(1, 4096)] = 32
    """Spans a ray."""

    def build(self, box: Box, generator: torch.Generator) -> NearerSampler:
        """The sampler of a box; nothing is drawn."""
        return NearerSampler(self, box)


class NearerSampler(nn.Module):
    """Edges of spans at squares of equal steps through the box."""

    turns: Tensor

    def __init__(self, config: Config, box: Box) -> None:
        super().__init__()
        self.config, self.box = config, box
        self.register_buffer("turns", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(
        self,
        rays: Rays,
        jitter: Tensor | None,
        density: DensityOf,
        backend: Backend,
        *,
        quality: Quality,
        crop: Box | None = None,
    ) -> Sampled:
        """Spans along rays."""
        near, far = self.box.intersect(rays)
        far = torch.maximum(near, far)
        count = self.config.samples * (1 if quality == "train" else 2)
        shift = 0.5 if jitter is None else jitter[:, None]
        share = ((torch.arange(count + 2, device=near.device) - shift) / count).clamp(0, 1).square()
        edges = near[:, None] + share * (far - near)[:, None]
        samples = Samples(edges[:, :-1], edges[:, 1:])
        return Sampled(samples if crop is None else cropped(samples, rays, crop))

    def marching(self, quality: Quality) -> None:
        """No fused look places spans in this way."""
        return

    def span(self, quality: Quality) -> float:
        """Mean length of a span."""
        return self.box.diagonal / self.config.samples

    def holds(self, position: Tensor) -> Tensor:
        """Everywhere."""
        return torch.ones(len(position), dtype=torch.bool, device=position.device)

    def reach(self) -> Box:
        """The whole box."""
        return self.box

    def after_step(self, step: int, density: Callable[[Tensor], Tensor], generator: torch.Generator) -> None:
        """Count."""
        self.turns += 1

    def parameter_groups(self) -> list[ParameterGroup]:
        """Nothing is learned."""
        return []
