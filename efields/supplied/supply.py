"""A recording with the camera and the poses that a user supplies."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from efields.cameras.colmap import images_file
from efields.cameras.scene_points import colmap_points
from efields.cameras.transforms import OPENGL
from efields.errors import InputError
from efields.events.side_streams import Frames
from efields.formats.images import to_channels
from efields.geometry.camera import Camera
from efields.geometry.pose import quaternion_to_rotation, rotation_to_quaternion
from efields.geometry.trajectory import Trajectory
from efields.poses.cover import COVERED, cover
from efields.recordings.recording import ASSUMED_LENS, Recording, Views
from efields.supplied.cameras import read_camera
from efields.supplied.given import Supplied
from efields.supplied.poses import read_poses
from efields.supplied.rigid import read_body_camera

_log = logging.getLogger(__name__)


def supply(recording: Recording, supplied: Supplied) -> Recording:
    """The recording with the given camera and poses in place of its own, and notes on what was done.

    Events that no pose covers are kept, and its own frames become posed views at their times; the box and held-out
    views, if it has any, are kept and are taken to be in the world of the poses.
    Raises `InputError` for anything missing, broken, or that does not fit the recording.
    """
    if supplied.camera:
        recording = _with_camera(recording, supplied)
    return _with_poses(recording, supplied) if supplied.moves_poses else recording


def _with_poses(recording: Recording, supplied: Supplied) -> Recording:
    trajectory, notes = trajectory_for(recording, supplied)
    where = supplied.poses or str(recording.path or "")
    if recording.trajectory is not None and supplied.poses:
        notes += ("The recording's own poses were replaced by those given.",)
    _say(notes, where)
    trajectory, said = cover(recording.events, trajectory, supplied.extrapolate_s, where=where)
    before = tuple(note for note in recording.notes if not note.endswith(COVERED))
    posed = replace(recording, trajectory=trajectory, notes=before + notes + said)
    if supplied.poses:  # what else is known of a scene is in the world of the poses that are given
        model = images_file(Path(supplied.poses))
        points = None if model is None else colmap_points(model.parent)
        posed = replace(posed, points=points, depth_range=None)
    return _with_frames(posed, trajectory)


def trajectory_for(recording: Recording, supplied: Supplied) -> tuple[Trajectory, tuple[str, ...]]:
    """The camera's trajectory in the clock of the events, before it is carried on, and what was assumed.

    Without `poses` it is the recording's own, moved by the time offset. Raises `InputError` as `supply` does.
    """
    offset_us = round(supplied.time_offset_s * 1e6)
    origin_us = int(recording.events.t_us[0])
    if not supplied.poses:
        if recording.trajectory is None or supplied.body_to_camera:
            flag = "--body-to-camera" if supplied.body_to_camera else "--time-offset"
            raise InputError(f"{flag} needs poses that are given", recording.path, "give them with --poses")
        own = recording.trajectory
        moved = Trajectory(own.t_us - offset_us, own.position, own.orientation, own.kind, origin_us)
        return moved, (_offset_note(supplied.time_offset_s),)
    table = read_poses(
        supplied.poses,
        recording,
        unit=supplied.time_unit,
        order=supplied.quaternion,
        spread=supplied.spread,
        offset_us=offset_us,
    )
    # Trajectory checks the poses before they are turned, so that a broken one is not hidden by it.
    read = Trajectory.from_arrays(
        table.t_us - offset_us,
        table.position,
        table.orientation,
        supplied.trajectory,
        origin_us,
        where=supplied.poses,
        rows=table.labels,
    )
    notes = table.notes + ((_offset_note(supplied.time_offset_s),) if offset_us else ())
    position, orientation = read.position, read.orientation
    if supplied.direction == "world_to_camera":
        position, orientation = _inverse(position, orientation)
    body_camera = np.eye(4)
    if supplied.body_to_camera:
        body_camera, said = read_body_camera(supplied.body_to_camera)
        notes += said
    if (supplied.axes or table.axes) == "opengl":
        body_camera = body_camera * OPENGL
    if not np.array_equal(body_camera, np.eye(4)):
        rotation = quaternion_to_rotation(torch.from_numpy(orientation)).numpy()
        position = position + rotation @ body_camera[:3, 3]
        orientation = rotation_to_quaternion(torch.from_numpy(rotation @ body_camera[:3, :3])).numpy()
    return replace(read, position=position, orientation=orientation), notes


def _say(notes: tuple[str, ...], where: str) -> None:
    for note in notes:
        _log.info("%s: %s", where, note)


def _inverse(position: np.ndarray, orientation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    turned = orientation * (-1.0, -1.0, -1.0, 1.0)
    rotation = quaternion_to_rotation(torch.from_numpy(turned)).numpy()
    return -np.einsum("nij,nj->ni", rotation, position), turned


def _offset_note(offset_s: float) -> str:
    return f"A time offset of {offset_s:g} s was subtracted from the times of the poses (t_pose = t_event + offset)."


def _with_camera(recording: Recording, supplied: Supplied) -> Recording:
    events, own = recording.events, recording.camera
    camera, notes = read_camera(supplied.camera, events.width, events.height, scale=supplied.scale_camera)
    if own is not None and own.bayer and not camera.bayer:
        camera = replace(camera, bayer=own.bayer)  # the sensor's filters, of which calibrations say nothing
    if own is not None:
        notes = ("The recording's own calibration was replaced by the one given.", *notes)
    if events.on_pixel is not None and camera.lens != "none":
        notes += (
            "Pixels are fractional, as in rectified events: if they are, give the calibration without its distortion.",
        )
    _say(notes, supplied.camera)
    frames = recording.frames
    if frames is not None and own is not None and frames.cameras == (own,):
        frames = replace(frames, cameras=(camera,))
    known = tuple(note for note in recording.notes if not note.startswith(ASSUMED_LENS))
    return replace(recording, camera=camera, frames=frames, notes=known + notes)


def _with_frames(recording: Recording, trajectory: Trajectory) -> Recording:
    """Frames at their places along a trajectory; those that it does not cover are left out."""
    frames, unposed, notes = recording.frames, recording.unposed_frames, ()
    if unposed is not None and len(unposed) and recording.camera is not None:
        frames, notes = _views(unposed, trajectory, recording.camera)
        unposed = None if frames is not None else unposed
    elif frames is not None and frames.t_us is not None:
        kept = np.flatnonzero(trajectory.covers(frames.t_us))
        notes = _left_out(len(frames) - len(kept), len(frames))
        frames = None
        if len(kept) and recording.frames is not None and recording.frames.t_us is not None:
            taken = recording.frames.take(kept)
            frames = replace(taken, T_world_camera=_poses_at(trajectory, recording.frames.t_us[kept]))
    return replace(recording, frames=frames, unposed_frames=unposed, notes=recording.notes + notes)


def _views(frames: Frames, trajectory: Trajectory, camera: Camera) -> tuple[Views | None, tuple[str, ...]]:
    rows, columns = frames.image.shape[1:3]
    if (columns, rows) != (camera.width, camera.height):
        sizes = f"{columns} x {rows}, the calibrated camera {camera.width} x {camera.height}"
        return None, (f"Frames are {sizes}: they were given no poses.",)
    kept = np.flatnonzero(trajectory.covers(frames.t_us))
    notes = _left_out(len(frames) - len(kept), len(frames))
    if not len(kept):
        return None, notes
    image = np.clip(frames.image[kept].astype(np.float32) / np.float32(frames.white), 0, None)
    names = frames.names or tuple(f"{i:06d}" for i in range(len(frames)))
    views = Views.stacked(
        image=to_channels(image, camera.channels),
        T_world_camera=_poses_at(trajectory, frames.t_us[kept]),
        camera=camera,
        names=tuple(names[i] for i in kept),
        t_us=frames.t_us[kept],
        color_space="display",
    )
    return views, notes


def _left_out(count: int, of: int) -> tuple[str, ...]:
    return (f"{count} of {of} frames lie outside the time of the poses and were left out.",) if count else ()


def _poses_at(trajectory: Trajectory, t_us: np.ndarray) -> np.ndarray:
    return trajectory.at(torch.from_numpy((t_us - trajectory.origin_us) * 1e-6)).matrix().numpy()
