"""Conversion of recordings with more than events: their poses, frames and held-out views are converted too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from efields.conversion.prepare import Conversion
from efields.conversion.raster import camera_after, image_after
from efields.conversion.time_shift import moved_poses
from efields.events.columns import EventColumns
from efields.events.filters import TimeSlice
from efields.events.resampling import Crop, Downsample, Resampling, Rotate
from efields.events.stream import EventStream
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording, Views

# Columns are the axes of the turned camera in those of the camera before: a quarter turn clockwise.
_QUARTER = np.array([[0.0, 1.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])


def left_out(recording: Recording) -> tuple[str, ...]:
    """A sentence on what a file of events cannot store; none if nothing is lost."""
    parts = (
        ("poses", 0 if recording.trajectory is None else len(recording.trajectory)),
        ("posed frames", 0 if recording.frames is None else len(recording.frames)),
        ("held-out views", 0 if recording.heldout is None else len(recording.heldout)),
    )
    said = ", ".join(f"{count} {what}" for what, count in parts if count)
    return (f"Left out, as the file can store only events: {said}.",) if said else ()


def write_posed(recording: Recording, conversion: Conversion, chunks: Iterator[EventColumns], out: Path) -> int:
    """Write events in memory, with poses and views as the filters leave them, and return the number of events."""
    from efields.loaders.robust_enerf import save

    columns = EventColumns.concat(list(chunks))
    trajectory, frames = recording.trajectory, recording.frames
    follow = frames is not None and _of_the_same_pixels(frames, recording)
    for each in conversion.filters:
        step, turn = each.filter, np.eye(4)
        if isinstance(step, TimeSlice):
            frames = _views_between(frames, step)
        if isinstance(step, Rotate):
            turn = np.linalg.matrix_power(_QUARTER, step.turns)
            trajectory = None if trajectory is None else _turned_trajectory(trajectory, turn)
        if isinstance(step, (Crop, Downsample, Rotate)) and frames is not None and follow:
            frames = _after(frames, step, turn)
    events = EventStream.from_arrays(*columns, width=conversion.width, height=conversion.height, where=str(out))
    if trajectory is not None:
        trajectory = replace(trajectory, origin_us=int(events.t_us[0]) - conversion.shift_us)
    posed = moved_poses(replace(recording, trajectory=trajectory, frames=frames), conversion.shift_us)
    written = replace(
        posed,
        events=events,
        camera=conversion.camera,
        imu=conversion.side.imu,
        unposed_frames=conversion.side.frames,
        triggers=conversion.side.triggers,
    )
    save(written, out)
    return columns.count


def _of_the_same_pixels(frames: Views, recording: Recording) -> bool:
    """Whether frames come from the pixels of the events; those of another camera stay as they are."""
    one, other = frames.camera, recording.calibrated
    return (
        len(frames.cameras) == 1
        and (one.width, one.height) == (other.width, other.height)
        and np.array_equal(one.matrix, other.matrix)
    )


def _turned_trajectory(trajectory: Trajectory, turn: np.ndarray) -> Trajectory:
    poses = np.tile(np.eye(4), (len(trajectory), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = _rotations(trajectory.orientation), trajectory.position
    return Trajectory.from_matrices(trajectory.t_us, poses @ turn, trajectory.kind, trajectory.origin_us)


def _rotations(orientation: np.ndarray) -> np.ndarray:
    import torch

    from efields.geometry.pose import quaternion_to_rotation

    return quaternion_to_rotation(torch.from_numpy(orientation)).numpy()


def _views_between(views: Views | None, span: TimeSlice) -> Views | None:
    if views is None or views.t_us is None:
        return views
    first = -np.inf if span.start_us is None else span.start_us
    last = np.inf if span.stop_us is None else span.stop_us
    chosen = np.flatnonzero((views.t_us >= first) & (views.t_us < last))
    return views.take(chosen) if chosen.size else None


def _after(views: Views, step: Resampling, turn: np.ndarray) -> Views:
    """The views after a change of the raster; `turn` takes the camera's axes afterwards to those before."""
    camera = camera_after(views.camera, step) or views.camera
    depth = None if views.depth is None else image_after(views.depth[..., None], step)[..., 0]
    image = np.ascontiguousarray(image_after(views.image, step))
    poses = views.T_world_camera @ turn
    return Views.stacked(image, poses, camera, views.names, views.t_us, depth, views.color_space)
