"""The content of an estimate's page, gathered from the recording and the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from efields.backends.reference import Backend
from efields.evaluate.motion_agreement import agreement, references_of
from efields.events.stream import EventStream
from efields.motion.estimate import camera_of
from efields.motion.flow import Flow
from efields.motion.motion import Motion
from efields.motion.sharpened import sharpened
from efields.recordings.recording import Recording
from efields.report.motion_page import MotionPage, ShownFlow
from efields.report.motion_pictures import sharpness_pair


def motion_page(
    command: str,
    recording: Recording,
    path: Path,
    events: EventStream,
    found: tuple[Motion, Flow | None],
    shown: ShownFlow | None,
    *,
    seconds: float,
    settings: Mapping[str, Mapping[str, Any]],
    backend: Backend,
) -> MotionPage:
    """The page of what `command` found in these events of the recording at `path`.

    Raises `InputError` for a broken `motion.txt` next to the recording.
    """
    motion, flow = found
    before, after = sharpness_pair(*sharpened(events, camera_of(recording), motion, flow, backend))
    references = () if recording.camera is None else references_of(recording, path)
    return MotionPage(
        command=command,
        name=recording.name or path.name,
        motion=motion,
        span_us=(int(events.t_us[0]), int(events.t_us[-1])),
        seconds=seconds,
        before=before,
        after=after,
        flow=shown,
        references=references,
        agreement=agreement(motion, references),
        settings=settings,
        notes=notes_of(recording, motion),
    )


def notes_of(recording: Recording, motion: Motion) -> tuple[str, ...]:
    """What a user should know about an estimate, one sentence each."""
    notes = recording.notes + motion.notes
    if recording.camera is None:
        return (
            *notes,
            "The camera is not calibrated: flow is in pixels of the recorded image, without egomotion. The estimate "
            "assumes a focal length equal to the image width, on which the flow hardly depends.",
        )
    return notes + motion.ambiguities
