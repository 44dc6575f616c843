"""From angular velocity to orientation, and back."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64, Int64

from efields.geometry.pose import so3_log
from efields.geometry.trajectory import Trajectory
from efields.motion.motion import Motion


def integrated(motion: Motion, rate_hz: float = 1000.0) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, "n 4"]]:
    """Times in microseconds and orientations (quaternions xyzw, camera to world) that start at the identity.

    dR/dt = R [w]x, in steps of 1 / `rate_hz` with the angular velocity at their middles (exponential midpoint rule).
    """
    from scipy.spatial.transform import Rotation

    step_us = max(round(1e6 / rate_hz), 1)
    start, end = int(motion.t_us[0]), int(motion.t_us[-1])
    t_us = np.arange(start, max(end, start + 1) + 1, step_us, dtype=np.int64)
    turns = motion.at((t_us[:-1] + step_us // 2).astype(np.int64)) * (step_us * 1e-6)
    orientation = [Rotation.identity()]
    for turn in Rotation.from_rotvec(turns) if len(turns) else ():
        orientation.append(orientation[-1] * turn)
    return t_us, np.stack([one.as_quat() for one in orientation])


def angular_velocity_of(
    trajectory: Trajectory, step_us: int = 5000
) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, "n 3"]]:
    """Times and angular velocity (rad/s, camera axes) of a trajectory, from rotations over `step_us`."""
    t_us = np.arange(trajectory.start_us, trajectory.end_us - step_us, step_us, dtype=np.int64)
    if len(t_us) == 0:
        return t_us, np.zeros((0, 3))

    def rotation(at_us: np.ndarray) -> torch.Tensor:
        seconds = torch.from_numpy((at_us - trajectory.origin_us) * 1e-6)
        return trajectory.at(seconds).rotation.detach()

    before, after = rotation(t_us), rotation(t_us + step_us)
    return t_us + step_us // 2, so3_log(before.transpose(1, 2) @ after).numpy() / (step_us * 1e-6)
