"""Flow on a regular lattice and events warped along it, in plain torch, which defines what faster ones must equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

FlowAt = Callable[[Float[Tensor, " n"], Float[Tensor, "n 2"]], Float[Tensor, "n 2"]]
"""Flow at times and places: (seconds, normalised places) -> normalised units a second."""


@dataclass(frozen=True)
class LatticeExtent:
    """Where a lattice's first and last nodes stand along each axis."""

    half_s: float
    """Times from -half_s to half_s, seconds."""
    centre: tuple[float, float]
    """Middle of the places (x, y), normalised coordinates."""
    half: tuple[float, float]
    """Half the extent of the places (x, y), normalised coordinates."""


def flow_on_lattice(
    values: Float[Tensor, "2 times rows columns"],
    extent: LatticeExtent,
    t_s: Float[Tensor, " n"],
    bearing: Float[Tensor, "n 2"],
) -> Float[Tensor, "n 2"]:
    """Flow at times and places, linear between nodes; beyond the lattice that of its edge.

    Differentiable in `values` and in `bearing`, by which it does not change on the edge and beyond.
    """
    place = (bearing - bearing.new_tensor(extent.centre)) / bearing.new_tensor(extent.half)
    where = torch.cat((place, (t_s / extent.half_s)[:, None]), dim=1).reshape(1, -1, 1, 1, 3)
    found = grid_sample(values[None], where, mode="bilinear", padding_mode="border", align_corners=True)
    return found.reshape(2, -1).T


def along_trajectories(
    flow: FlowAt, t_s: Float[Tensor, " n"], bearing: Float[Tensor, "n 2"], to_s: Float[Tensor, " n"], steps: int
) -> Float[Tensor, "n 2"]:
    """Places at times `to_s` of what is at `bearing` at `t_s`: midpoint steps along dx/dt = u(t, x).

    Source: E-MoFlow (Li et al., NeurIPS 2025), equation of the warp, by the midpoint rule in place of one Euler step.
    """
    step = (to_s - t_s) / steps
    for number in range(steps):
        start = t_s + number * step
        middle = bearing + 0.5 * step[:, None] * flow(start, bearing)
        bearing = bearing + step[:, None] * flow(start + 0.5 * step, middle)
    return bearing
