"""Whole images of a field, in chunks of rays so that memory stays bounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64

from efields.geometry.camera import Camera
from efields.geometry.origin import poses_about
from efields.geometry.pose import Poses
from efields.geometry.rays import camera_rays
from efields.render.renderer import Renderer
from efields.samplers import Quality


@dataclass(frozen=True)
class RenderedView:
    """One rendered image."""

    radiance: Float32[np.ndarray, "h w c"]
    """Linear radiance."""
    opacity: Float32[np.ndarray, "h w"]
    """Fraction of light that the field stops, 0 to 1."""
    depth: Float32[np.ndarray, "h w"]
    """Distance along the unit ray in world units; inf where opacity is below one half."""


@torch.no_grad()
def render_view(
    renderer: Renderer,
    camera: Camera,
    T_world_camera: Float64[np.ndarray, "4 4"],
    t_s: float | None = None,
    quality: Quality | None = None,
    chunk: int = 8192,
) -> RenderedView:
    """What `camera` at `T_world_camera` (OpenCV axes) sees, through its distortion, `chunk` rays at a time.

    `t_s` are seconds since the recording's start, for a field that moves; None is the start itself. The
    quality is that of the renderer's mode if None.
    """
    device = renderer.device
    bearings = torch.from_numpy(np.array(camera.bearings())).to(device)
    pose = torch.from_numpy(poses_about(T_world_camera, renderer.origin)).to(device)
    parts: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    for pixel in torch.arange(camera.width * camera.height, device=device).split(chunk):
        n = len(pixel)
        poses = Poses(pose[:3, :3].expand(n, 3, 3), pose[:3, 3].expand(n, 3))
        when = None if t_s is None else torch.full((n,), t_s, device=device)
        seen = renderer(camera_rays(bearings, pixel, poses, when), quality=quality)
        parts.append((seen.radiance.cpu(), seen.opacity.cpu(), seen.depth.cpu()))
    radiance, opacity, depth = (torch.cat(column).numpy() for column in zip(*parts, strict=True))
    size = (camera.height, camera.width)
    return RenderedView(
        radiance.reshape(*size, -1),
        opacity.reshape(size),
        np.where(opacity >= 0.5, depth, np.float32(np.inf)).astype(np.float32).reshape(size),
    )
