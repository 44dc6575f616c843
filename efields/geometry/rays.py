"""Rays of light that arrive at pixels, traced backwards into the world, and points on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from efields.geometry.pose import Poses


@dataclass(frozen=True, eq=False)
class Points:
    """Where and when a field is asked, and from which side."""

    position: Float[Tensor, "n 3"]
    """Points in the coordinates of the field's box, world units."""
    direction: Float[Tensor, "n 3"] | None = None
    """Unit direction from the camera to each point; None where radiance is not asked for."""
    t_s: Float[Tensor, " n"] | None = None
    """Seconds since the recording's start; None is the start itself. A field that stands still ignores it."""

    def __len__(self) -> int:
        return len(self.position)

    @property
    def seconds(self) -> Float[Tensor, " n"]:
        """Seconds since the recording's start, zeros where no time was given."""
        return self.position.new_zeros(len(self)) if self.t_s is None else self.t_s

    @property
    def view(self) -> Float[Tensor, "n 3"]:
        """The direction from the camera; raises `ValueError` where none was given."""
        if self.direction is None:
            raise ValueError("radiance is asked for, and the points have no direction")
        return self.direction


@dataclass(frozen=True, eq=False)
class Rays:
    """Half lines `origin + t * direction`, t >= 0; t is the distance along the ray (our only meaning of depth)."""

    origin: Float[Tensor, "n 3"]
    """Where each ray starts, world units."""
    direction: Float[Tensor, "n 3"]
    """Unit direction of each ray."""
    t_s: Float[Tensor, " n"] | None = None
    """When each pixel sees it, seconds since the recording's start; None is the start itself."""

    def __len__(self) -> int:
        return len(self.origin)

    def __getitem__(self, index: slice | Tensor) -> Rays:
        return Rays(self.origin[index], self.direction[index], None if self.t_s is None else self.t_s[index])

    @staticmethod
    def concat(parts: list[Rays]) -> Rays:
        """All rays, one set after the other; those without a time are at the recording's start."""
        if all(part.t_s is None for part in parts):
            t_s = None
        else:
            t_s = torch.cat([p.origin.new_zeros(len(p)) if p.t_s is None else p.t_s for p in parts])
        return Rays(torch.cat([p.origin for p in parts]), torch.cat([p.direction for p in parts]), t_s)

    def points(self, ray: Int64[Tensor, " m"], distance: Float[Tensor, " m"]) -> Points:
        """Points at distances along the rays of these numbers."""
        direction = self.direction[ray]
        position = self.origin[ray] + distance[:, None] * direction
        return Points(position, direction, None if self.t_s is None else self.t_s[ray])


def camera_rays(
    bearings: Float64[Tensor, "p 3"],
    pixel: Int64[Tensor, " n"],
    poses: Poses,
    t_s: Float[Tensor, " n"] | None = None,
) -> Rays:
    """Rays of pixels seen from poses, one pose a pixel (or one pose for all), computed in float64, given as float32.

    `bearings` are the camera's (`Camera.bearings()`, z = 1, any length is taken), on the device of the poses; `t_s` are
    the times that the rays carry. Gradients flow to the poses.
    """
    bearing = bearings[pixel]
    direction = (poses.rotation @ bearing[:, :, None]).squeeze(-1)
    direction = direction / torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
    origin = poses.position.expand(len(pixel), 3)
    return Rays(_float32(origin), _float32(direction), None if t_s is None else _float32(t_s))


def _float32(values: Tensor) -> Float32[Tensor, "*n"]:
    """The values in single precision."""
    return values.to(torch.float32)
