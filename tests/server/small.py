"""A field of balls to look at, and what clients say."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from efields.events.sensor import Sensor
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.paths import look_at
from efields.geometry.pose import rotation_to_quaternion
from efields.geometry.trajectory import Trajectory
from efields.render.model import Model
from efields.samplers import occupancy
from efields.server.app import Offer
from efields.server.protocol import Tone, View
from efields.server.studio import Studio
from efields.server.viewing import serving
from tests.looks import renderer_over
from tests.tiny import tiny_field

POSE = look_at(np.array([2.6, 0.3, 0.5]), np.zeros(3))


def model(channels: int = 1) -> Model:
    box = Box((-0.9, -0.9, -0.6), (0.9, 0.9, 0.6))
    renderer = renderer_over(tiny_field(channels), box, occupancy.Config(samples=24, grid_resolution=8))
    poses = np.stack([look_at(2.6 * np.array([np.cos(a), np.sin(a), 0.2]), np.zeros(3)) for a in (0.0, 0.4, 0.8)])
    trajectory = Trajectory.from_matrices(np.array([0, 500_000, 1_000_000]), poses)
    return Model(renderer, Camera(24, 20, 36.0, 36.0, 11.5, 9.5), trajectory, Sensor(0.2, 0.2), 7)


def view(id: int = 1, **changes: Any) -> View:
    quaternion = rotation_to_quaternion(torch.from_numpy(POSE[:3, :3])).tolist()
    plain = View(
        id=id,
        position=tuple(POSE[:3, 3].tolist()),
        quaternion=tuple(quaternion),
        fov_y=0.7,
        width=40,
        height=32,
        t_s=None,
        mode="colour",
        tone=Tone("fixed", (0.0,), (1.0,), 2.2),
        crop=None,
        moving=False,
        wipe=None,
    )
    return dataclasses.replace(plain, **changes)


@contextmanager
def served(studio: Studio | None = None, offer: Offer | None = None, token: str | None = None) -> Iterator[str]:
    """The address of a server whose pictures are made by a thread of their own."""
    studio = studio or Studio(model())
    stop = threading.Event()
    with serving(studio, offer or Offer({"name": "tiny"}), "127.0.0.1", 0, token) as address:
        worker = threading.Thread(target=studio.run, args=(stop.is_set,), daemon=True)
        worker.start()
        try:
            yield address.url
        finally:
            stop.set()
            studio.wake()
            worker.join(timeout=5)
    assert not worker.is_alive()
