"""Shifts all times on the way to a writer: by a number of seconds, or so that the first event is at zero."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from efields.events.columns import EventColumns
from efields.events.side_streams import SideStreams
from efields.recordings.recording import Recording


def moved_chunks(chunks: Iterator[EventColumns], by_us: int) -> Iterator[EventColumns]:
    """The same events, `by_us` later."""
    return (replace(chunk, t_us=chunk.t_us + by_us) for chunk in chunks) if by_us else chunks


def moved_side(side: SideStreams, by_us: int) -> SideStreams:
    """What was recorded besides the events, shifted alike."""
    imu, frames, triggers = side.imu, side.frames, side.triggers
    return SideStreams(
        imu=None if imu is None else replace(imu, t_us=imu.t_us + by_us),
        frames=None if frames is None else replace(frames, t_us=frames.t_us + by_us),
        triggers=None if triggers is None else replace(triggers, t_us=triggers.t_us + by_us),
    )


def moved_poses(recording: Recording, by_us: int) -> Recording:
    """The recording with its poses and views as much later; its events and what lies beside them are left."""
    trajectory = recording.trajectory
    if trajectory is not None:
        trajectory = replace(trajectory, t_us=trajectory.t_us + by_us, origin_us=trajectory.origin_us + by_us)
    frames, heldout = (
        views if views is None or views.t_us is None else replace(views, t_us=views.t_us + by_us)
        for views in (recording.frames, recording.heldout)
    )
    return replace(recording, trajectory=trajectory, frames=frames, heldout=heldout)
