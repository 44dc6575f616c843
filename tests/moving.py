"""A ball of Gaussian density that goes along y at a constant velocity, and its pictures in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from efields.backends.reference import Backend
from efields.events.sensor import Sensor
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.paths import look_at
from efields.geometry.pose import Poses
from efields.geometry.rays import Points, Rays, camera_rays
from efields.geometry.trajectory import Trajectory
from efields.parameters import ParameterGroup
from efields.render.model import Model
from efields.samplers import stratified
from tests.looks import renderer_over

BOX = Box((-0.9, -0.9, -0.6), (0.9, 0.9, 0.6))
START_Y, SPEED, SIGMA, DENSITY, RADIANCE = -0.4, 0.8, 0.17, 20.0, 0.2
"""Of the ball at second 0, and world units a second: it is at +0.4 after one."""
POSE = look_at(np.array([2.6, 0.0, 0.4]), np.zeros(3))
"""Looks along -x."""


@dataclass(frozen=True)
class Config:
    """Settings of the moving ball."""

    speed: float = SPEED
    """Velocity along y before training, world units a second."""

    def build(self, box: Box, channels: int, generator: torch.Generator) -> MovingBall:
        """The ball where it is at second 0."""
        return MovingBall(self, channels)


class MovingBall(nn.Module):
    """Density and radiance of points, by where the ball is at their time; the velocity alone is learned."""

    moves = True

    def __init__(self, config: Config, channels: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.velocity = nn.Parameter(torch.tensor([0.0, config.speed, 0.0]))

    def forward(self, points: Points, backend: Backend) -> tuple[Tensor, Tensor]:
        """Density and one radiance for all points."""
        return self.density(points, backend), torch.full((len(points), self.channels), RADIANCE)

    def density(self, points: Points, backend: Backend) -> Tensor:
        """Density, Gaussian about where the ball is."""
        center = torch.tensor([0.0, START_Y, 0.0]) + points.seconds[:, None] * self.velocity
        return DENSITY * torch.exp(-(points.position - center).square().sum(1) / (2 * SIGMA**2))

    def parameter_groups(self) -> list[ParameterGroup]:
        """The velocity."""
        return [ParameterGroup("velocity", [self.velocity], None)]


def exact(camera: Camera, T_world_camera: np.ndarray, t_s: float, behind: float) -> tuple[np.ndarray, np.ndarray]:
    """Radiance and opacity `[h, w]` of the true ball: a Gaussian along a line is one of the line's distance."""
    rays = rays_of(camera, T_world_camera)
    offset = rays.origin - torch.tensor([0.0, START_Y + SPEED * t_s, 0.0])
    square = offset.square().sum(1) - (offset * rays.direction).sum(1).square()
    opacity = -torch.expm1(-DENSITY * SIGMA * math.sqrt(2 * math.pi) * torch.exp(-square / (2 * SIGMA**2)))
    seen = opacity * RADIANCE + (1 - opacity) * behind
    return seen.numpy().reshape(camera.height, camera.width), opacity.numpy().reshape(camera.height, camera.width)


def model() -> Model:
    """The ball before a camera that circles a little in one second from its absolute second 5 on."""
    renderer = renderer_over(
        MovingBall(Config()), BOX, stratified.Config(samples=48), span_s=(0.0, 1.0), origin_us=5_000_000
    )
    poses = np.stack([look_at(2.6 * np.array([np.cos(a), np.sin(a), 0.2]), np.zeros(3)) for a in (-0.1, 0.0, 0.1)])
    path = Trajectory.from_matrices(np.array([5_000_000, 5_500_000, 6_000_000]), poses, origin_us=5_000_000)
    return Model(renderer.eval(), Camera(24, 20, 36.0, 36.0, 11.5, 9.5), path, Sensor(0.2, 0.2), 7)


def middle_column(opacity: np.ndarray) -> float:
    """Where what is opaque is across a picture, 0 (left) to 1 (right)."""
    columns = opacity.sum(axis=0)
    return float(columns @ (np.arange(len(columns)) + 0.5) / columns.sum() / len(columns))


def rays_of(camera: Camera, T_world_camera: np.ndarray) -> Rays:
    """Rays of all pixels of a camera."""
    T = torch.from_numpy(T_world_camera)
    poses = Poses(T[:3, :3].expand(camera.pixels, 3, 3), T[:3, 3].expand(camera.pixels, 3))
    return camera_rays(torch.from_numpy(camera.bearings()), torch.arange(camera.pixels), poses)
