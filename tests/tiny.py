"""A recording small enough for tests: opaque balls seen by a circling camera, exact in closed form."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch

from efields.events.sensor import Sensor
from efields.fields.analytic import AnalyticField, Ball, Config
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.paths import look_at
from efields.geometry.pose import Poses
from efields.geometry.rays import Rays, camera_rays
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording, Views
from efields.simulation.event_camera import EventCamera, simulate_events

BACKGROUND = 0.9
EPS = 1e-3


def tiny_field(channels: int = 1) -> AnalyticField:
    """Seven balls of different radiance, nearly opaque."""
    balls = [Ball((0.0, 0.0, 0.0), 0.42, 40.0, tuple(0.25 + 0.2 * c for c in range(channels)))]
    for k in range(6):
        angle = 2 * math.pi * k / 6
        center = (0.62 * math.cos(angle), 0.62 * math.sin(angle), 0.25 * math.cos(2 * angle))
        radiance = tuple(0.1 + 0.12 * ((k + 2 * c) % 6) for c in range(channels))
        balls.append(Ball(center, 0.18, 40.0, radiance))
    return AnalyticField(Config(tuple(balls)), channels)


def _pose(turn: float, elevation: float) -> np.ndarray:
    angle = 2 * math.pi * turn
    place = np.array(
        [math.cos(angle) * math.cos(elevation), math.sin(angle) * math.cos(elevation), math.sin(elevation)]
    )
    return look_at(2.6 * place, np.zeros(3))


def exact_image(field: AnalyticField, camera: Camera, pose: np.ndarray, fine: int = 3) -> np.ndarray:
    """Image `[h, w, c]`: the mean over `fine` x `fine` exact rays a pixel."""
    dense = Camera(
        camera.width * fine,
        camera.height * fine,
        camera.fx * fine,
        camera.fy * fine,
        (camera.cx + 0.5) * fine - 0.5,
        (camera.cy + 0.5) * fine - 0.5,
    )
    rays = _rays(dense, pose)
    seen, _ = field.exact(rays, torch.full((field.channels,), BACKGROUND))
    return seen.view(camera.height, fine, camera.width, fine, -1).mean(dim=(1, 3)).numpy()


def _rays(camera: Camera, pose: np.ndarray) -> Rays:
    n = camera.width * camera.height
    T = torch.from_numpy(pose)
    poses = Poses(T[:3, :3].expand(n, 3, 3), T[:3, 3].expand(n, 3))
    return camera_rays(torch.from_numpy(camera.bearings()), torch.arange(n), poses)


def exact_depth(field: AnalyticField, camera: Camera, pose: np.ndarray) -> np.ndarray:
    """Distance to the first ball along each pixel's ray, inf where none is."""
    rays = _rays(camera, pose)
    offset = rays.origin[:, None] - field.center
    along = (offset * rays.direction[:, None]).sum(-1)
    square = along**2 - (offset**2).sum(-1) + field.radius**2
    enter = torch.where(square > 0, -along - square.clamp(min=0).sqrt(), torch.inf)
    return enter.min(dim=1).values.numpy().reshape(camera.height, camera.width)


@lru_cache
def tiny_recording(size: int = 32, frames: int = 160, bayer: str = "", with_frames: bool = False) -> Recording:
    """Events of one and a half turns in one second, with eight held-out views."""
    channels = 3 if bayer else 1
    field = tiny_field(channels)
    camera = Camera(size, size, 1.5 * size, 1.5 * size, (size - 1) / 2, (size - 1) / 2, bayer=bayer)
    t_s = np.linspace(0.0, 1.0, frames)
    poses = np.stack([_pose(1.5 * t, 0.25 + 0.45 * math.sin(2 * math.pi * t)) for t in t_s])
    images = [exact_image(field, camera, pose) for pose in poses]
    stack = [image[..., 0] if channels == 1 else image for image in images]
    sensor = EventCamera(c_pos=0.2, c_neg=0.2, log_eps=EPS, bayer=bayer)
    events, _ = simulate_events(stack, t_s, sensor)
    t_us = np.rint(t_s * 1e6).astype(np.int64)
    held = [_pose(k / 8 + 0.03, 0.1 + 0.05 * k) for k in range(8)]
    plain = Camera(size, size, camera.fx, camera.fy, camera.cx, camera.cy)
    heldout = Views.stacked(
        image=np.stack([exact_image(field, plain, pose) for pose in held]).astype(np.float32),
        T_world_camera=np.stack(held),
        camera=plain,
        names=tuple(f"{k:04d}" for k in range(8)),
        depth=np.stack([exact_depth(field, plain, pose) for pose in held]).astype(np.float32),
    )
    own = None
    if with_frames:
        chosen = np.arange(0, frames, 8)
        own = Views.stacked(
            image=np.stack([images[k] for k in chosen]).astype(np.float32),
            T_world_camera=poses[chosen],
            camera=plain,
            names=tuple(f"{k:04d}" for k in chosen),
            t_us=t_us[chosen],
        )
    return Recording(
        events=events,
        camera=camera,
        sensor=Sensor(0.2, 0.2),
        trajectory=Trajectory.from_matrices(t_us, poses, origin_us=int(events.t_us[0])),
        frames=own,
        heldout=heldout,
        box=Box((-0.9, -0.9, -0.6), (0.9, 0.9, 0.6)),
        name="tiny",
    )
