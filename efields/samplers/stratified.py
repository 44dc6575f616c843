"""The box along each ray, divided evenly.

Source: Mildenhall et al., NeRF, ECCV 2020, section 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from efields.backends.reference import Backend
from efields.geometry.boxes import Box
from efields.geometry.rays import Rays
from efields.geometry.samples import cropped, stratified
from efields.parameters import ParameterGroup
from efields.ranges import Range, check_ranges
from efields.samplers import DensityOf, Quality, Sampled


@dataclass(frozen=True)
class Config:
    """Settings of the stratified sampler."""

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset(
        {"finer_views", "grid_resolution", "least_alpha", "early_stop", "update_every", "warmup_steps"}
    )
    """Keys that configs of earlier versions spell out, which say nothing here."""
    samples: Annotated[int, Range(1, 2**16)] = 192
    """Spans along each ray."""

    __post_init__ = check_ranges

    def build(self, box: Box, generator: torch.Generator) -> StratifiedSampler:
        """The sampler of a box; nothing is drawn."""
        return StratifiedSampler(self, box)


class StratifiedSampler(nn.Module):
    """As many equal spans along every ray, from where it enters the box to where it leaves."""

    def __init__(self, config: Config, box: Box) -> None:
        super().__init__()
        self.config, self.box = config, box

    @torch.no_grad()
    def forward(
        self,
        rays: Rays,
        jitter: Float[Tensor, " n"] | None,
        density: DensityOf,
        backend: Backend,
        *,
        quality: Quality,
        crop: Box | None = None,
    ) -> Sampled:
        """Equal spans, whatever the quality; see `Sampler`."""
        samples = stratified(rays, self.box, self.config.samples, jitter)
        return Sampled(samples if crop is None else cropped(samples, rays, crop))

    def marching(self, quality: Quality) -> None:
        """Fused looks march by spans of one length, which these are not."""
        return

    def span(self, quality: Quality) -> float:
        """Length of a span along the diagonal of the box, world units."""
        return self.box.diagonal / self.config.samples

    def holds(self, position: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
        """Everywhere."""
        return torch.ones(len(position), dtype=torch.bool, device=position.device)

    def reach(self) -> Box:
        """The whole box."""
        return self.box

    def after_step(self, step: int, density: Callable[[Tensor], Tensor], generator: torch.Generator) -> None:
        """Nothing is remembered."""

    def parameter_groups(self) -> list[ParameterGroup]:
        """Nothing is learned."""
        return []
