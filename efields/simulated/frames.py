"""The recording that an event camera makes of a user's frames, whose lens and poses nobody knows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.loaders.robust_enerf import save
from efields.recordings.recording import Recording
from efields.simulation.event_camera import OnProgress, simulate_frames
from efields.simulation.frames import TimedFrames
from efields.simulation.sensor_model import EventCamera


def simulate_into(
    named: AbstractContextManager[Path],
    frames: TimedFrames,
    source: Path,
    camera: EventCamera,
    on_progress: OnProgress,
) -> Path:
    """Simulate the events of the frames of `source`, then write the recording to the folder that `named` gives.

    Raises `InputError` where nothing changes by a contrast threshold.
    """
    events, labels = simulate_frames(frames, camera, on_progress=on_progress)
    if not len(events):
        raise InputError("no events: no pixel changes by a contrast threshold", source, "lower --c-pos and --c-neg")
    with named as folder:
        save(recording_of(events, camera, source, frames.times_said), folder, labels=labels)
    return folder


def recording_of(events: EventStream, camera: EventCamera, source: Path, times_said: str = "") -> Recording:
    """A recording of simulated events whose lens and poses nobody knows."""
    width, height = events.width, events.height
    focal = float(max(width, height))
    return Recording(
        events=events,
        camera=Camera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2, bayer=camera.bayer),
        sensor=Sensor(camera.c_pos, camera.c_neg, camera.refractory_us, camera.threshold_sigma),
        name=source.resolve().stem,
        notes=(
            f"Simulated from the frames of {source.name}.",
            f"The lens is not known: a pinhole of {focal:g} pixels focal length is assumed.",
            "The poses of the camera are not known.",
            *((times_said,) if times_said else ()),
        ),
    )
