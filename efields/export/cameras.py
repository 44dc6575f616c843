"""Cameras and poses of a scene document: undistorted pinholes, positions and quaternions, up to a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float64, Int64

from efields.export.contract import Pinhole, SceneView, TrajectoryDocument
from efields.geometry.camera import Camera
from efields.geometry.pose import rotation_to_quaternion
from efields.geometry.trajectory import Trajectory

MOST_POSES = 2000
"""Poses of a trajectory in a document."""


def pinhole(camera: Camera) -> Camera:
    """The camera of the same focal lengths without distortion, Bayer pattern and mirroring."""
    cx = camera.cx if camera.fx > 0 else camera.width - 1 - camera.cx
    cy = camera.cy if camera.fy > 0 else camera.height - 1 - camera.cy
    return Camera(camera.width, camera.height, abs(camera.fx), abs(camera.fy), cx, cy)


def undistorted_pixels(camera: Camera) -> Int64[np.ndarray, "p 2"]:
    """Column and row of every raw pixel of `camera` in its pinhole; -1 where it falls outside or has no direction."""
    flat = pinhole(camera)
    bearings = camera.bearings()[:, :2]
    place = np.rint(bearings * (flat.fx, flat.fy) + (flat.cx, flat.cy))
    inside = ((place >= 0) & (place <= (flat.width - 1, flat.height - 1))).all(axis=1) & camera.undistortable()
    return np.where(inside[:, None], place, -1).astype(np.int64)


def pinhole_document(camera: Camera) -> Pinhole:
    """The pinhole of `camera` as the document has it."""
    flat = pinhole(camera)
    return Pinhole(flat.width, flat.height, flat.fx, flat.fy, flat.cx, flat.cy)


def pose_columns(
    T_world_camera: Float64[np.ndarray, "n 4 4"],
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 4"]]:
    """Positions and unit quaternions (x, y, z, w) of poses."""
    rotation = torch.from_numpy(np.ascontiguousarray(T_world_camera[:, :3, :3]))
    quaternion = rotation_to_quaternion(rotation).numpy()
    return T_world_camera[:, :3, 3], quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)


def rounded(values: Float64[np.ndarray, "*n"], digits: int) -> tuple[Any, ...]:
    """Nested tuples with so many significant digits: a third of the text that full precision takes."""
    if values.ndim > 1:
        return tuple(rounded(row, digits) for row in values)
    return tuple(float(f"{value:.{digits}g}") for value in values.tolist())


def scene_views(
    kind: Literal["training", "heldout", "recorded"],
    names: Sequence[str],
    T_world_camera: Float64[np.ndarray, "n 4 4"],
    t_s: Sequence[float] | None,
    cameras: Sequence[Camera | None] | None = None,
) -> list[SceneView]:
    """Views of the document; `cameras` are those of views that have another than `cameras.event`."""
    position, quaternion = (rounded(column, 8) for column in pose_columns(T_world_camera))
    own = [None if camera is None else pinhole_document(camera) for camera in cameras or [None] * len(names)]
    times = [None] * len(names) if t_s is None else [float(t) for t in t_s]
    columns = zip(names, times, position, quaternion, own, strict=True)
    return [SceneView(str(name), kind, t, place, turn, camera) for name, t, place, turn, camera in columns]


def poses_at(trajectory: Trajectory, t_s: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 4 4"]:
    """T_world_camera at times in seconds since the trajectory's origin."""
    return trajectory.matrices(t_s)


def even_times(trajectory: Trajectory, count: int) -> Float64[np.ndarray, " n"]:
    """`count` times from the first pose to the last, in seconds since the trajectory's origin."""
    return np.linspace(*trajectory.seconds_span, count)


def trajectory_document(trajectory: Trajectory) -> TrajectoryDocument:
    """The trajectory with straight motion between its poses: its own, or as many as a document takes."""
    if trajectory.kind == "linear" and len(trajectory) <= MOST_POSES:
        t_s = (trajectory.t_us - trajectory.origin_us) * 1e-6
    else:
        t_s = even_times(trajectory, min(MOST_POSES, max(2, 8 * len(trajectory))))
    position, quaternion = pose_columns(poses_at(trajectory, t_s))
    return TrajectoryDocument(rounded(t_s, 10), rounded(position, 8), rounded(quaternion, 8))
