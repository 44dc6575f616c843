"""The look of a field: rays in, radiance, opacity and depth out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from efields.backends.parts import Looked, Marching
from efields.backends.reference import Backend
from efields.geometry.boxes import Box, Triple
from efields.geometry.origin import ZERO, origin_of
from efields.geometry.rays import Rays
from efields.ranges import EveryNth, Range, check_ranges
from efields.render.occupancy import OccupancyGrid
from efields.render.samples import Samples, compacted, distortion, stratified


class Field(Protocol):
    """What the renderer asks of a field."""

    channels: int

    def __call__(self, position: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        """Density `[n]` and radiance `[n, c]` of points `[n, 3]` seen along unit directions `[n, 3]`."""
        ...

    def density(self, position: Tensor) -> Tensor:
        """Density `[n]` of points `[n, 3]`."""
        ...

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Learned parameters by the part that they play."""
        ...


@dataclass(frozen=True)
class Sampling:
    """How rays are sampled."""

    kind: Literal["occupancy", "stratified"] = "occupancy"
    """`occupancy` skips empty cells with spans of one length; `stratified` divides the box along each ray evenly."""
    samples: Annotated[int, Range(1, 2**16)] = 192
    """Spans along the diagonal of the box (occupancy) or along each ray (stratified)."""
    finer_views: Annotated[int, Range(1, 64)] = 2
    """How many times shorter spans are outside training, where precision counts for more than speed (occupancy)."""
    grid_resolution: Annotated[int, Range(1, 512)] = 64
    """Cells of the occupancy grid along each edge."""
    least_alpha: Annotated[float, Range(0, below=1)] = 0.01
    """Alpha over one span below which a cell counts as empty."""
    early_stop: Annotated[float, Range(0, below=1)] = 1e-3
    """Transmittance below which the rest of a ray is left out, by a first look at the density; 0 never."""
    update_every: EveryNth = 16
    """Training steps between two looks of the occupancy grid at the field."""
    warmup_steps: Annotated[int, Range(0, 10**12)] = 128
    """Steps during which every update looks at every cell; later ones look at a quarter of them."""

    __post_init__ = check_ranges


@dataclass(frozen=True)
class Rendered:
    """What rays see."""

    radiance: Float[Tensor, "n c"]
    """Linear radiance with the background behind it."""
    opacity: Float[Tensor, " n"]
    """Share of the ray that the field stops, 0 to 1."""
    depth: Float[Tensor, " n"]
    """Mean distance along the unit ray of what stops it, world units; 0 where nothing does."""
    distortion: Float[Tensor, " n"]
    """How far apart along the ray the weights lie, world units (Mip-NeRF 360, CVPR 2022, eq. 15)."""
    samples: int
    """Field samples that were taken."""


class Renderer(nn.Module):
    """A field in its box before a learned background of one colour.

    Rays, box and field count from `origin`, a point of the world near the scene: single precision resolves a survey
    grid's coordinates no better than half a metre.
    """

    def __init__(self, field: Field, box: Box, sampling: Sampling, backend: Backend, origin: Triple = ZERO) -> None:
        super().__init__()
        self.field, self.box, self.sampling, self.backend, self.origin = field, box, sampling, backend, origin
        # softplus(0.5) = 0.97: bright, as log intensity is free up to an offset and objects are darker than paper.
        self.background_raw = nn.Parameter(torch.full((field.channels,), 0.5))
        self.grid: OccupancyGrid | None = None
        if sampling.kind == "occupancy":
            diagonal = sum((h - lo) ** 2 for lo, h in zip(box.lo, box.hi, strict=True)) ** 0.5
            step = diagonal / sampling.samples
            self.grid = OccupancyGrid(box, sampling.grid_resolution, step, sampling.least_alpha)

    @classmethod
    def over(
        cls,
        world_box: Box,
        field: Any,
        channels: int,
        sampling: Sampling,
        backend: Backend,
        generator: torch.Generator,
        origin: Triple | None = None,
    ) -> Renderer:
        """A renderer of a new field over a box of the world; `field` is a Config of efields.fields.

        It counts from `origin`, or from where the box asks for (`origin_of`).
        """
        origin = origin_of(world_box) if origin is None else origin
        box = world_box.about(origin)
        return cls(field.build(box, channels, backend, generator), box, sampling, backend, origin)

    @property
    def world_box(self) -> Box:
        """The field's box in the world."""
        return self.box.about(cast(Triple, tuple(-value for value in self.origin)))

    @property
    def background(self) -> Float[Tensor, " c"]:
        """Linear radiance of the background."""
        return nn.functional.softplus(self.background_raw) + 1e-3

    def sample(self, rays: Rays, jitter: Float[Tensor, " n"] | None) -> Samples:
        """Where the field is asked along rays; `jitter` in [0, 1) shifts the spans of each ray, None fixes them."""
        if self.grid is None:
            return stratified(rays, self.box, self.sampling.samples, jitter)
        samples = self.grid.march(rays, jitter, 1 if self.training else self.sampling.finer_views)
        return self._until_opaque(rays, samples) if self.sampling.early_stop > 0 else samples

    def _until_opaque(self, rays: Rays, samples: Samples) -> Samples:
        """The samples that light reaches: a look at the density alone costs a fifth of what a hidden sample would."""
        used = samples.used
        rows, columns = used.nonzero(as_tuple=True)
        density = samples.t_start.new_zeros(used.shape)
        position = rays.origin[rows] + samples.middle[rows, columns, None] * rays.direction[rows]
        density[rows, columns] = self.field.density(position).to(density.dtype)
        depth = density * samples.width
        reached = torch.exp(depth - depth.cumsum(dim=1)) > self.sampling.early_stop
        return compacted(samples, used & reached)

    def forward(self, rays: Rays, jitter: Float[Tensor, " n"] | None = None) -> Rendered:
        """Radiance, opacity and depth of rays."""
        looked = self._fused(rays, jitter)
        if looked is None:
            looked = self._step_by_step(rays, jitter)
        depth = looked.moment / looked.opacity.clamp(min=1e-6)
        radiance = looked.radiance + (1 - looked.opacity)[:, None] * self.background
        return Rendered(radiance, looked.opacity, depth, looked.distortion, looked.samples)

    def _fused(self, rays: Rays, jitter: Float[Tensor, " n"] | None) -> Looked | None:
        """The look by a backend that does all of it in one go."""
        parts = getattr(self.field, "parts", None)
        if parts is None or self.grid is None:
            return None
        step = self.grid.step / (1 if self.training else self.sampling.finer_views)
        marching = Marching(self.grid.occupied, self.grid.resolution, step, self.sampling.early_stop)
        return self.backend.look(parts(), marching, rays.origin, rays.direction, jitter)

    def _step_by_step(self, rays: Rays, jitter: Float[Tensor, " n"] | None) -> Looked:
        """The look that defines what every backend's must equal."""
        with torch.no_grad():
            samples = self.sample(rays, jitter)
        rows, columns = samples.used.nonzero(as_tuple=True)
        direction = rays.direction[rows]
        position = rays.origin[rows] + samples.middle[rows, columns, None] * direction
        density, radiance = self.field(position, direction)
        shape = samples.t_start.shape
        flat = rows * shape[1] + columns
        dense = density.new_zeros(shape[0] * shape[1]).index_put((flat,), density).view(shape)
        colours = radiance.new_zeros((shape[0] * shape[1], radiance.shape[1])).index_put((flat,), radiance)
        seen, weights = self.backend.composite(dense, colours.view(*shape, radiance.shape[1]), samples.width)
        moment = (weights * samples.middle).sum(dim=1)
        return Looked(seen, weights.sum(dim=1), moment, distortion(weights, samples), len(rows))

    def after_step(self, step: int, generator: torch.Generator) -> None:
        """Let the occupancy grid look at the field when optimiser step `step`, counted from 1, is one of its turns."""
        if self.grid is None or step % self.sampling.update_every:
            return
        share = 1.0 if step <= self.sampling.warmup_steps else 0.25
        self.grid.update(self.field.density, generator, share)
