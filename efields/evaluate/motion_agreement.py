"""Egomotion compared with other sources: a gyroscope, poses, `motion.txt` of an ECD slice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from efields.evaluate.motion_scores import read_slice_motion, rotation_course, rotation_table
from efields.motion.motion import Motion
from efields.motion.orientation import angular_velocity_of
from efields.recordings.recording import Recording

GYROSCOPE = "gyroscope"
"""Name of the reference that may have a bias and other axes."""

LEAST_CHANGE_DEG_S = 0.2
"""A reference that changes by less (root mean square) is not compared over time: that is a gyroscope's noise."""


@dataclass(frozen=True)
class Reference:
    """Angular velocity from another source."""

    name: str
    """Name of the source."""
    t_us: Int64[np.ndarray, " n"]
    """Absolute times in microseconds, at least one."""
    angular_velocity: Float64[np.ndarray, "n 3"]
    """Angular velocity in the camera's axes, rad/s."""


@dataclass(frozen=True)
class Agreement:
    """How far estimates are from a reference. Errors are lengths of the difference of both vectors."""

    reference: str
    """Name of the reference."""
    windows: int
    """Number of windows that it covers and that are compared."""
    rms_deg_s: float
    """Root mean square error in deg/s."""
    mean_deg_s: float
    """Mean error in deg/s."""
    zero_rotation_rms_deg_s: float
    """Root mean square error of no rotation at all."""
    zero_rotation_mean_deg_s: float
    """Mean error of no rotation at all."""
    correlation: float | None
    """Correlation and slope about the axis about which the reference changes most; None where it changes little."""
    slope: float | None
    """By how much the estimate changes about that axis where the reference changes by 1."""


def references_of(recording: Recording, path: Path) -> tuple[Reference, ...]:
    """Angular velocities from sources other than events; raises `InputError` for a broken `motion.txt`."""
    found = []
    if recording.imu is not None and len(recording.imu.t_us) > 1:
        found.append(Reference(GYROSCOPE, recording.imu.t_us, recording.imu.gyro))
    if recording.trajectory is not None:
        t_us, angular_velocity = angular_velocity_of(recording.trajectory)
        if len(t_us):
            found.append(Reference("poses", t_us, angular_velocity))
    if path.is_dir() and (path / "motion.txt").is_file():
        w = read_slice_motion(path)
        ends = np.array([recording.events.t_us[0], recording.events.t_us[-1]], dtype=np.int64)
        found.append(Reference("motion.txt", ends, np.stack([w, w])))
    return tuple(found)


def agreement(motion: Motion, references: Iterable[Reference]) -> tuple[Agreement, ...]:
    """The comparison with every reference that covers the middle of a window."""
    found = []
    for reference in references:
        inside = (motion.t_us >= reference.t_us[0]) & (motion.t_us <= reference.t_us[-1])
        if not inside.any():
            continue
        at, estimate = motion.t_us[inside], motion.angular_velocity[inside]
        truth = np.stack([np.interp(at, reference.t_us, axis) for axis in reference.angular_velocity.T], axis=1)
        table = rotation_table(estimate, truth)
        changes = np.degrees(np.sqrt(((truth - truth.mean(axis=0)) ** 2).sum(axis=1).mean()))
        course = rotation_course(estimate, truth) if changes > LEAST_CHANGE_DEG_S else None
        found.append(
            Agreement(
                reference=reference.name,
                windows=int(inside.sum()),
                rms_deg_s=table["estimate"].rms_norm,
                mean_deg_s=table["estimate"].mean_norm,
                zero_rotation_rms_deg_s=table["zero rotation"].rms_norm,
                zero_rotation_mean_deg_s=table["zero rotation"].mean_norm,
                correlation=None if course is None else course.correlation,
                slope=None if course is None else course.slope,
            )
        )
    return tuple(found)
