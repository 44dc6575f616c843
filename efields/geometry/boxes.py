"""Axis-aligned boxes that hold the scene."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, cast

import torch
from jaxtyping import Float
from torch import Tensor

from efields.errors import InputError
from efields.geometry.rays import Rays
from efields.ranges import Range

Triple = tuple[float, float, float]
"""A point or a size: x, y, z in world units."""


@dataclass(frozen=True)
class Box:
    """An axis-aligned box of the world.

    Raises `InputError` unless `lo < hi` on every axis and all six numbers are finite.
    """

    lo: Annotated[Triple, Range(-1e12, 1e12)]
    """Smallest corner, world units."""
    hi: Annotated[Triple, Range(-1e12, 1e12)]
    """Largest corner, world units."""

    def __post_init__(self) -> None:
        for name in ("lo", "hi"):
            corner = tuple(float(value) for value in getattr(self, name))
            if len(corner) != 3:
                raise InputError(f"corner {name} of a box has {len(corner)} numbers", do="give three")
            object.__setattr__(self, name, cast(Triple, corner))
        if not all(math.isfinite(value) for value in self.lo + self.hi) or not all(
            low < high for low, high in zip(self.lo, self.hi, strict=True)
        ):
            raise InputError(f"box from {self.lo} to {self.hi} is empty", do="give lo below hi on every axis")

    @classmethod
    def between(cls, corner: Triple, opposite: Triple) -> Box:
        """The box between any two opposite corners; raises `InputError` like the box itself."""
        pairs = list(zip(corner, opposite, strict=True))
        return cls(cast(Triple, tuple(map(min, pairs))), cast(Triple, tuple(map(max, pairs))))

    @property
    def size(self) -> Triple:
        """Length of each side, world units."""
        return cast(Triple, tuple(high - low for low, high in zip(self.lo, self.hi, strict=True)))

    @property
    def center(self) -> Triple:
        """Middle of the box, world units."""
        return cast(Triple, tuple(0.5 * (low + high) for low, high in zip(self.lo, self.hi, strict=True)))

    @property
    def diagonal(self) -> float:
        """Distance between opposite corners, world units."""
        return math.hypot(*self.size)

    def equals(self, other: Box) -> bool:
        """Whether the corners are equal up to rounding (a billionth of the diagonal)."""
        pairs = zip(self.lo + self.hi, other.lo + other.hi, strict=True)
        return all(abs(one - another) <= 1e-9 * self.diagonal for one, another in pairs)

    def about(self, origin: Triple) -> Box:
        """The same box with its corners relative to `origin`."""
        lo, hi = (tuple(c - o for c, o in zip(end, origin, strict=True)) for end in (self.lo, self.hi))
        return Box(cast(Triple, lo), cast(Triple, hi))

    def intersect(self, rays: Rays) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """Distances along each ray at which it enters and leaves the box, not below 0 (slab method).

        A ray that misses the box, or has it behind, gives `t_far <= t_near`.
        """
        lo, hi = self._corners(rays.origin)
        # A direction of 0 along an axis would give 0/0 for an origin on the slab's face; a tiny one gives the limit.
        tiny = torch.finfo(rays.direction.dtype).tiny ** 0.5
        safe = torch.where(rays.direction.abs() < tiny, torch.full_like(rays.direction, tiny), rays.direction)
        to_lo, to_hi = (lo - rays.origin) / safe, (hi - rays.origin) / safe
        t_near = torch.minimum(to_lo, to_hi).amax(dim=-1)
        t_far = torch.maximum(to_lo, to_hi).amin(dim=-1)
        return t_near.clamp(min=0.0), t_far.clamp(min=0.0)

    def unit(self, points: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
        """Points in the box's own coordinates: `lo` is 0, `hi` is 1."""
        lo, hi = self._corners(points)
        return (points - lo) / (hi - lo)

    def _corners(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """The two corners as tensors of the same type and on the same device."""
        return like.new_tensor(self.lo), like.new_tensor(self.hi)
