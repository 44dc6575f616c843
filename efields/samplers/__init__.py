"""Where along each ray the field is evaluated; each file has one `Config` whose `build` makes a sampler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from efields.backends.parts import Marching
from efields.backends.reference import Backend
from efields.geometry.boxes import Box
from efields.geometry.rays import Points, Rays
from efields.geometry.samples import Samples
from efields.parameters import ParameterGroup

Quality = Literal["train", "draft", "final"]
"""How finely rays are sampled: in training, for a draft (moving view), for a final image."""

DensityOf = Callable[[Points], Tensor]
"""Density `[n]` of points, in 1 / world unit."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """Spans of a first look along rays and the weights found there, which an interlevel loss compares with the field's.

    Source: Barron et al., Mip-NeRF 360, CVPR 2022, section 3.
    """

    samples: Samples
    """The spans."""
    weights: Float[Tensor, "n s"]
    """Their weights, differentiable in what the sampler learns."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """Where the field is evaluated."""

    samples: Samples
    """Spans along each ray; no gradient flows into where they lie."""
    proposals: tuple[Proposal, ...] = ()
    """What the sampler looked at before, coarse to fine; none for samplers that learn nothing."""


class Sampler(Protocol):
    """An `nn.Module` that places spans along rays, and may remember or learn where density is.

    As a field, it gets the backend with each question and holds none.
    """

    def __call__(
        self,
        rays: Rays,
        jitter: Float[Tensor, " n"] | None,
        density: DensityOf,
        backend: Backend,
        *,
        quality: Quality,
        crop: Box | None = None,
    ) -> Sampled:
        """Spans along rays; `jitter` in [0, 1) shifts those of each ray, None fixes them.

        With a `crop`, spans are cut at its faces and those outside are left out.
        """
        ...

    def marching(self, quality: Quality) -> Marching | None:
        """The same placement as a fused look takes it; None where spans are placed in another way."""
        ...

    def span(self, quality: Quality) -> float:
        """Usual length of a span, world units."""
        ...

    def holds(self, position: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
        """Whether the field is evaluated at points of the box."""
        ...

    def reach(self) -> Box:
        """The part of the box in which the field is evaluated."""
        ...

    def after_step(self, step: int, density: Callable[[Tensor], Tensor], generator: torch.Generator) -> None:
        """Look at the field after optimiser step `step`, counted from 1; `density` takes positions `[n, 3]`.

        Random numbers come from `generator`, which is equal on all ranks.
        """
        ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """What the sampler learns."""
        ...


class SamplerConfig(Protocol):
    """Settings of a sampler: a frozen dataclass, the `[sampling]` table of a config."""

    def build(self, box: Box, generator: torch.Generator) -> Sampler:
        """The sampler of a field's box; weights drawn by `generator`."""
        ...
