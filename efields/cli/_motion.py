"""What `efields egomotion` and `efields flow` share: the recording, what it can be compared with, files and page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from efields.errors import InputError

if TYPE_CHECKING:
    from efields.events.stream import EventStream
    from efields.geometry.camera import Camera
    from efields.motion.flow import Flow
    from efields.motion.motion import Motion
    from efields.recording import Recording
    from efields.report.motion_plots import Reference


class SourceFlags(Protocol):
    """The flags of both commands that say which events to look at."""

    @property
    def recording(self) -> Path: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def camera(self) -> str: ...
    @property
    def start(self) -> float | None: ...
    @property
    def stop(self) -> float | None: ...
    @property
    def salvage(self) -> bool: ...
    @property
    def width(self) -> int | None: ...
    @property
    def height(self) -> int | None: ...
    @property
    def time_unit(self) -> str | None: ...
    @property
    def option(self) -> tuple[str, ...]: ...


def opened(flags: SourceFlags) -> tuple[Recording, EventStream]:
    """The recording with the camera that was given, and the events to look at.

    Raises `InputError` for anything that `efields info` would refuse, and a slice without events.
    """
    from efields.cli._loader_options import loader_options
    from efields.cli._supplied import supplied_of
    from efields.loaders import find, load
    from efields.supplied import supply

    kind = flags.kind or find(flags.recording)
    options = loader_options(
        kind, flags.option, salvage=flags.salvage, width=flags.width, height=flags.height, time_unit=flags.time_unit
    )
    recording = supply(load(flags.recording, kind, **options), supplied_of(flags))
    events = recording.events
    if len(events) == 0:
        raise InputError("holds no events", flags.recording, "choose a recording that has some")
    origin = int(events.t_us[0])
    first = origin if flags.start is None else origin + round(flags.start * 1e6)
    last = int(events.t_us[-1]) + 1 if flags.stop is None else origin + round(flags.stop * 1e6)
    chosen = events.between(first, last)
    if len(chosen) == 0:
        raise InputError("holds no events between --start and --stop", flags.recording, "give seconds from the first")
    return recording, chosen


def references_of(recording: Recording, path: Path) -> tuple[Reference, ...]:
    """Angular velocities that something else says: a gyroscope, a trajectory, `motion.txt` beside the events."""
    from efields.evaluate.motion_scores import read_slice_motion
    from efields.motion.orientation import angular_velocity_of
    from efields.report.motion_plots import Reference

    found = []
    if recording.imu is not None and len(recording.imu.t_us) > 1:
        found.append(Reference("gyroscope (its own axes)", recording.imu.t_us, recording.imu.gyro))
    if recording.trajectory is not None:
        found.append(Reference("poses", *angular_velocity_of(recording.trajectory)))
    if path.is_dir() and (path / "motion.txt").is_file():
        w = read_slice_motion(path)
        ends = np.array([recording.events.t_us[0], recording.events.t_us[-1]], dtype=np.int64)
        found.append(Reference("motion.txt", ends, np.stack([w, w])))
    return tuple(found)


def agreement(motion: Motion, references: Iterable[Reference]) -> dict[str, dict[str, float]]:
    """How far from each reference at the windows' middles, beside no rotation at all, and how its course is kept."""
    from efields.evaluate.motion_scores import rotation_course, rotation_table

    found = {}
    for reference in references:
        inside = (motion.t_us >= reference.t_us[0]) & (motion.t_us <= reference.t_us[-1])
        if not inside.any():
            continue
        at = motion.t_us[inside]
        truth = np.stack([np.interp(at, reference.t_us, axis) for axis in reference.angular_velocity.T], axis=1)
        table = rotation_table(motion.angular_velocity[inside], truth)
        found[reference.name] = {
            "RMS deg/s": table["estimate"].rms,
            "mean difference deg/s": table["estimate"].mean_norm,
            "zero rotation: RMS deg/s": table["zero rotation"].rms,
        }
        if (course := rotation_course(motion.angular_velocity[inside], truth)) is not None:
            found[reference.name] |= {
                "correlation about its main axis": course.correlation,
                "slope about its main axis": course.slope,
            }
    return found


def sharpened(events: EventStream, camera: Camera, motion: Motion, flow: Flow | None) -> tuple[np.ndarray, np.ndarray]:
    """Images of the events of the middle window as they came and warped to its middle, `[h, w]` counts."""
    import torch

    from efields.backends import choose_backend
    from efields.motion.contrast import MARGIN, image_of_warped_events
    from efields.motion.window import window_of
    from efields.motion.window_rotation import rotated

    middle = len(motion) // 2
    count = int(motion.events[middle])
    centre = int(np.searchsorted(events.t_us, motion.t_us[middle]))
    first = max(min(centre - count // 2, len(events) - count), 0)
    window = window_of(events[first : first + count], camera)
    backend = choose_backend("auto")
    if flow is None:
        w = torch.from_numpy(motion.at(np.array([window.middle_us]))[0]).float()
        warped = rotated(window.bearing, window.t_s, w)
    else:
        warped = _carried(window, flow)
    inner = slice(MARGIN, -MARGIN)
    images = (image_of_warped_events(places, window.camera, backend) for places in (window.bearing, warped))
    before, after = (image[inner, inner].numpy() for image in images)
    return before, after


def _carried(window: Any, flow: Flow) -> Any:
    """Places of a window's events, each moved by its flow to the window's middle, a group of like times together."""
    import torch

    focal, centre = np.array([window.camera.fx, window.camera.fy]), np.array([window.camera.cx, window.camera.cy])
    pixel = window.bearing.numpy() * focal + centre
    t_us = window.middle_us + np.rint(window.t_s.numpy().astype(np.float64) * 1e6).astype(np.int64)
    moved = pixel.copy()
    for part in np.array_split(np.argsort(t_us, kind="stable"), 32):
        if len(part):
            moved[part] += flow.displacement(int(t_us[part].mean()), window.middle_us, pixel[part])
    return torch.from_numpy(((moved - centre) / focal).astype(np.float32))


def dense(flow: Flow, t_us: int, width: int, height: int) -> np.ndarray:
    """Flow of every pixel at one time, `[h, w, 2]` px/s."""
    y, x = np.mgrid[:height, :width]
    return flow.at(t_us, np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)).reshape(height, width, 2)


def folder_for(out: Path | None, recording: Path, what: str) -> Path:
    """The folder that was asked for, or `runs/<name>-<what>`."""
    return out if out is not None else Path("runs") / f"{recording.resolve().stem}-{what}"


def film(flows: Callable[[], Iterator[np.ndarray]], path: Path, fps: float, fastest: float) -> None:
    """A film of flows on the colour wheel."""
    from efields.report.motion_pictures import flow_colours, write_film

    write_film(path, (flow_colours(flow, fastest) for flow in flows()), fps)


def given(**options: Any) -> dict[str, Any]:
    """The options that were given: the others stay as a config has them, and off the page."""
    return {name: value for name, value in options.items() if value not in (None, "", ())}
