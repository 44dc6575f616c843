"""Where along each ray the field is asked: dense rows of spans, of which unused ones have no width."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from efields.geometry.boxes import Box
from efields.geometry.rays import Rays


@dataclass(frozen=True)
class Samples:
    """Spans along rays."""

    t_start: Float[Tensor, "n s"]
    """Where each span begins: distance along the unit ray, world units."""
    t_end: Float[Tensor, "n s"]
    """Where it ends; equal to `t_start` for an unused span."""

    @property
    def middle(self) -> Float[Tensor, "n s"]:
        """Distance at which the field is evaluated."""
        return 0.5 * (self.t_start + self.t_end)

    @property
    def width(self) -> Float[Tensor, "n s"]:
        """Length of each span."""
        return self.t_end - self.t_start

    @property
    def used(self) -> Bool[Tensor, "n s"]:
        """Spans that have a width."""
        return self.t_end > self.t_start


def stratified(rays: Rays, box: Box, count: int, jitter: Float[Tensor, " n"] | None) -> Samples:
    """`count` equal spans between the ends of the box along each ray, cut in at `jitter` of a span (0.5 if None).

    The first and last spans are cut at the box. A ray that misses the box has no used span.
    Source: Mildenhall et al., NeRF, ECCV 2020, section 4, with one jitter a ray so that two rays can share it.
    """
    near, far = box.intersect(rays)
    far = torch.maximum(near, far)
    step = (far - near) / count
    return _regular(near, far, step, count, jitter)


def marched(rays: Rays, box: Box, step: float, jitter: Float[Tensor, " n"] | None) -> Samples:
    """Spans of the same length `step` from where each ray enters the box to where it leaves."""
    near, far = box.intersect(rays)
    far = torch.maximum(near, far)
    longest = float((far - near).max()) if len(near) else 0.0
    return _regular(near, far, torch.full_like(near, step), int(longest / step) + 1, jitter)


def _regular(near: Tensor, far: Tensor, step: Tensor, count: int, jitter: Tensor | None) -> Samples:
    shift = 0.5 if jitter is None else jitter[:, None]
    # `count + 1` edges around the jittered grid; clamping makes spans beyond the box empty.
    edges = near[:, None] + (torch.arange(count + 2, device=near.device, dtype=near.dtype) - shift) * step[:, None]
    edges = torch.minimum(torch.maximum(edges, near[:, None]), far[:, None])
    return Samples(edges[:, :-1], edges[:, 1:])


def compacted(samples: Samples, keep: Bool[Tensor, "n s"]) -> Samples:
    """The kept spans of each ray, moved to the front of a narrower row; the rest of the row is unused."""
    per_ray = keep.sum(dim=1)
    widest = max(int(per_ray.max()) if len(per_ray) else 0, 1)
    ray, column = keep.nonzero(as_tuple=True)
    first = torch.cumsum(per_ray, 0) - per_ray
    slot = ray * widest + torch.arange(len(ray), device=ray.device) - first[ray]
    rows = (keep.shape[0], widest)
    start, end = samples.t_start.new_zeros(rows[0] * rows[1]), samples.t_start.new_zeros(rows[0] * rows[1])
    start[slot], end[slot] = samples.t_start[ray, column], samples.t_end[ray, column]
    return Samples(start.view(rows), end.view(rows))


def cropped(samples: Samples, rays: Rays, crop: Box) -> Samples:
    """The part of the spans that lies in `crop`: cut exactly at its faces, the rest left out."""
    near, far = crop.intersect(rays)
    start = torch.minimum(torch.maximum(samples.t_start, near[:, None]), far[:, None])
    end = torch.maximum(torch.minimum(samples.t_end, far[:, None]), start)
    return compacted(Samples(start, end), end > start)
