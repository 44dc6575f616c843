"""Where a recording was seen from: along its trajectory, or from posed image to posed image."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64

from efields.geometry.camera import Camera
from efields.geometry.looked_at import widest
from efields.geometry.pose import rotation_to_quaternion
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording, Views

_PICTURE_US = 1_000_000  # from image to image on the path through them: images without times are a second apart


def viewpoints(recording: Recording) -> tuple[Trajectory, Camera] | None:
    """The path and the camera of a recording (the widest of several); None where no pose or no camera is known."""
    if recording.trajectory is not None:
        return None if recording.camera is None else (recording.trajectory, recording.camera)
    frames = recording.frames
    return None if frames is None or len(frames) == 0 else (path_through(frames), widest(frames.cameras))


def path_through(frames: Views) -> Trajectory:
    """A camera that goes from image to image, in the order of their times or, without times, as they come."""
    poses, t_us, order = frames.T_world_camera, times_on_path(frames), order_of_path(frames)
    if len(order) == 1:  # a path has two ends
        order, t_us = np.array([0, 1]), np.append(t_us, t_us[0] + _PICTURE_US)
        poses = np.repeat(poses, 2, axis=0)
    orientation = rotation_to_quaternion(torch.from_numpy(np.array(poses[order, :3, :3]))).numpy()
    return Trajectory.from_arrays(t_us[order], poses[order, :3, 3], orientation, origin_us=int(t_us[order[0]]))


def order_of_path(frames: Views) -> Int64[np.ndarray, " n"]:
    """The order in which `path_through` goes through images."""
    return np.argsort(times_on_path(frames))


def times_on_path(frames: Views) -> Int64[np.ndarray, " n"]:
    """Times of images on the path through them, microseconds: their own where each has one, else one a second."""
    if frames.t_us is None or len(np.unique(frames.t_us)) < len(frames):
        return np.arange(len(frames), dtype=np.int64) * _PICTURE_US
    return frames.t_us
