"""Speed of the image, and the point that an inward-looking camera looks at."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64

from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory

MEETING = 0.5
"""Axes meet where they miss their point by less than this share of how far the cameras are from their middle (rms): 0.2
for photographs around an object, 0.6 to 1 for a camera in a hand, which turns without regard to where it is."""


def image_speed(
    trajectory: Trajectory, camera: Camera, points: Float64[np.ndarray, "k 3"], instants: int = 64
) -> float:
    """Median speed, in pixels per second, of world points in the image, over instants spread along the trajectory."""
    begin, end = trajectory.seconds_span
    times = np.linspace(begin, end, instants + 2)[1:-1]
    short = 1e-3 * (end - begin)
    pixels = []
    for shift in (0.0, short):
        poses = trajectory.at(torch.from_numpy(np.minimum(times + shift, end)))
        rotation, position = poses.rotation.numpy(), poses.position.numpy()
        local = np.einsum("tji,tkj->tki", rotation, points[None] - position[:, None])
        local[..., 2] = np.where(local[..., 2] > 0, local[..., 2], np.nan)
        flat = local[..., :2] / local[..., 2:]
        pixels.append(flat * (camera.fx, camera.fy))
    moved = np.linalg.norm(pixels[1] - pixels[0], axis=-1) / short
    speed = np.nanmedian(moved) if np.isfinite(moved).any() else 0.0
    return float(speed)


def box_points(box: Box, per_edge: int = 3) -> Float64[np.ndarray, "k 3"]:
    """A regular grid of points in the inner half of a box."""
    steps = [
        np.linspace(0.75 * lo + 0.25 * hi, 0.25 * lo + 0.75 * hi, per_edge)
        for lo, hi in zip(box.lo, box.hi, strict=True)
    ]
    return np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)


def box_looked_at(trajectory: Trajectory, camera: Camera) -> Box | None:
    """The box that a circling camera looks at: around the point nearest to all optical axes, as wide as the view.

    None when the axes do not meet in front of the cameras, as when a camera moves sideways or is handheld.
    """
    begin, end = trajectory.seconds_span
    poses = trajectory.at(torch.linspace(begin, end, 256, dtype=torch.float64))
    origin, axis = poses.position.numpy(), poses.rotation.numpy()[:, :, 2]
    across = np.eye(3)[None] - axis[:, :, None] * axis[:, None, :]
    normal = across.sum(0)
    if np.linalg.cond(normal) > 1e3:
        return None
    middle = origin.mean(axis=0)
    center = np.linalg.solve(normal, (across @ (origin - middle)[:, :, None]).sum(0)[:, 0])
    to_center = center - (origin - middle)
    ahead = (to_center * axis).sum(1)
    half_view = _half_view(camera)
    half = float(np.median(ahead) * min(half_view, 0.8))
    missed = np.linalg.norm(to_center - ahead[:, None] * axis, axis=1)
    moved = np.linalg.norm(origin - middle, axis=1)
    if ahead.min() <= 0 or np.mean(missed**2) > MEETING**2 * np.mean(moved**2):
        return None
    x, y, z = (float(c) for c in center + middle)
    return Box((x - half, y - half, z - half), (x + half, y + half, z + half))


def widest(cameras: tuple[Camera, ...]) -> Camera:
    """The first of the cameras with the widest angle of view."""
    return max(cameras, key=_half_view)


def _half_view(camera: Camera) -> float:
    """Tangent of half the wider angle of view, by size and focal length."""
    return max(camera.width / camera.fx, camera.height / camera.fy) / 2
