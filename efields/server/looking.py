"""An image being rendered chunk by chunk, so that it can be abandoned for a newer one at any time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.rays import Points, Rays
from efields.render.renderer import Renderer
from efields.samplers import Quality


@dataclass(frozen=True)
class Layers:
    """The layers that the modes of one image are made from."""

    radiance: Float32[np.ndarray, "h w c"]
    """Linear radiance."""
    opacity: Float32[np.ndarray, "h w"]
    """0 to 1."""
    depth: Float32[np.ndarray, "h w"]
    """Distance along the unit ray, world units; 0 where there is nothing."""
    normal: Float32[np.ndarray, "h w 3"] | None
    """Unit normals in world axes, 0 where there is no surface; None when nobody asked."""


def pinhole(fov_y: float, width: int, height: int) -> Camera:
    """The camera of a view."""
    focal = 0.5 * height / math.tan(0.5 * fov_y)
    return Camera(width, height, focal, focal, 0.5 * (width - 1), 0.5 * (height - 1))


def resized(camera: Camera, width: int, height: int) -> Camera:
    """The pinhole of the same picture with another number of pixels; lens distortion is left out."""
    sx, sy = width / camera.width, height / camera.height
    cx, cy = (camera.cx + 0.5) * sx - 0.5, (camera.cy + 0.5) * sy - 0.5
    return Camera(width, height, camera.fx * sx, camera.fy * sy, cx, cy)


class Looking:
    """One image of a field from one pose, at one time."""

    def __init__(
        self,
        renderer: Renderer,
        camera: Camera,
        T_world_camera: np.ndarray,
        *,
        crop: Box | None = None,
        normals: bool = False,
        draft: bool = False,
        t_s: float | None = None,
    ) -> None:
        """`t_s` is the field's time in seconds since the recording's start; None is the start itself."""
        self._renderer, self._camera, self._normals = renderer, camera, normals
        self._quality: Quality = "draft" if draft else "final"
        self._crop = None if crop is None or _holds(crop, renderer.box) else crop
        self._turn = torch.from_numpy(np.array(T_world_camera[:3, :3], dtype=np.float64))
        self._origin = torch.from_numpy(np.array(T_world_camera[:3, 3], dtype=np.float32))
        self._t_s = t_s
        self._parts: list[tuple[Tensor, ...]] = []
        self.rays_done = 0

    @property
    def rays(self) -> int:
        """Rays of the whole picture."""
        return self._camera.pixels

    @property
    def done(self) -> bool:
        """Whether all of it is rendered."""
        return self.rays_done >= self.rays

    @torch.no_grad()
    def advance(self, chunk: int) -> int:
        """Render the next `chunk` rays or what is left; return how many."""
        end = min(self.rays, self.rays_done + chunk)
        rays = self._rays(self.rays_done, end)
        seen = self._renderer(rays, quality=self._quality, crop=self._crop)
        part = (seen.radiance, seen.opacity, seen.depth)
        if self._normals:
            part = (*part, _normals(self._renderer, rays, seen.opacity, seen.depth))
        self._parts.append(tuple(values.cpu() for values in part))
        count, self.rays_done = end - self.rays_done, end
        return count

    def layers(self) -> Layers:
        """What was rendered, once it is done."""
        radiance, opacity, depth, *normal = (torch.cat(column).numpy() for column in zip(*self._parts, strict=True))
        size = (self._camera.height, self._camera.width)
        return Layers(
            radiance.reshape(*size, -1),
            opacity.reshape(size),
            depth.reshape(size),
            normal[0].reshape(*size, 3) if normal else None,
        )

    def _rays(self, start: int, end: int) -> Rays:
        """Rays of some pixels in raster order, directions computed in float64."""
        camera, device = self._camera, self._renderer.device
        pixel = torch.arange(start, end)
        u, v = pixel % camera.width, torch.div(pixel, camera.width, rounding_mode="floor")
        x, y = (u.double() - camera.cx) / camera.fx, (v.double() - camera.cy) / camera.fy
        way = torch.stack((x, y, torch.ones_like(x)), dim=1) @ self._turn.T
        way = (way / torch.linalg.vector_norm(way, dim=1, keepdim=True)).float()
        when = None if self._t_s is None else torch.full((end - start,), self._t_s, device=device)
        return Rays(self._origin.expand(end - start, 3).contiguous().to(device), way.to(device), when)


def _normals(renderer: Renderer, rays: Rays, opacity: Tensor, depth: Tensor) -> Tensor:
    """Direction in which the density falls fastest where each ray ends, by central differences over half a span."""
    hit = (opacity >= 0.5).nonzero(as_tuple=True)[0]
    out = rays.direction.new_zeros((len(rays), 3))
    if len(hit) == 0:
        return out
    width = 0.5 * renderer.sampler.span("train")
    surface = rays.points(hit, depth[hit])
    place = surface.position
    slope = place.new_zeros(place.shape)
    for axis, shift in _shifts(width, place):
        ahead, behind = (
            renderer.density(Points((place + sign * shift).contiguous(), t_s=surface.t_s)) for sign in (1, -1)
        )
        slope[:, axis] = behind - ahead
    length = torch.linalg.vector_norm(slope, dim=1, keepdim=True)
    out[hit] = torch.where(length > 0, slope / length.clamp(min=1e-12), torch.zeros_like(slope))
    return out


def _shifts(width: float, like: Tensor) -> Iterator[tuple[int, Tensor]]:
    for axis in range(3):
        shift = like.new_zeros(3)
        shift[axis] = width
        yield axis, shift


def _holds(outer: Box, inner: Box) -> bool:
    low = all(a <= b for a, b in zip(outer.lo, inner.lo, strict=True))
    return low and all(a >= b for a, b in zip(outer.hi, inner.hi, strict=True))
