"""What rays see beyond the field; each file has one `Config` whose `build` makes a background."""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from efields.parameters import ParameterGroup

LEAST_RADIANCE = 1e-3
"""Least radiance of a background, so that its logarithm exists."""


class Background(Protocol):
    """An `nn.Module` that gives the radiance behind the field."""

    by_direction: bool
    """Whether radiance depends on the direction."""

    def __call__(self, direction: Float[Tensor, "n 3"]) -> Float[Tensor, "n c"]:
        """Linear radiance, at least `LEAST_RADIANCE`, along unit directions of rays."""
        ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """What is learned."""
        ...


class BackgroundConfig(Protocol):
    """Settings of a background: a frozen dataclass, the `[background]` table of a config."""

    def build(self, channels: int, generator: torch.Generator) -> Background:
        """The background with `channels` colours; weights drawn by `generator`."""
        ...
