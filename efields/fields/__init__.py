"""Density and radiance of points; each file has one `Config` whose `build` makes a field."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from efields.backends.parts import Looked, Marching
from efields.backends.reference import Backend
from efields.geometry.boxes import Box
from efields.geometry.rays import Points, Rays
from efields.parameters import ParameterGroup


class Field(Protocol):
    """An `nn.Module` that a renderer evaluates; it gets the backend with each call and keeps none."""

    channels: int
    """Colours of the radiance."""
    moves: bool
    """Whether density or radiance change with time; if so, `Points.t_s` is the time of evaluation."""

    def __call__(self, points: Points, backend: Backend) -> tuple[Float[Tensor, " n"], Float[Tensor, "n c"]]:
        """Density (1 / world unit) and linear radiance (>= 0) of points."""
        ...

    def density(self, points: Points, backend: Backend) -> Float[Tensor, " n"]:
        """Density of points, in 1 / world unit."""
        ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """Everything that is learned, each with its learning rate."""
        ...


@runtime_checkable
class FusedField(Protocol):
    """A field that offers its parts to a backend, which can then render in one fused call."""

    def fused_look(
        self, backend: Backend, rays: Rays, marching: Marching, jitter: Float[Tensor, " n"] | None
    ) -> Looked | None:
        """What rays see, equal to the renderer's steps in values and gradients; None where the backend cannot."""
        ...


class FieldConfig(Protocol):
    """Settings of a field: a frozen dataclass, the `[field]` table of a config."""

    def build(self, box: Box, channels: int, generator: torch.Generator) -> Field:
        """The field over `box` (in its own coordinates) with `channels` colours; weights drawn by `generator`."""
        ...
