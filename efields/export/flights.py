"""Camera paths for videos: around or in front of what the recording saw, or along a file of poses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from efields.errors import InputError
from efields.export.camera_path import FORMAT, CameraPath, Stop, parse_path
from efields.export.cameras import poses_at
from efields.export.nerfstudio_path import Pictures, is_nerfstudio, parse_nerfstudio
from efields.formats.text.tables import read_short_text
from efields.geometry.paths import look_at, orbit
from efields.geometry.pose import quaternion_to_rotation
from efields.geometry.trajectory import Trajectory
from efields.poses.rows import read_pose_rows
from efields.render.image import render_view
from efields.render.model import Model
from efields.settings import neighbour_or

AROUND_DEG = 60.0
"""A recording whose viewing directions spread by more than this circled its subject."""


def flight_of(model: Model, path: str, count: int, fps: float | None = None) -> tuple[list[Stop], float]:
    """The camera of each frame of a video, and its frame rate (30, or a camera path's own, if not given).

    `path` is `orbit`, `spiral`, `auto` or `recorded`, with `count` pictures, or a file of poses or of a camera path.
    """
    if path == "recorded":
        t_s = path_times(model.trajectory, count)
        poses = poses_at(model.trajectory, t_s)
        return [Stop(pose, time_s=t) for pose, t in zip(poses, t_s.tolist(), strict=True)], fps or 30.0
    if path in ("auto", "orbit", "spiral"):
        poses = orbit_or_spiral(model.trajectory, path, count, depth_ahead(model))
    else:
        poses = poses_from_file(Path(path))
    if isinstance(poses, CameraPath | Pictures):
        timed = replace(poses, fps=fps or poses.fps)
        return timed.stops(), timed.fps
    return [Stop(pose) for pose in poses], fps or 30.0


def depth_ahead(model: Model) -> float | None:
    """Median depth that the middle pose of the trajectory sees; None where it sees nothing."""
    small = model.camera.scaled(min(1.0, 48 / model.camera.width))
    middle = path_times(model.trajectory, 3)[1:2]
    depth = render_view(model.renderer, small, poses_at(model.trajectory, middle)[0], float(middle[0])).depth
    return float(np.median(depth[np.isfinite(depth)])) if np.isfinite(depth).any() else None


def poses_from_file(path: Path) -> Float64[np.ndarray, "n 4 4"] | CameraPath | Pictures:
    """Camera-to-world poses (OpenCV axes) from a text or a JSON file, or a path of the viewer's path editor.

    Text is lines `t x y z qx qy qz qw`, named columns, or matrices. JSON is `{"T_world_camera": [4x4, ...]}` in OpenCV
    axes, frames with a `transform_matrix` in OpenGL axes, as NeRF datasets have them, or a camera_path.json of
    nerfstudio. Raises `InputError` for anything else.
    """
    if not path.exists():
        do = neighbour_or(path, "--path takes auto, orbit, spiral, recorded or a file of poses")
        raise InputError("no such file", path, do)
    poses = _from_json(read_short_text(path, 256 << 20), path) if path.suffix == ".json" else _from_text(path)
    if isinstance(poses, CameraPath | Pictures):
        return poses
    if not np.isfinite(poses).all():
        raise InputError("a pose holds NaN or infinity", path)
    turn = poses[:, :3, :3]
    if np.abs(turn @ turn.transpose(0, 2, 1) - np.eye(3)).max() > 1e-3 or (np.linalg.det(turn) < 0).any():
        raise InputError("a pose is not a rotation and a position", path, "remove scale and mirroring")
    return poses


def _from_text(path: Path) -> Float64[np.ndarray, "n 4 4"]:
    """Poses of a text in any layout (see `pose_rows`) in the order of their times, or of the file where it has none."""
    found = read_pose_rows(path)
    if len(found.labels) < 2:
        raise InputError("needs two or more poses, such as lines `t x y z qx qy qz qw`", path)
    order = list(range(len(found.labels)))
    if found.times is not None:
        order.sort(key=found.times.__getitem__)
    poses = np.tile(np.eye(4), (len(found.labels), 1, 1))
    poses[:, :3, :3] = quaternion_to_rotation(torch.from_numpy(found.orientation)).numpy()
    poses[:, :3, 3] = found.position
    return poses[order]


def _from_json(text: str, path: Path) -> Float64[np.ndarray, "n 4 4"] | CameraPath | Pictures:
    try:
        content = json.loads(text)
        if isinstance(content, dict) and content.get("format") == FORMAT:
            return parse_path(content, str(path))
        if is_nerfstudio(content):
            return parse_nerfstudio(content, str(path))
        if isinstance(content, dict) and "frames" in content:
            poses = np.array([frame["transform_matrix"] for frame in content["frames"]], dtype=np.float64)
            poses = poses * np.array([1.0, -1.0, -1.0, 1.0])  # OpenGL columns y and z point the other way
        else:
            poses = np.array(content["T_world_camera"] if isinstance(content, dict) else content, dtype=np.float64)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"contains no 4x4 poses ({error})", path, 'write {"T_world_camera": [...]}') from None
    if poses.ndim != 3 or poses.shape[1:] != (4, 4) or len(poses) == 0:
        raise InputError(f"holds an array of shape {poses.shape}, not poses of 4x4", path)
    return poses


def path_times(trajectory: Trajectory, count: int) -> Float64[np.ndarray, " n"]:
    """`count` times spread evenly over the trajectory, in seconds since its origin."""
    return (np.linspace(trajectory.start_us, trajectory.end_us, count) - trajectory.origin_us) * 1e-6


def orbit_or_spiral(
    trajectory: Trajectory, kind: str, count: int, distance: float | None = None
) -> Float64[np.ndarray, "n 4 4"]:
    """A closed flight of `count` poses fitted to a trajectory.

    `orbit` goes once around the point that the recorded cameras looked at, at their mean distance and height; `spiral`
    moves around their middle pose and looks at one point `distance` ahead (the depth of the scene there). `auto` takes
    the orbit where the cameras went around, the spiral where they looked one way.
    """
    seen = poses_at(trajectory, path_times(trajectory, 64))
    forward = seen[:, :3, 2]
    mean = forward.mean(0) / max(float(np.linalg.norm(forward.mean(0))), 1e-9)
    spread = np.degrees(np.arccos(np.clip(forward @ mean, -1, 1))).max()
    if kind == "orbit" or (kind == "auto" and spread > AROUND_DEG):
        return _orbit(seen, count)
    return _spiral(seen, count, distance)


def _orbit(seen: np.ndarray, count: int) -> Float64[np.ndarray, "n 4 4"]:
    position, forward = seen[:, :3, 3], seen[:, :3, 2]
    # The point nearest to all viewing axes: sum of (I - f f^T) (x - p) = 0.
    across = np.eye(3) - forward[:, :, None] * forward[:, None, :]
    center = np.linalg.lstsq(across.sum(0), (across @ position[:, :, None]).sum(0)[:, 0], rcond=None)[0]
    up = -seen[:, :3, 1].mean(0)
    up /= np.linalg.norm(up)
    height = (position - center) @ up
    level = np.linalg.norm(position - center - height[:, None] * up, axis=1)
    elevation = np.degrees(np.arctan2(height.mean(), level.mean()))
    return orbit(center, float(np.hypot(level.mean(), height.mean())), float(elevation), count, up=up)


def _spiral(seen: np.ndarray, count: int, distance: float | None) -> Float64[np.ndarray, "n 4 4"]:
    middle = seen[len(seen) // 2]
    position = seen[:, :3, 3]
    reach = float(np.abs(position - position.mean(0)).max())
    ahead = distance or 10 * reach or 1.0
    # Half of the camera's movement, and a little even if it did not move.
    sway = max(0.5 * reach, 0.01 * ahead)
    angle = np.arange(count) * 2 * np.pi / count
    offset = np.stack([np.cos(angle), 0.5 * np.sin(angle), 0.3 * np.sin(2 * angle)], axis=1) * sway
    return look_at(
        position.mean(0) + offset @ middle[:3, :3].T, position.mean(0) + ahead * middle[:3, 2], -middle[:3, 1]
    )
