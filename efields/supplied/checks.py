"""Checks of the given poses: their rate, what they cover, and how far a wrong time offset moves the image."""

from __future__ import annotations

import numpy as np
import torch

from efields.errors import InputError
from efields.events.stream import EventStream
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.looked_at import box_looked_at, box_points, image_speed
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording
from efields.scene_box import find_box
from efields.scene_box.viewpoints import viewpoints
from efields.supplied.given import Supplied
from efields.supplied.supply import supply, trajectory_for

_GAP = 5.0
"""A gap is that many times longer than the usual time between two poses."""


def describe(recording: Recording, supplied: Supplied) -> tuple[Recording, tuple[str, ...]]:
    """The recording with what is given beside it, as `supply`, and what is to be known about its poses in sentences.

    The share of events that the poses cover is that before they are carried on.
    Raises `InputError` as `supply` does.
    """
    done = supply(recording, supplied)
    box, told = _box(done)
    if done.trajectory is None:
        return done, told
    whole = trajectory_for(recording, supplied)[0] if supplied.moves_poses else done.trajectory
    return done, (*pose_checks(recording.events, whole, done.camera, box), *told)


def _box(recording: Recording) -> tuple[Box | None, tuple[str, ...]]:
    """The box that training would take, and a sentence on it."""
    seen = viewpoints(recording)
    if seen is None:
        return None, ()
    try:
        found = find_box(recording, *seen, recording.frames)
    except InputError as error:
        return None, (f"Training needs to know where the scene is ({error.what}): {error.do}.",)
    return found.box, (found.sentence,)


def pose_checks(
    events: EventStream, trajectory: Trajectory, camera: Camera | None, box: Box | None = None
) -> tuple[str, ...]:
    """Sentences on the rate of the poses, the events they cover, gaps, and what a wrong time offset would do."""
    span_s = (trajectory.end_us - trajectory.start_us) * 1e-6
    rate = (len(trajectory) - 1) / span_s
    first, last = np.searchsorted(events.t_us, [trajectory.start_us, trajectory.end_us + 1])
    share = 100.0 * float(last - first) / max(len(events), 1)
    told = [
        f"There are {len(trajectory)} poses, {rate:.0f} per second over {span_s:.3f} s.",
        f"Poses cover {share:.1f} % of the events.",
        *_gaps(events, trajectory),
    ]
    if camera is not None:
        told.append(_offset_consequence(trajectory, camera, box))
    return tuple(told)


def _gaps(events: EventStream, trajectory: Trajectory) -> tuple[str, ...]:
    steps = np.diff(trajectory.t_us)
    usual = float(np.median(steps))
    wide = np.flatnonzero(steps > _GAP * usual)
    if not len(wide):
        return (
            f"Poses have no gaps: they come every {usual * 1e-3:.3g} ms, at most {steps.max() * 1e-3:.3g} ms apart.",
        )
    inside = np.searchsorted(events.t_us, trajectory.t_us[wide + 1]) - np.searchsorted(
        events.t_us, trajectory.t_us[wide]
    )
    share = 100.0 * float(inside.sum()) / max(len(events), 1)
    longest = int(wide[np.argmax(steps[wide])])
    at = (int(trajectory.t_us[longest]) - int(events.t_us[0])) * 1e-6
    many = f"{len(wide)} gaps" if len(wide) > 1 else "one gap"
    return (
        f"Poses have {many} of more than {_GAP:.0f} times the usual {usual * 1e-3:.3g} ms, with {share:.1f} % of the "
        f"events in them; the longest is {steps.max() * 1e-3:.3g} ms, {at:.3f} s after the first event.",
    )


def _offset_consequence(trajectory: Trajectory, camera: Camera, box: Box | None) -> str:
    where, box = "", box or box_looked_at(trajectory, camera)
    if box is not None:
        speed = image_speed(trajectory, camera, box_points(box))
    else:
        speed = _speed_at_unit_distance(trajectory, camera)
        where = ", for a scene one world unit away (the poses do not show its distance)"
    return f"A time offset error of 1 ms moves the image by {speed * 1e-3:.2g} px (median){where}."


def _speed_at_unit_distance(trajectory: Trajectory, camera: Camera, instants: int = 64) -> float:
    """Median speed in pixels a second of what is one world unit ahead on the optical axis, instants spread evenly."""
    begin, end = trajectory.seconds_span
    short = 1e-3 * (end - begin)
    times = np.linspace(begin, end - short, instants)
    now, then = (trajectory.at(torch.from_numpy(times + shift)) for shift in (0.0, short))
    ahead = (now.position + now.rotation[:, :, 2] - then.position).numpy()
    local = np.einsum("tji,tj->ti", then.rotation.numpy(), ahead)
    depth = np.where(local[:, 2] > 0, local[:, 2], np.nan)
    moved = np.hypot(camera.fx * local[:, 0] / depth, camera.fy * local[:, 1] / depth)
    return float(np.nanmedian(moved)) / short if np.isfinite(moved).any() else 0.0
