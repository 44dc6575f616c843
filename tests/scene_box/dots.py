"""Recordings of a camera that moves past dots: each gives an event wherever it enters a pixel, along exact poses."""

from __future__ import annotations

import numpy as np
import torch

from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.geometry.pose import so3_exp
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording

CAMERA = Camera(96, 72, 90.0, 90.0, 47.5, 35.5)
SECOND_US = 1_000_000


def dots(nearest: float, farthest: float, count: int = 700) -> np.ndarray:
    """Dots on a plane that fills the view of a camera at zero, nearest at its left edge and farthest at its right."""
    rng = np.random.default_rng(0)
    pixel = rng.uniform((0, -18), (CAMERA.width, CAMERA.height + 18), (count, 2))
    share = pixel[:, 0] / CAMERA.width
    depth = 1 / ((1 - share) / nearest + share / farthest)
    bearing = (pixel - (CAMERA.cx, CAMERA.cy)) / (CAMERA.fx, CAMERA.fy)
    return np.concatenate((bearing, np.ones((count, 1))), axis=1) * depth[:, None]


def recording(points: np.ndarray, T_world_camera: np.ndarray) -> Recording:
    """Events of a second wherever a point enters another pixel, poses at even times."""
    times = np.linspace(0, SECOND_US, len(T_world_camera)).astype(np.int64)
    path = Trajectory.from_matrices(times, T_world_camera)
    fine = np.linspace(0, SECOND_US, 2001).astype(np.int64)
    poses = path.at(torch.from_numpy(fine * 1e-6))
    local = np.einsum("tji,tnj->tni", poses.rotation.numpy(), points[None] - poses.position.numpy()[:, None])
    ahead = local[..., 2] > 0.01 * np.ptp(points, axis=0).max()
    with np.errstate(divide="ignore", invalid="ignore"):
        pixel = np.rint(local[..., :2] / local[..., 2:] * (CAMERA.fx, CAMERA.fy) + (CAMERA.cx, CAMERA.cy))
    seen = ahead & (pixel >= 0).all(-1) & (pixel < (CAMERA.width, CAMERA.height)).all(-1)
    entered = seen[1:] & (pixel[1:] != pixel[:-1]).any(-1)
    at, which = np.nonzero(entered)
    x, y = pixel[1:][at, which].T.astype(np.uint16)
    events = EventStream.from_arrays(x, y, fine[1:][at], np.ones(len(x), bool), CAMERA.width, CAMERA.height)
    return Recording(events, CAMERA, Sensor(0.2, 0.2), path)


def sliding(way: tuple[float, float, float], turn: float = 0.0) -> np.ndarray:
    """Poses along a straight way through zero, the camera turning by `turn` radians about y."""
    share = np.linspace(-0.5, 0.5, 60)
    T = np.tile(np.eye(4), (60, 1, 1))
    T[:, :3, 3] = share[:, None] * way
    c, s = np.cos(turn * share), np.sin(turn * share)
    T[:, 0, 0], T[:, 0, 2], T[:, 2, 0], T[:, 2, 2] = c, s, -s, c
    return T


def held_in_a_hand(seed: int) -> np.ndarray:
    """Poses that sway and turn smoothly, each for itself."""
    rng, t = np.random.default_rng(seed), np.linspace(0, 1, 60)[:, None]
    waves = [np.sin(2 * np.pi * k * t + rng.uniform(0, 6.28, 6)) * rng.normal(size=6) / k for k in range(1, 4)]
    sway = torch.from_numpy(np.sum(waves, axis=0) * ([0.08] * 3 + [0.05] * 3))
    T = np.tile(np.eye(4), (60, 1, 1))
    T[:, :3, 3], T[:, :3, :3] = sway[:, :3].numpy(), so3_exp(sway[:, 3:]).numpy()
    return T
