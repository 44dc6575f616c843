"""Which events the poses cover, and a trajectory extrapolated at constant velocity to reach those beyond."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float64

from efields.errors import InputError
from efields.events.stream import EventStream
from efields.geometry.pose import quaternion_to_rotation, rotation_to_quaternion, so3_exp, so3_log
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import covered_events

COVERED = "are within the time of the poses; a reconstruction uses only those."
"""How the note ends that says how many events have poses."""


def cover(
    events: EventStream, trajectory: Trajectory, extrapolate_s: float = 0.0, *, where: str = ""
) -> tuple[Trajectory, tuple[str, ...]]:
    """A trajectory whose origin is at the first event that it covers, and notes for a user.

    Where the poses start after the first event or end before the last, the trajectory is carried on at constant
    velocity by at most `extrapolate_s` seconds a side. A recording keeps the events beyond, too: what needs poses takes
    `Recording.covered`.
    Raises `InputError` when no event is covered.
    """
    notes: list[str] = []
    reach = round(extrapolate_s * 1e6)
    early = min(int(trajectory.start_us) - int(events.t_us[0]), reach)
    late = min(int(events.t_us[-1]) - int(trajectory.end_us), reach)
    first_gap, last_gap = int(trajectory.start_us) - int(events.t_us[-1]), int(events.t_us[0]) - int(trajectory.end_us)
    if max(first_gap, last_gap) > reach:
        raise InputError(
            f"the poses ({_span(trajectory.t_us)}) cover none of the events ({_span(events.t_us)})",
            where,
            "check that poses and events use the same clock",
        )
    if early > 0 or late > 0:
        trajectory = extrapolated(trajectory, max(early, 0), max(late, 0))
        sides = [
            f"{us / 1e3:.1f} ms {side}"
            for us, side in ((early, "before the first pose"), (late, "after the last"))
            if us > 0
        ]
        notes.append(f"Poses extrapolated at constant velocity: {', '.join(sides)}.")
    covered = covered_events(events, trajectory)
    if len(covered) == 0:
        raise InputError(
            "no event is within the time of the poses", where, "check that poses and events use the same clock"
        )
    if len(covered) < len(events):
        share = f"{len(covered):,} of {len(events):,} events"
        notes.append(f"{share} {COVERED}")
    return replace(trajectory, origin_us=int(covered.t_us[0])), tuple(notes)


def extrapolated(trajectory: Trajectory, early_us: int, late_us: int) -> Trajectory:
    """The trajectory with one pose more, that many microseconds, at either end where the number is positive.

    The velocity, linear in the world and angular in the camera, is the mean over as much of the end as is added to it.
    """
    ends = []
    if early_us > 0:
        k = int(np.searchsorted(trajectory.t_us, trajectory.start_us + early_us))
        ends.append(_carried_on(trajectory, min(max(k, 1), len(trajectory.t_us) - 1), 0, -early_us))
    if late_us > 0:
        k = int(np.searchsorted(trajectory.t_us, trajectory.end_us - late_us, side="right")) - 1
        ends.append(
            _carried_on(trajectory, max(min(k, len(trajectory.t_us) - 2), 0), len(trajectory.t_us) - 1, late_us)
        )
    times, positions, orientations = [trajectory.t_us], [trajectory.position], [trajectory.orientation]
    for t_us, position, orientation in ends:
        at = 0 if t_us < trajectory.start_us else len(times)
        times.insert(at, np.array([t_us], dtype=np.int64))
        positions.insert(at, position[None])
        orientations.insert(at, orientation[None])
    return replace(
        trajectory,
        t_us=np.concatenate(times),
        position=np.concatenate(positions),
        orientation=np.concatenate(orientations),
    )


def _carried_on(
    trajectory: Trajectory, inner: int, end: int, by_us: int
) -> tuple[int, Float64[np.ndarray, "3"], Float64[np.ndarray, "4"]]:
    """Time, position and xyzw orientation `by_us` past the pose `end`, at the mean velocity from `inner` to `end`."""
    ratio = by_us / float(trajectory.t_us[end] - trajectory.t_us[inner])
    position = trajectory.position[end] + ratio * (trajectory.position[end] - trajectory.position[inner])
    rotation = quaternion_to_rotation(torch.from_numpy(trajectory.orientation[[inner, end]]))
    turn = so3_log(rotation[0].T @ rotation[1])
    orientation = rotation_to_quaternion(rotation[1] @ so3_exp(ratio * turn)).numpy()
    return int(trajectory.t_us[end]) + by_us, position, orientation


def _span(t_us: np.ndarray) -> str:
    return f"{t_us[0] * 1e-6:.3f} to {t_us[-1] * 1e-6:.3f} s"
