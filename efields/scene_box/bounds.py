"""Boxes around points, around the content of depth maps, and around what cameras see."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64

from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Views

OUTLIERS = 1.0, 99.0
"""Percentiles along each axis that a box reaches."""
MARGIN = 0.1
"""What a box reaches beyond them on each side, over its longest edge; the nearest depth of views is less by as much."""
FARTHER = 0.2
"""What the farthest depth of views is more by: far depths are told by a pixel or two."""
WIDEST = 2.0
"""Tangent of the angle from the axis up to which a box holds what wide lenses see."""
POINTS_A_VIEW = 2000


def box_of_points(points: Float64[np.ndarray, "n 3"]) -> Box:
    """The box that holds nearly all points, with a margin."""
    lo, hi = np.percentile(points, OUTLIERS, axis=0)
    # Points that coincide leave a box of some size all the same.
    margin = MARGIN * (float((hi - lo).max()) or max(1e-3 * float(np.abs(hi).max()), 1e-3))
    return Box(tuple((lo - margin).tolist()), tuple((hi + margin).tolist()))


def points_of_depth(views: Views) -> Float64[np.ndarray, "n 3"]:
    """World points of an even share of the pixels whose depth is known; none where there are no depth maps."""
    found = [np.zeros((0, 3))]
    for camera, T, depth in zip(views.camera_of_each, views.T_world_camera, views.depths or (), strict=False):
        some = np.flatnonzero(camera.undistortable())
        some = some[:: max(1, len(some) // POINTS_A_VIEW)]
        some = some[np.isfinite(depth.reshape(-1)[some]) & (depth.reshape(-1)[some] > 0)]
        way = camera.bearings()[some]
        far = depth.reshape(-1)[some].astype(np.float64) / np.linalg.norm(way, axis=1)
        found.append(T[:3, 3] + far[:, None] * (way @ T[:3, :3].T))
    return np.concatenate(found)


def box_seen(path: Trajectory, camera: Camera, t_s: Float64[np.ndarray, " n"], nearest: float, farthest: float) -> Box:
    """The box around all that cameras at these times see between two depths along their axes, with a margin."""
    bearing = np.clip(camera.bearings()[camera.undistortable()], -WIDEST, WIDEST)
    (left, top), (right, bottom) = bearing[:, :2].min(axis=0), bearing[:, :2].max(axis=0)
    ways = np.array([(x, y, 1.0) for x in (left, right) for y in (top, bottom)])
    depths = np.array([(1 - MARGIN) * nearest, (1 + FARTHER) * farthest])
    poses = path.at(torch.from_numpy(t_s))
    local = (depths[:, None, None] * ways).reshape(-1, 3)
    corners = poses.position.numpy()[:, None] + np.einsum("nij,kj->nki", poses.rotation.numpy(), local)
    flat = corners.reshape(-1, 3)
    return Box(tuple(flat.min(axis=0).tolist()), tuple(flat.max(axis=0).tolist()))
