"""Cameras carried along a trajectory: their poses at given times, frames with poses, and where poses are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float64, Int64

from efields.cameras.rig import FrameList, WhichFrames, left_out_notes
from efields.errors import InputError
from efields.events.stream import EventStream
from efields.formats.images import read_image, to_channels
from efields.geometry.camera import Camera
from efields.geometry.pose import quaternion_to_rotation
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Views


def T_from_quaternion(position: Any, orientation: Any, name: str, path: Path) -> Float64[np.ndarray, "4 4"]:
    """A rigid motion of a position and a quaternion (x, y, z, w) of unit length; else `InputError`."""
    p, q = np.asarray(position, dtype=np.float64), np.asarray(orientation, dtype=np.float64)
    if not np.isfinite(p).all() or not abs(np.linalg.norm(q) - 1) < 1e-3:
        raise InputError(f"'{name}' is not a position and a unit quaternion", path, "copy it again")
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = quaternion_to_rotation(torch.from_numpy(q)).numpy(), p
    return T


def poses_at(trajectory: Trajectory, t_us: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 4 4"]:
    """`T_world_camera` at absolute times."""
    return trajectory.matrices((t_us - trajectory.origin_us) * 1e-6)


def gap_notes(trajectory: Trajectory, events: EventStream) -> tuple[str, ...]:
    """A note where poses are missing for more than half a second among the events, which are bridged all the same."""
    steps = np.diff(trajectory.t_us)
    wide = (steps > 500_000) & (trajectory.t_us[1:] > events.t_us[0]) & (trajectory.t_us[:-1] < events.t_us[-1])
    if not wide.any():
        return ()
    first = int(trajectory.t_us[int(np.argmax(wide))] - events.t_us[0]) * 1e-6
    return (
        f"Poses are missing for up to {steps[wide].max() * 1e-6:.1f} s (first {first:.1f} s after the first event) and "
        "are interpolated there: cut the recording with start_s and stop_s.",
    )


def views_along(
    frames: FrameList,
    which: WhichFrames,
    events: EventStream,
    trajectory: Trajectory,
    camera: Camera,
    T_event_frame: Float64[np.ndarray, "4 4"],
    color_space: Literal["linear", "display"] = "display",
) -> tuple[Views | None, tuple[str, ...]]:
    """Frames that the poses cover, posed by interpolation and the extrinsics, and a note on the others.

    Raises `InputError` for a frame that is missing, damaged, or not of the camera's size.
    """
    index = frames.chosen(which, int(events.t_us[0]), int(events.t_us[-1]))
    index = index[trajectory.covers(frames.t_us[index])]
    notes = left_out_notes(len(frames.files) - len(index), len(frames.files), which)
    if len(index) == 0:
        return None, notes
    images = []
    for i in index:
        image = to_channels(read_image(frames.files[i]), camera.channels)
        if image.shape[:2] != (camera.height, camera.width):
            raise InputError(
                f"is {image.shape[1]} x {image.shape[0]}, its camera {camera.width} x {camera.height}", frames.files[i]
            )
        images.append(image)
    T = poses_at(trajectory, frames.t_us[index]) @ T_event_frame
    names = tuple(frames.files[i].name for i in index)
    return Views.stacked(np.stack(images), T, camera, names, frames.t_us[index], color_space=color_space), notes
