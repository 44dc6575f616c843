"""Spans of one length, in cells of a coarse grid that remembers where the field has density.

Source: Mueller et al., Instant Neural Graphics Primitives, SIGGRAPH 2022, appendix E.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from efields.backends.parts import Marching
from efields.backends.reference import Backend
from efields.geometry.boxes import Box
from efields.geometry.rays import Rays
from efields.geometry.samples import Samples, compacted, cropped, marched
from efields.parameters import ParameterGroup
from efields.ranges import EveryNth, Range, check_ranges
from efields.samplers import DensityOf, Quality, Sampled

DRAFT_STEP = 1.5
"""Length of a draft's spans relative to training."""
DRAFT_STOP = 1e-2
"""Transmittance at which a draft's rays end."""
LATER_SHARE = 0.25
"""Fraction of the cells that an update evaluates after the warm-up."""
DECAY = 0.95
"""Factor by which a cell's remembered density decays at each update."""


@dataclass(frozen=True)
class Config:
    """Settings of the occupancy sampler."""

    samples: Annotated[int, Range(1, 2**16)] = 192
    """Spans along the diagonal of the box."""
    finer_views: Annotated[int, Range(1, 64)] = 2
    """Factor by which spans are shorter outside training, where precision matters more than speed."""
    grid_resolution: Annotated[int, Range(1, 512)] = 64
    """Cells of the occupancy grid along each edge."""
    least_alpha: Annotated[float, Range(0, below=1)] = 0.01
    """Alpha over one span below which a cell counts as empty."""
    early_stop: Annotated[float, Range(0, below=1)] = 1e-3
    """Transmittance below which the rest of a ray is skipped, determined from density alone; 0: never."""
    update_every: EveryNth = 16
    """Training steps between two updates of the occupancy grid."""
    warmup_steps: Annotated[int, Range(0, 10**12)] = 128
    """Steps during which every update evaluates all cells; later ones evaluate a quarter of them."""

    __post_init__ = check_ranges

    def build(self, box: Box, generator: torch.Generator) -> OccupancySampler:
        """The sampler of a box, all of whose cells count as occupied at first; nothing is drawn."""
        return OccupancySampler(self, box)


class OccupancySampler(nn.Module):
    """Marches through occupied cells, and ends where light does."""

    def __init__(self, config: Config, box: Box) -> None:
        super().__init__()
        self.config, self.box = config, box
        step = sum((h - lo) ** 2 for lo, h in zip(box.lo, box.hi, strict=True)) ** 0.5 / config.samples
        self.grid = OccupancyGrid(box, config.grid_resolution, step, config.least_alpha)

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
        """Spans in occupied cells that light reaches; see `Sampler`."""
        samples = self.grid.march(rays, jitter, self.span(quality))
        if crop is not None:
            samples = cropped(samples, rays, crop)
        stop = self._early_stop(quality)
        return Sampled(_until_opaque(rays, samples, density, stop) if stop > 0 else samples)

    def marching(self, quality: Quality) -> Marching:
        """The march as fused looks take it."""
        return Marching(self.grid.occupied, self.grid.resolution, self.span(quality), self._early_stop(quality))

    def span(self, quality: Quality) -> float:
        """Length of every span but the last of a ray, world units."""
        if quality == "draft":
            return DRAFT_STEP * self.grid.step
        return self.grid.step / (1 if quality == "train" else self.config.finer_views)

    def _early_stop(self, quality: Quality) -> float:
        stop = self.config.early_stop
        return max(stop, DRAFT_STOP) if quality == "draft" and stop > 0 else stop

    def holds(self, position: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
        """Whether the cell of each point is marked occupied."""
        return self.grid.holds(position)

    def reach(self) -> Box:
        """The smallest box around all occupied cells; the whole box where there is none."""
        return self.grid.reach()

    def after_step(self, step: int, density: Callable[[Tensor], Tensor], generator: torch.Generator) -> None:
        """Let the grid look at the field when it is its turn."""
        if step % self.config.update_every == 0:
            self.grid.update(density, generator, 1.0 if step <= self.config.warmup_steps else LATER_SHARE)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Nothing is learned."""
        return []


def _until_opaque(rays: Rays, samples: Samples, density: DensityOf, stop: float) -> Samples:
    """The samples that light reaches: a look at the density alone costs a fifth of what a hidden sample would."""
    used = samples.used
    rows, columns = used.nonzero(as_tuple=True)
    dense = samples.t_start.new_zeros(used.shape)
    dense[rows, columns] = density(rays.points(rows, samples.middle[rows, columns])).to(dense.dtype)
    depth = dense * samples.width
    reached = torch.exp(depth - depth.cumsum(dim=1)) > stop
    return compacted(samples, used & reached)


class OccupancyGrid(nn.Module):
    """Which cells of a box may hold density: a slowly fading maximum of the field's density in each cell."""

    density: Tensor
    occupied: Tensor

    def __init__(self, box: Box, resolution: int, step: float, least_alpha: float) -> None:
        """`resolution` cells along each edge; a cell is empty when its alpha over `step` is below `least_alpha`."""
        super().__init__()
        self.box, self.resolution, self.step, self.least_alpha = box, resolution, step, least_alpha
        cells = resolution**3
        self.register_buffer("density", torch.zeros(cells))
        self.register_buffer("occupied", torch.ones(cells, dtype=torch.bool))

    @torch.no_grad()
    def update(self, density_of: Callable[[Tensor], Tensor], generator: torch.Generator, share: float = 1.0) -> None:
        """Ask the field at a random point of a random `share` of the cells and mark the cells anew."""
        cells, device = self.resolution**3, self.density.device
        if share >= 1.0:
            index = torch.arange(cells, device=device)
        else:
            index = torch.randint(0, cells, (int(cells * share),), generator=generator).to(device)
        inside = torch.rand((len(index), 3), generator=generator).to(device)
        found = torch.cat([density_of(part) for part in self._points(index, inside).split(1 << 16)])
        self.density.mul_(DECAY if share >= 1.0 else DECAY**share)
        # A cell may be drawn twice in one update: amax keeps the larger whatever the order.
        self.density.scatter_reduce_(0, index, found.to(self.density.dtype), "amax")
        alpha = -torch.expm1(-self.density * self.step)
        # Relative to the mean while the field is still thin, or an untrained one would lose cells at random.
        threshold = torch.clamp(0.5 * alpha.mean(), max=self.least_alpha)
        self.occupied.copy_(alpha > threshold)

    def _points(self, index: Tensor, inside: Tensor) -> Tensor:
        r = self.resolution
        cell = torch.stack((index // (r * r), (index // r) % r, index % r), dim=1)
        low, high = (torch.tensor(end, dtype=torch.float32, device=index.device) for end in (self.box.lo, self.box.hi))
        return low + (cell + inside) / r * (high - low)

    def holds(self, position: Float[Tensor, "*n 3"]) -> Bool[Tensor, "*n"]:
        """Whether the cell of each point is marked occupied; points outside the box count as in the nearest cell."""
        r = self.resolution
        cell = (self.box.unit(position) * r).to(torch.int32).clamp_(0, r - 1)
        index = (cell[..., 0] * r + cell[..., 1]) * r + cell[..., 2]
        return self.occupied[index.long()]

    def march(self, rays: Rays, jitter: Float[Tensor, " n"] | None, step: float | None = None) -> Samples:
        """Spans of length `step` (the grid's if None) in occupied cells only, gathered at the front of each row."""
        samples = marched(rays, self.box, self.step if step is None else step, jitter)
        keep = samples.used
        ray, column = keep.nonzero(as_tuple=True)
        keep[ray, column] = self.holds(rays.points(ray, samples.middle[ray, column]).position)
        return compacted(samples, keep)

    def reach(self) -> Box:
        """The smallest box around all occupied cells; the whole box where there is none."""
        box, r = self.box, self.resolution
        if not bool(self.occupied.any()):
            return box
        cells = self.occupied.view(r, r, r).cpu()
        lo, hi = [], []
        for axis in range(3):
            used = cells.any(dim=(axis + 1) % 3, keepdim=True).any(dim=(axis + 2) % 3, keepdim=True).flatten().nonzero()
            cell = box.size[axis] / r
            lo.append(box.lo[axis] + int(used.min()) * cell)
            hi.append(min(box.lo[axis] + (int(used.max()) + 1) * cell, box.hi[axis]))
        return Box((lo[0], lo[1], lo[2]), (hi[0], hi[1], hi[2]))
