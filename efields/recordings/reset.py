"""Notes on the clock of a loaded recording, and one of its parts alone if the clock was reset."""

from __future__ import annotations

from dataclasses import replace

from efields.events.clock_order import OnReset
from efields.recordings.recording import Recording


def in_file_order(recording: Recording, on_reset: OnReset = "follow") -> Recording:
    """The recording with notes on what its clock did; where it was reset, with the events that `on_reset` keeps."""
    events, order = recording.events, recording.events.order
    if order is None:
        return recording
    notes = order.sentences
    if len(order.parts) > 1 and any(
        some is not None for some in (recording.imu, recording.unposed_frames, recording.triggers)
    ):
        notes += ("IMU samples, frames and triggers keep the times of the file.",)
    rows = order.kept(on_reset)
    if len(order.parts) > 1 and on_reset != "follow":
        before_us = next(part.shift_us for part in order.parts if part.first == rows.start)
        events = events[rows]
        events = replace(events, t_us=events.t_us - before_us, order=order)
        notes += (f"{len(events):,} of {order.rows:,} events were kept: those of the {on_reset} part.",)
    return replace(recording, events=events, notes=recording.notes + notes)
