"""Cameras and poses of a scene document: undistorted pinholes, positions and quaternions, up to a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64

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


def camera_table(camera: Camera) -> dict[str, Any]:
    """A pinhole in the form of the document."""
    return {name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}


def pose_columns(
    T_world_camera: Float64[np.ndarray, "n 4 4"],
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 4"]]:
    """Positions and unit quaternions (x, y, z, w) of poses."""
    rotation = torch.from_numpy(np.ascontiguousarray(T_world_camera[:, :3, :3]))
    quaternion = rotation_to_quaternion(rotation).numpy()
    return T_world_camera[:, :3, 3], quaternion / np.linalg.norm(quaternion, axis=1, keepdims=True)


def rounded(values: Float64[np.ndarray, "*n"], digits: int) -> Any:
    """Nested lists with so many significant digits: a third of the text that full precision takes."""
    if values.ndim > 1:
        return [rounded(row, digits) for row in values]
    return [float(f"{value:.{digits}g}") for value in values.tolist()]


def view_tables(
    kind: str,
    names: Sequence[str],
    T_world_camera: Float64[np.ndarray, "n 4 4"],
    t_s: Sequence[float] | None,
    cameras: Sequence[Camera | None] | None = None,
) -> list[dict[str, Any]]:
    """Views of the document; `cameras` are those of views that have another than `cameras.event`."""
    position, quaternion = pose_columns(T_world_camera)
    own = [None if camera is None else camera_table(pinhole(camera)) for camera in cameras or [None] * len(names)]
    return [
        {
            "name": str(name),
            "kind": kind,
            "t_s": None if t_s is None else float(t_s[i]),
            "position": rounded(position[i], 8),
            "quaternion": rounded(quaternion[i], 8),
            **({} if own[i] is None else {"camera": own[i]}),
        }
        for i, name in enumerate(names)
    ]


def poses_at(trajectory: Trajectory, t_s: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 4 4"]:
    """T_world_camera at times in seconds since the trajectory's origin."""
    at = trajectory.at(torch.from_numpy(np.asarray(t_s, dtype=np.float64)))
    poses = np.tile(np.eye(4), (len(t_s), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = at.rotation.detach().numpy(), at.position.detach().numpy()
    return poses


def even_times(trajectory: Trajectory, count: int) -> Float64[np.ndarray, " n"]:
    """`count` times from the first pose to the last, in seconds since the trajectory's origin."""
    return np.linspace(*trajectory.seconds_span, count)


def trajectory_table(trajectory: Trajectory) -> dict[str, Any]:
    """The trajectory with straight motion between its poses: its own, or as many as a document takes."""
    if trajectory.kind == "linear" and len(trajectory) <= MOST_POSES:
        t_s = (trajectory.t_us - trajectory.origin_us) * 1e-6
    else:
        t_s = even_times(trajectory, min(MOST_POSES, max(2, 8 * len(trajectory))))
    position, quaternion = pose_columns(poses_at(trajectory, t_s))
    return {"t_s": rounded(t_s, 10), "position": rounded(position, 8), "quaternion": rounded(quaternion, 8)}
