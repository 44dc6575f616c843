"""The facts of a recording: its content, what looks broken, what training would still need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from efields.events.clock_order import Order
from efields.events.columns import CHUNK, EventColumns
from efields.events.scratch import pieces
from efields.events.side_streams import SideStreams
from efields.events.statistics import hot_pixels_note, hot_pixels_of
from efields.events.stream import EventStream
from efields.events.survey import Survey
from efields.formats.damages import Damages
from efields.geometry.camera import Camera
from efields.recordings.event_file import EventFile, InFileOrder
from efields.recordings.recording import ASSUMED_LENS, Recording, Views


@dataclass(frozen=True)
class Facts:
    """What is known of a recording after one pass over its events."""

    kind: str
    """Name of its loader."""
    format: str
    """The official name of the format."""
    survey: Survey
    """Statistics of its events."""
    side: SideStreams
    """IMU, frames without poses and triggers."""
    camera: Camera | None
    """The calibrated camera."""
    recording: Recording | None
    """The whole recording, where it is more than one file of events or something is supplied; else None."""
    order: Order
    """What the clock of the events did, in the order of the file."""
    notes: tuple[str, ...]
    """What the loader did, what was salvaged, what looks broken, what the poses lead to; one sentence each."""

    @property
    def hot_pixels(self) -> int:
        """Number of hot pixels (far more events than their neighbours)."""
        return len(hot_pixels_of(self.survey.counts)) if self.survey.events else 0

    @property
    def photographs(self) -> tuple[Views, ...]:
        """Posed images and those held out, where the recording holds them and no events; else nothing."""
        if self.survey.events or self.recording is None:
            return ()
        return tuple(views for views in (self.recording.frames, self.recording.heldout) if views is not None)

    @property
    def poses(self) -> int:
        """Number of poses: of the trajectory, or one a photograph."""
        trajectory = None if self.recording is None else self.recording.trajectory
        return sum(map(len, self.photographs)) if trajectory is None else len(trajectory)

    @property
    def covered(self) -> int:
        """Number of events within the time of the poses; 0 without poses."""
        return len(self.recording.covered) if self.recording is not None and self.poses else 0

    @property
    def lens_assumed(self) -> bool:
        """Whether a note says that the focal length of `camera` is assumed."""
        return self.camera is not None and any(note.startswith(ASSUMED_LENS) for note in self.notes)

    @property
    def frames(self) -> int:
        """Number of the camera's own frames, posed or not."""
        posed = None if self.recording is None else self.recording.frames
        return sum(0 if some is None else len(some) for some in (posed, self.side.frames))

    @property
    def heldout_views(self) -> int:
        """Number of held-out views, which training must not see."""
        views = None if self.recording is None else self.recording.heldout
        return 0 if views is None else len(views)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was done, what looks broken and what is missing, one sentence each."""
        return self.notes + hot_pixels_note(self.hot_pixels) + self.missing

    @property
    def missing(self) -> tuple[str, ...]:
        """What training or scoring would need and is missing, with the flag that supplies it, one sentence each."""
        found = []
        if self.survey.events == 0 and not self.photographs:
            found.append("Events are missing: egomotion, flow and event losses are not possible.")
        if self.camera is None:
            found.append("A calibration is missing: training and egomotion need it; give it with --camera.")
        if self.poses == 0 and (self.survey.events or not self.frames):
            found.append(
                "Poses are missing: training a radiance field needs them; give them with --poses "
                "(and --time-offset if they use another clock)."
            )
        if not self.frames and not self.heldout_views:
            found.append("There are neither held-out views nor frames: results cannot be scored.")
        return tuple(found)


def facts_of_recording(recording: Recording, kind: str, checks: tuple[str, ...] = ()) -> Facts:
    """The facts of a recording that was read as a whole, and the results of further checks."""
    survey = _surveyed(recording.events)
    order = recording.events.order
    return Facts(
        kind=kind,
        format=kind,
        survey=survey,
        side=SideStreams(recording.imu, recording.unposed_frames, recording.triggers),
        camera=recording.camera,
        recording=recording,
        order=survey.clock.order() if order is None else order,
        notes=recording.notes + checks,
    )


def facts_of_file(file: EventFile, kind: str, salvage: bool = False) -> Facts:
    """The facts of a file of events, read once in constant memory. Raises `InputError` for damage, unless `salvage`."""
    damages = Damages(file.path, salvage)
    survey = Survey(file.width, file.height)
    chunks = InFileOrder(file, damages)
    for chunk in chunks:
        survey.add(chunk)
    order = chunks.order or survey.clock.order()
    side = file.side_streams(beside := Damages(file.path, salvage))
    return Facts(
        kind=kind,
        format=file.format,
        survey=survey,
        side=side,
        camera=file.camera,
        recording=None,
        order=order,
        notes=file.notes + damages.notes_with(beside) + order.sentences,
    )


def _surveyed(events: EventStream) -> Survey:
    survey = Survey(events.width, events.height)
    columns = EventColumns(*map(np.asarray, (events.x, events.y, events.t_us, events.polarity)))
    for piece in pieces(len(events), CHUNK, *columns):
        survey.add(columns.take(piece))
    return survey
