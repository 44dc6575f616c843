"""A field in closed form, two soft balls, a torus and a box: its volume, and pictures by fine quadrature of itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from efields.export.bake import Voxels, encode
from efields.export.volume import Volume
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera

BOX = Box((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
BACKGROUND = (0.12, 0.1, 0.08)
DENSEST = 30.0
"""Density inside of the torus and the box."""
SOFT = 0.02
"""World units over which a surface rises."""
FINE = 1 / 400
"""World units between points of the quadrature."""


def density(point: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n"]:
    """Density, in 1 / world unit."""
    x, y, z = point.unbind(-1)
    soft = 9.0 * torch.exp(-_square(point, (0.42, -0.35, 0.2)) / (2 * 0.17**2))
    soft = soft + 14.0 * torch.exp(-_square(point, (-0.45, 0.3, -0.3)) / (2 * 0.13**2))
    ring = torch.stack([torch.hypot(x, y) - 0.55, z - 0.05], dim=-1)
    torus = 0.15 - torch.linalg.vector_norm(ring, dim=-1)
    apart = torch.stack([(x + 0.1).abs() - 0.22, (y + 0.15).abs() - 0.18, (z - 0.25).abs() - 0.3], dim=-1)
    box = -apart.amax(dim=-1)
    solid = torch.sigmoid(torch.maximum(torus, box) / SOFT * 2.0)
    return torch.where((soft < 0.02) & (solid < 1e-3), 0.0, soft + DENSEST * solid)


def radiance(point: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """Linear radiance, 0.06 to 0.9."""
    phase = torch.tensor([0.0, 2.0, 4.0], dtype=point.dtype)
    return 0.48 + 0.42 * torch.sin(2.2 * point + 1.3 * point.roll(1, dims=-1) + phase)


def volume(resolution: int, channels: int = 3) -> Volume:
    """The field on a grid, each voxel with the values at its centre."""
    edge = 2.0 / resolution
    middle = -1.0 + edge * (torch.arange(resolution, dtype=torch.float64) + 0.5)
    z, y, x = torch.meshgrid(middle, middle, middle, indexing="ij")
    point = torch.stack([x, y, z], dim=-1)
    alpha = -torch.expm1(-density(point) * edge)
    seen = torch.where(alpha[..., None] > 0, radiance(point)[..., :channels], 0.0)
    return encode([(None, Voxels(BOX, alpha.float().numpy(), seen.float().numpy(), edge, True))], "alpha")


@dataclass(frozen=True)
class Truth:
    """What the pixels of one picture see of the field itself."""

    radiance: Float[np.ndarray, "h w 3"]
    """Linear radiance."""
    opacity: Float[np.ndarray, "h w"]
    """0 to 1."""
    depth: Float[np.ndarray, "h w"]
    """Mean distance along the unit ray, inf where opacity is below one half."""


def truth(camera: Camera, T_world_camera: np.ndarray, crop: Box | None = None) -> Truth:
    """The picture by quadrature of the field, not of a grid."""
    way = torch.from_numpy(camera.bearings() @ T_world_camera[:3, :3].T)
    way /= torch.linalg.vector_norm(way, dim=-1, keepdim=True)
    eye = torch.from_numpy(T_world_camera[:3, 3].copy())
    parts = [_quadrature(eye, rays, crop or BOX) for rays in way.split(2048)]
    seen, left, along = (torch.cat(column) for column in zip(*parts, strict=True))
    opacity = 1.0 - left
    depth = torch.where(opacity >= 0.5, along / opacity.clamp(min=1e-9), torch.inf)
    size = (camera.height, camera.width)
    behind = seen + left[:, None] * torch.tensor(BACKGROUND)
    return Truth(behind.numpy().reshape(*size, 3), opacity.numpy().reshape(size), depth.numpy().reshape(size))


def _quadrature(eye: Tensor, way: Tensor, box: Box) -> tuple[Tensor, Tensor, Tensor]:
    lo, hi = (torch.tensor(corner, dtype=way.dtype) for corner in (box.lo, box.hi))
    to_lo, to_hi = (lo - eye) / way, (hi - eye) / way
    near = torch.minimum(to_lo, to_hi).amax(dim=-1).clamp(min=0.0)
    far = torch.maximum(to_lo, to_hi).amin(dim=-1)
    start = float(near[far > near].min()) if bool((far > near).any()) else 0.0
    end = float(far.max())
    t = start + FINE * (torch.arange(max(1, math.ceil((end - start) / FINE)), dtype=way.dtype) + 0.5)
    ray, span = ((t > near[:, None]) & (t < far[:, None])).nonzero(as_tuple=True)
    point = (eye + t[span, None] * way[ray]).float()
    tau = torch.zeros((len(way), len(t)))
    tau[ray, span] = density(point) * FINE
    before = torch.exp(tau - tau.cumsum(dim=1))
    weight = before * -torch.expm1(-tau)
    light = weight[ray, span]
    some = light > 1e-6
    seen = torch.zeros((len(way), 3)).index_add_(0, ray[some], light[some, None] * radiance(point[some]))
    return seen, torch.exp(-tau.sum(dim=1)), (weight * t.float()).sum(dim=1)


def _square(point: Tensor, centre: tuple[float, float, float]) -> Tensor:
    return (point - torch.tensor(centre, dtype=point.dtype)).square().sum(dim=-1)
