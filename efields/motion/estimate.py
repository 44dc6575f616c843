"""The motion of the camera and the flow of a recording by either model, and where their focal length comes from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from efields.backends.reference import Backend
from efields.errors import InputError
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.motion.flow import Flow
from efields.motion.joint import JointConfig, estimate_motion_and_flow
from efields.motion.motion import Calibration, Motion
from efields.motion.rotation import estimate_rotation
from efields.motion.window_rotation import RotationConfig
from efields.recordings.recording import Recording


def estimated(
    recording: Recording,
    events: EventStream,
    config: RotationConfig | JointConfig,
    backend: Backend,
    seed: int,
    on_progress: Callable[[int, int], None],
    where: Path,
) -> tuple[Motion, Flow | None]:
    """The motion that these events of a recording show, and the flow where the model has one.

    Raises `InputError`, which names the recording by `where`, for events that are too few or show no motion.
    """
    camera, calibration = camera_of(recording), calibration_of(recording)
    flow = None
    try:
        if isinstance(config, JointConfig):
            motion, flow = estimate_motion_and_flow(events, camera, config, backend, seed, on_progress)
        else:
            motion = estimate_rotation(events, camera, config, backend, on_progress)
    except InputError as error:  # an estimate knows no files
        raise error if error.where else InputError(error.what, where, error.do) from None
    return replace(motion, calibration=calibration), flow and replace(flow, calibration=calibration)


def calibration_of(recording: Recording) -> Calibration:
    """Where the focal length comes from, as files and pages say it."""
    if recording.camera is None:
        return "none"
    return "assumed" if recording.lens_assumed else "given"


def camera_of(recording: Recording) -> Camera:
    """The camera; without a calibration one whose focal length is the width, about that of a usual lens.

    Flow in pixels hardly depends on it.
    """
    if recording.camera is not None:
        return recording.camera
    width, height = recording.events.width, recording.events.height
    return Camera(width, height, width, width, width / 2 - 0.5, height / 2 - 0.5)
