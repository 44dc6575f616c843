"""Times that are moved as a whole on the way to a writer: by so many seconds, or so that the first event is at zero."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from efields.event_file import SideStreams
from efields.events.columns import EventColumns
from efields.recording import Recording


def moved_chunks(chunks: Iterator[EventColumns], by_us: int) -> Iterator[EventColumns]:
    """The same events, `by_us` later."""
    return (chunk._replace(t_us=chunk.t_us + by_us) for chunk in chunks) if by_us else chunks


def moved_side(side: SideStreams, by_us: int) -> SideStreams:
    """What was recorded beside the events, as much later."""
    return SideStreams(
        *(
            None if some is None else replace(some, t_us=some.t_us + by_us)
            for some in (side.imu, side.frames, side.triggers)
        )
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
