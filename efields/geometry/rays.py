"""Rays of light that reach pixels, traced back into the world."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from efields.geometry.pose import Poses


@dataclass(frozen=True, eq=False)
class Rays:
    """Half lines `origin + t * direction`, t >= 0; t is the distance along the ray (our only meaning of depth)."""

    origin: Float[Tensor, "n 3"]
    """Where each ray starts, world units."""
    direction: Float[Tensor, "n 3"]
    """Unit direction of each ray."""

    def __len__(self) -> int:
        return len(self.origin)

    def __getitem__(self, index: slice | Tensor) -> Rays:
        return Rays(self.origin[index], self.direction[index])

    def at(self, distance: Float[Tensor, "n s"]) -> Float[Tensor, "n s 3"]:
        """Points at `s` distances along each ray."""
        return self.origin[:, None, :] + distance[..., None] * self.direction[:, None, :]


def camera_rays(bearings: Float64[Tensor, "p 3"], pixel: Int64[Tensor, " n"], poses: Poses) -> Rays:
    """Rays of pixels seen from poses, one pose per pixel (or one for all), computed in float64, returned as float32.

    `bearings` are the camera's (`Camera.bearings()`, z = 1, any length is taken), on the device of the poses.
    Gradients flow to the poses.
    """
    bearing = bearings[pixel]
    direction = (poses.rotation @ bearing[:, :, None]).squeeze(-1)
    direction = direction / torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
    origin = poses.position.expand(len(pixel), 3)
    return Rays(_float32(origin), _float32(direction))


def _float32(values: Tensor) -> Float32[Tensor, "*n"]:
    """The values in single precision."""
    return values.to(torch.float32)
