"""A coarse grid that remembers where the field has density, so that empty space is not sampled.

Source: Mueller et al., Instant Neural Graphics Primitives, SIGGRAPH 2022, appendix E.1.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from efields.geometry.boxes import Box
from efields.geometry.rays import Rays
from efields.render.samples import Samples, compacted, marched

DECAY = 0.95
"""What a cell keeps of its remembered density at each update."""


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

    def march(self, rays: Rays, jitter: Float[Tensor, " n"] | None, finer: int = 1) -> Samples:
        """Spans of length `step / finer` in occupied cells only, gathered at the front of each row."""
        samples = marched(rays, self.box, self.step / finer, jitter)
        keep = samples.used
        ray, column = keep.nonzero(as_tuple=True)
        middle = samples.middle[ray, column]
        keep[ray, column] = self.holds(rays.origin[ray] + middle[:, None] * rays.direction[ray])
        return compacted(samples, keep)
