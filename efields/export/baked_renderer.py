"""The reference renderer of a baked volume: the ray march that the viewer's shader must match; not built for speed.

A ray is clipped to the box and divided into spans of one length, the last one shortened. Codes are interpolated between
voxel centres, decoded, and composited front to back until less than a thousandth of the light is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from efields.export.background import BakedBackground
from efields.export.volume import Volume
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera

LEAST_TRANSMITTANCE = 1e-3
"""Transmittance below which the rest of a ray is skipped."""
OPAQUE = 0.5
"""Opacity from which a ray has a depth."""


@dataclass(frozen=True)
class BakedView:
    """What the pixels of one image see."""

    radiance: Float64[np.ndarray, "h w c"]
    """Linear radiance with the background behind it."""
    opacity: Float64[np.ndarray, "h w"]
    """Fraction of light that the volume stops."""
    depth: Float64[np.ndarray, "h w"]
    """Distance along the unit ray, world units; inf where opacity is below one half."""
    normal: Float64[np.ndarray, "h w 3"] | None
    """Unit direction in which density falls, weighted along the ray; 0 where there is no depth; None unasked."""
    samples: int
    """Number of codes looked up."""


class BakedRenderer:
    """Renders the codes of a volume on the CPU."""

    def __init__(self, volume: Volume, background: BakedBackground, t_s: float | None = None) -> None:
        """The volume at a time; `t_s` counts only where it has more than one keyframe."""
        self.volume = volume
        self.background = background
        codes = torch.from_numpy(blended_codes(volume, t_s))
        self._codes = codes.permute(3, 0, 1, 2)[None].contiguous()
        self._occupied = torch.from_numpy(volume.occupancy()).bool()

    def view(
        self,
        camera: Camera,
        T_world_camera: Float64[np.ndarray, "4 4"],
        *,
        crop: Box | None = None,
        skip: bool = True,
        normals: bool = False,
        chunk: int = 1 << 14,
    ) -> BakedView:
        """One picture, with the camera's distortion; `skip` leaves out empty blocks, which changes no bit."""
        bearings = camera.bearings()
        way = bearings @ T_world_camera[:3, :3].T
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        eye = torch.from_numpy(np.array(T_world_camera[:3, 3], dtype=np.float64))
        parts = [self._march(eye, rays, crop, skip, normals) for rays in torch.from_numpy(way).split(chunk)]
        radiance, opacity, depth, normal = (torch.cat(column).numpy() for column in list(zip(*parts, strict=True))[:4])
        size = (camera.height, camera.width)
        return BakedView(
            radiance.reshape(*size, -1),
            opacity.reshape(size),
            depth.reshape(size),
            normal.reshape(*size, 3) if normals else None,
            sum(part[4] for part in parts),
        )

    def _march(
        self, eye: Tensor, way: Tensor, crop: Box | None, skip: bool, normals: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
        near, far = self._clip(eye, way, crop)
        ds = self.volume.step
        spans = max(int(((far - near).max() / ds).ceil()), 1) + 1
        start = near[:, None] + torch.arange(spans, dtype=torch.float64) * ds
        width = (far[:, None] - start).clamp(min=0.0, max=ds)
        middle = start + 0.5 * width
        ray, span = (width > 0).nonzero(as_tuple=True)
        point = eye + middle[ray, span, None] * way[ray]
        if skip:
            kept = self._meets_density(point)
            ray, span, point = ray[kept], span[kept], point[kept]
        codes = self._interpolated(point)
        tau = torch.zeros_like(middle)
        tau[ray, span] = self._sigma(codes) * width[ray, span]
        before = torch.exp(tau - tau.cumsum(dim=1))
        tau = torch.where(before >= LEAST_TRANSMITTANCE, tau, torch.zeros_like(tau))
        weight = before * -torch.expm1(-tau)
        left = torch.exp(-tau.sum(dim=1))
        opacity = 1.0 - left
        low, high = (torch.tensor(ends, dtype=torch.float64) for ends in self._radiance_range())
        share = weight[ray, span]
        seen = torch.zeros((len(way), len(low)), dtype=torch.float64)
        colour = codes[:, 1:] if self.volume.channels == "mono" else codes[:, :3]
        seen.index_add_(0, ray, share[:, None] * torch.exp(low + colour * (high - low)))
        radiance = seen + left[:, None] * torch.from_numpy(np.array(self.background(way.numpy())))
        deep = opacity >= OPAQUE
        depth = torch.where(deep, (weight * middle).sum(dim=1) / opacity.clamp(min=1e-12), torch.inf)
        normal = self._normals(ray, share, point, deep) if normals else torch.zeros((len(way), 3))
        return radiance, opacity, depth, normal, len(ray)

    def _clip(self, eye: Tensor, way: Tensor, crop: Box | None) -> tuple[Tensor, Tensor]:
        """Distances at which rays enter and leave the box, or the part of it that `crop` leaves."""
        lo, hi = np.array(self.volume.box.lo), np.array(self.volume.box.hi)
        if crop is not None:
            lo, hi = np.maximum(lo, crop.lo), np.minimum(hi, crop.hi)
            if (lo >= hi).any():
                return torch.zeros(len(way), dtype=torch.float64), torch.zeros(len(way), dtype=torch.float64)
        safe = torch.where(way.abs() < 1e-9, torch.full_like(way, 1e-9), way)
        to_lo, to_hi = ((torch.from_numpy(corner) - eye) / safe for corner in (lo, hi))
        near = torch.minimum(to_lo, to_hi).amax(dim=1).clamp(min=0.0)
        return near, torch.maximum(torch.maximum(to_lo, to_hi).amin(dim=1), near)

    def _meets_density(self, point: Tensor) -> Tensor:
        """Whether the block of each point can hold density."""
        edge = torch.from_numpy(self.volume.edge) * self.volume.block
        cell = ((point - torch.tensor(self.volume.box.lo, dtype=torch.float64)) / edge).floor().long()
        z, y, x = self._occupied.shape
        cell = torch.minimum(cell.clamp(min=0), torch.tensor([x - 1, y - 1, z - 1]))
        return self._occupied[cell[:, 2], cell[:, 1], cell[:, 0]]

    def _interpolated(self, point: Tensor) -> Float[Tensor, "n k"]:
        """Codes 0..1 between voxel centres; beyond the outer centres the nearest."""
        lo = torch.tensor(self.volume.box.lo, dtype=torch.float64)
        unit = (point - lo) / torch.tensor(self.volume.box.size, dtype=torch.float64)
        place = (2.0 * unit - 1.0).to(torch.float32)[None, None, None]
        found = torch.nn.functional.grid_sample(
            self._codes, place, mode="bilinear", padding_mode="border", align_corners=False
        )
        return found[0, :, 0, 0].T.double()

    def _sigma(self, codes: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        """Density that codes tell."""
        q = codes[:, 0] if self.volume.channels == "mono" else codes[:, 3]
        rule = self.volume.density
        if rule.encoding == "linear":
            return q * rule.sigma_max
        return -torch.log1p(-q * rule.full_alpha) / rule.reference_length

    def _radiance_range(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self.volume.radiance.low, self.volume.radiance.high

    def _normals(self, ray: Tensor, share: Tensor, point: Tensor, deep: Tensor) -> Tensor:
        """Against the slope of density by central differences of a voxel, summed with the weights of the ray."""
        slope = torch.zeros_like(point)
        for axis, edge in enumerate(self.volume.edge):
            aside = torch.zeros(3, dtype=torch.float64)
            aside[axis] = edge
            ahead, behind = (self._sigma(self._interpolated(point + sign * aside)) for sign in (1, -1))
            slope[:, axis] = (ahead - behind) / (2.0 * edge)
        total = torch.zeros((len(deep), 3), dtype=torch.float64)
        total.index_add_(0, ray, -share[:, None] * slope)
        length = total.norm(dim=1, keepdim=True)
        return torch.where(deep[:, None] & (length > 0), total / length.clamp(min=1e-300), torch.zeros_like(total))


def blended_codes(volume: Volume, t_s: float | None) -> Float[np.ndarray, "z y x k"]:
    """Codes 0..1 at a time: a keyframe, or two blended linearly; held before the first and after the last."""
    frames = volume.keyframes
    if len(frames) == 1 or t_s is None:
        return frames[0].codes.astype(np.float32) / np.float32(255.0)
    times = np.array([frame.t_s for frame in frames], dtype=np.float64)
    at = int(np.clip(np.searchsorted(times, t_s, side="right") - 1, 0, len(frames) - 2))
    share = np.float32(np.clip((t_s - times[at]) / (times[at + 1] - times[at]), 0.0, 1.0))
    first, second = (frames[i].codes.astype(np.float32) / np.float32(255.0) for i in (at, at + 1))
    return first * (1 - share) + second * share
