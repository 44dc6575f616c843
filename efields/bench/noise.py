"""A recording without a scene: random events seen by a camera that circles, work for a clock."""

from __future__ import annotations

import numpy as np
import torch

from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.paths import orbit
from efields.geometry.pose import rotation_to_quaternion
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording

WIDTH, HEIGHT = 346, 260
DURATION_US = 1_000_000


def noise_recording(events: int, seed: int = 0) -> Recording:
    """A camera on an orbit that reports `events` events at random pixels and times: work for a clock, not a scene."""
    rng = np.random.default_rng(seed)
    stream = EventStream.from_arrays(
        rng.integers(0, WIDTH, events).astype(np.uint16),
        rng.integers(0, HEIGHT, events).astype(np.uint16),
        np.sort(rng.integers(0, DURATION_US, events)),
        rng.random(events) < 0.5,
        WIDTH,
        HEIGHT,
    )
    poses = torch.from_numpy(np.asarray(orbit((0.0, 0.0, 0.0), 4.0, 20.0, 101, closed=True)))
    trajectory = Trajectory.from_arrays(
        np.linspace(-1, DURATION_US, len(poses)).astype(np.int64),
        poses[:, :3, 3].numpy(),
        rotation_to_quaternion(poses[:, :3, :3]).numpy(),
        origin_us=int(stream.t_us[0]),
    )
    camera = Camera(WIDTH, HEIGHT, 450.0, 450.0, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5)
    return Recording(stream, camera, Sensor(), trajectory, box=Box((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)), name="noise")
