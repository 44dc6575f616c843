"""Renderers of fields in a box, for tests that look at one thing of them."""

from __future__ import annotations

from typing import TypeVar

import torch

from efields.backends.reference import Backend
from efields.backgrounds import BackgroundConfig, color
from efields.fields import Field
from efields.geometry.boxes import Box
from efields.geometry.rays import Rays
from efields.render.renderer import Renderer
from efields.samplers import SamplerConfig, stratified

R = TypeVar("R", bound=Renderer)


def renderer_over(
    field: Field,
    box: Box,
    sampling: SamplerConfig | None = None,
    backend: Backend | None = None,
    *,
    cls: type[R] = Renderer,
    background: BackgroundConfig | None = None,
    span_s: tuple[float, float] = (0.0, 0.0),
    origin_us: int = 0,
) -> R:
    """A renderer, by plain torch unless a backend is given, with 16 even spans a ray unless a sampling is given."""
    sampler = (sampling or stratified.Config(samples=16)).build(box, torch.Generator())
    behind = (background or color.Config()).build(field.channels, torch.Generator())
    return cls(field, box, sampler, behind, backend or Backend(), span_s=span_s, origin_us=origin_us)


def along(rays: Rays, distance: torch.Tensor) -> torch.Tensor:
    """Points `[n, s, 3]` at `s` distances along each ray."""
    return rays.origin[:, None, :] + distance[..., None] * rays.direction[:, None, :]
