"""Renders a field: rays in, radiance, opacity and depth out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from efields.backends.parts import Looked
from efields.backends.reference import Backend
from efields.backgrounds import Background, BackgroundConfig
from efields.fields import Field, FieldConfig, FusedField
from efields.geometry.boxes import Box, Triple
from efields.geometry.origin import ZERO, origin_of
from efields.geometry.rays import Points, Rays
from efields.geometry.samples import Samples
from efields.parameters import ParameterGroup
from efields.render.composite import composited, used_points
from efields.samplers import Proposal, Quality, Sampler, SamplerConfig


@dataclass(frozen=True)
class LookConfig:
    """Settings of a renderer."""

    field: FieldConfig
    """The representation: a `Config` of efields.fields."""
    sampling: SamplerConfig
    """How rays are sampled: a `Config` of efields.samplers."""
    background: BackgroundConfig
    """What is behind the field: a `Config` of efields.backgrounds."""


@dataclass(frozen=True)
class RaySpans:
    """The samples of every ray, for losses that look at them one by one."""

    samples: Samples
    """The spans."""
    weights: Float[Tensor, "n s"]
    """Their weights, which add up to the opacity."""
    proposals: tuple[Proposal, ...]
    """The sampler's proposals."""


@dataclass(frozen=True)
class Rendered:
    """What rays see."""

    radiance: Float[Tensor, "n c"]
    """Linear radiance with the background behind it."""
    opacity: Float[Tensor, " n"]
    """Fraction of the ray that the field stops, 0 to 1."""
    depth: Float[Tensor, " n"]
    """Mean distance along the unit ray at which it is stopped, world units; 0 where it is not."""
    distortion: Float[Tensor, " n"]
    """Spread of the weights along the ray, world units (Mip-NeRF 360, CVPR 2022, eq. 15)."""
    samples: int
    """Field samples that were taken."""
    spans: RaySpans | None = None
    """Every sample of every ray, where that was asked for."""


class Renderer(nn.Module):
    """A field in its box, sampled along rays, before a background.

    Rays, box and field count from `origin`, a point of the world near the scene: single precision resolves a survey
    grid's coordinates no better than half a metre. `backend` is the only place that holds one.
    """

    def __init__(
        self,
        field: Field,
        box: Box,
        sampler: Sampler,
        background: Background,
        backend: Backend,
        origin: Triple = ZERO,
        span_s: tuple[float, float] = (0.0, 0.0),
        origin_us: int = 0,
    ) -> None:
        super().__init__()
        self.field, self.sampler, self.background = field, sampler, background
        self.box, self.backend, self.origin = box, backend, origin
        self.span_s = span_s
        """First and last second of the recording, in which a field that moves is known."""
        self.origin_us = origin_us
        """Sensor time of second 0, microseconds."""

    @classmethod
    def over(
        cls,
        world_box: Box,
        config: LookConfig,
        channels: int,
        backend: Backend,
        generator: torch.Generator,
        *,
        origin: Triple | None = None,
        span_s: tuple[float, float] = (0.0, 0.0),
        origin_us: int = 0,
    ) -> Renderer:
        """A renderer of a new field over a box of the world.

        It counts from `origin`, or from where the box asks for (`origin_of`).
        """
        origin = origin_of(world_box) if origin is None else origin
        box = world_box.about(origin)
        field = config.field.build(box, channels, generator)
        background = config.background.build(channels, generator)
        sampler = config.sampling.build(box, generator)
        return cls(field, box, sampler, background, backend, origin, span_s, origin_us)

    @property
    def world_box(self) -> Box:
        """The field's box in the world."""
        return self.box.about(cast(Triple, tuple(-value for value in self.origin)))

    @property
    def channels(self) -> int:
        """Colours of the radiance."""
        return self.field.channels

    @property
    def device(self) -> torch.device:
        """Where the field's numbers live."""
        return next((t.device for t in (*self.parameters(), *self.buffers())), torch.device("cpu"))

    def forward(
        self,
        rays: Rays,
        jitter: Float[Tensor, " n"] | None = None,
        *,
        quality: Quality | None = None,
        crop: Box | None = None,
        with_spans: bool = False,
    ) -> Rendered:
        """Radiance, opacity and depth of rays; of what lies in `crop` alone, where one is given.

        The quality is that of training, or of a final picture outside training mode, if None. `with_spans` gives every
        sample too, for which a backend's fused look is left aside.
        """
        quality = quality or ("train" if self.training else "final")
        spans = None
        looked = None if crop is not None or with_spans else self._fused(rays, jitter, quality)
        if with_spans and isinstance(self.field, FusedField) and self.backend.instruction_set():
            self.backend.falls_back("the fused look", "a loss looks at every sample of every ray")
        if looked is None:
            looked, spans = self._step_by_step(rays, jitter, quality, crop)
        depth = looked.moment / looked.opacity.clamp(min=1e-6)
        radiance = looked.radiance + (1 - looked.opacity)[:, None] * self.background(rays.direction)
        spans = spans if with_spans else None
        return Rendered(radiance, looked.opacity, depth, looked.distortion, looked.samples, spans)

    def ask(self, points: Points) -> tuple[Float[Tensor, " n"], Float[Tensor, "n c"]]:
        """Density (1 / world unit) and linear radiance of points in the coordinates of the box."""
        return self.field(points, self.backend)

    def density(self, points: Points) -> Float[Tensor, " n"]:
        """Density of points in the coordinates of the box, in 1 / world unit."""
        return self.field.density(points, self.backend)

    def holds(self, position: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
        """Whether the field is asked at points of the box, or skipped there."""
        return self.sampler.holds(position)

    def _fused(self, rays: Rays, jitter: Float[Tensor, " n"] | None, quality: Quality) -> Looked | None:
        """Rendering by a backend that has a fused kernel."""
        if not isinstance(self.field, FusedField):
            return None
        marching = self.sampler.marching(quality)
        return None if marching is None else self.field.fused_look(self.backend, rays, marching, jitter)

    def _step_by_step(
        self, rays: Rays, jitter: Float[Tensor, " n"] | None, quality: Quality, crop: Box | None
    ) -> tuple[Looked, RaySpans]:
        """Rendering step by step, which defines what every backend must equal."""
        sampled = self.sampler(rays, jitter, self.density, self.backend, quality=quality, crop=crop)
        density, radiance = self.ask(used_points(rays, sampled.samples))
        looked, weights = composited(sampled.samples, density, radiance, self.backend)
        return looked, RaySpans(sampled.samples, weights, sampled.proposals)

    def after_step(self, step: int, generator: torch.Generator) -> None:
        """Let the sampler look at the field after optimiser step `step`, counted from 1."""

        def density(position: Tensor) -> Tensor:
            if not self.field.moves:
                return self.density(Points(position))
            begin, end = self.span_s  # a cell is empty only if it is so at all times
            share = torch.rand(len(position), generator=generator).to(position.device)
            return self.density(Points(position, t_s=begin + share * (end - begin)))

        self.sampler.after_step(step, density, generator)

    def parameter_groups(self) -> list[ParameterGroup]:
        """What field, background and sampler learn."""
        parts = (self.field, self.background, self.sampler)
        return [group for part in parts for group in part.parameter_groups()]
