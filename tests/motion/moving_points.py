"""Events of points that a moving camera sees, with their analytic flow: each point fires at random times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from efields.events.stream import EventStream
from efields.geometry.camera import Camera

CAMERA = Camera(346, 260, 226.0, 226.0, 173.0, 130.0)


@dataclass(frozen=True)
class Scene:
    """A plane or a relief ahead of the camera, whose motion (v, w) is constant in its own axes."""

    velocity: tuple[float, float, float]
    angular: tuple[float, float, float]
    plane: tuple[float, float, float] | None = None
    """n of the plane n . X = 1; None for points at depths from `near` to `far`, smooth over the image."""
    near: float = 0.7
    far: float = 2.5

    def inverse_depth(self, bearing: np.ndarray) -> np.ndarray:
        """1 / Z of what is at `bearing` at time zero."""
        x, y = bearing.T
        if self.plane is not None:
            return self.plane[0] * x + self.plane[1] * y + self.plane[2]
        swell = 0.5 + 0.25 * np.sin(4.0 * x + 1.0) + 0.25 * np.cos(5.0 * y + 3.0 * x)
        return 1 / self.far + (1 / self.near - 1 / self.far) * swell

    def flow(self, bearing: np.ndarray) -> np.ndarray:
        """Flow at time zero, normalised units a second."""
        x, y = bearing.T
        v, w, rho = self.velocity, self.angular, self.inverse_depth(bearing)
        return np.column_stack(
            (
                (x * v[2] - v[0]) * rho + x * y * w[0] - (1 + x * x) * w[1] + y * w[2],
                (y * v[2] - v[1]) * rho + (1 + y * y) * w[0] - x * y * w[1] - x * w[2],
            )
        )


def point_events(
    scene: Scene, seconds: float, count: int, seed: int, points: int = 1200, camera: Camera = CAMERA
) -> EventStream:
    """`count` events or fewer from -seconds/2 to seconds/2; time zero is at 1 s."""
    rng = np.random.default_rng(seed)
    pixel = rng.uniform((-20, -20), (camera.width + 20, camera.height + 20), (points, 2))
    bearing = (pixel - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    depth = 1.0 / scene.inverse_depth(bearing)
    world = np.column_stack((bearing, np.ones(points))) * depth[:, None]
    which = rng.integers(points, size=count)
    t = np.sort(rng.uniform(-seconds / 2, seconds / 2, count))
    seen = moved(world[which], np.array(scene.velocity), np.array(scene.angular), t)
    x = np.rint(camera.fx * seen[:, 0] / seen[:, 2] + camera.cx)
    y = np.rint(camera.fy * seen[:, 1] / seen[:, 2] + camera.cy)
    keep = (seen[:, 2] > 0.05) & (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
    t_us = 1_000_000 + np.rint(t * 1e6).astype(np.int64)
    return EventStream.from_arrays(
        x[keep].astype(np.uint16), y[keep].astype(np.uint16), t_us[keep],
        rng.random(int(keep.sum())) < 0.5, camera.width, camera.height,
    )  # fmt: skip


def moved(world: np.ndarray, velocity: np.ndarray, angular: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Points in the camera's axes at times t: dX/dt = -v - w x X, solved exactly."""
    speed = np.linalg.norm(angular)
    if speed < 1e-12:
        return world - velocity * t[:, None]
    axis = angular / speed
    angle = (-speed * t)[:, None]
    rotated = (
        world * np.cos(angle)
        + np.cross(axis, world) * np.sin(angle)
        + axis * (world @ axis)[:, None] * (1 - np.cos(angle))
    )
    # The integral of the rotation over the time, applied to v.
    s = np.sin(angle) / -speed
    c = (1 - np.cos(angle)) / -speed
    along = axis * (velocity @ axis)
    shift = along * t[:, None] + (velocity - along) * s + np.cross(axis, velocity) * c
    return rotated - shift
