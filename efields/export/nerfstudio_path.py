"""Camera paths of nerfstudio's viewer (`camera_path.json`): the camera of every frame, or keyframes.

Source: nerfstudio 1.1, `cameras/camera_paths.py` and `viewer/render_panel.py`. Matrices take camera to world in OpenGL
axes, `fov` is the vertical angle of view in degrees.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from efields.errors import InputError
from efields.export.camera_path import MOST_FPS, CameraPath, Key, Stop, finite_number
from efields.geometry.pose import rotation_to_quaternion

PERSPECTIVE = ("perspective", "pinhole")
MOST_PIXELS = 16384
DEFAULT_FPS = 30.0
TRANSITION_S = 2.0
"""Seconds between two keyframes if the file does not say, as in nerfstudio."""


@dataclass(frozen=True)
class Pictures:
    """The camera of every picture of a film."""

    cameras: tuple[Stop, ...]
    """At least one."""
    fps: float
    """Pictures a second."""

    def stops(self) -> list[Stop]:
        """The camera of each frame of the video."""
        return list(self.cameras)


def is_nerfstudio(content: Any) -> bool:
    """Whether what a JSON file holds is such a path."""
    return isinstance(content, dict) and ("camera_path" in content or "keyframes" in content)


def parse_nerfstudio(content: dict[str, Any], where: str) -> Pictures | CameraPath:
    """A flight from what the JSON holds; raises `InputError` that names what is wrong with it or cannot be rendered."""
    kind = str(content.get("camera_type", PERSPECTIVE[0])).lower()
    if kind not in PERSPECTIVE:
        raise InputError(f"the camera_type '{kind}' cannot be rendered", where, "export a perspective path")
    if content.get("crop"):
        raise InputError("has a crop, which videos cannot have", where, "remove 'crop' from the file")
    size = _size(content, where)
    rows = content.get("camera_path")
    if rows:
        stops = tuple(
            _stop(row, "camera_to_world", f"camera {i + 1}", size, content, where) for i, row in _each(rows, where)
        )
        return Pictures(stops, _fps(content, len(stops), where))
    rows = content.get("keyframes")
    if not rows:
        raise InputError("contains no cameras", where, "add some in nerfstudio's viewer, and export the path again")
    keys, t = [], 0.0
    for i, row in _each(rows, where):
        what = f"keyframe {i + 1}"
        if i:
            t += _seconds(row, content, len(rows), what, where)
        stop = _stop(row, "matrix", what, None, content, where)
        turn = rotation_to_quaternion(torch.from_numpy(stop.T_world_camera[:3, :3].copy())).tolist()
        assert stop.fov_y is not None
        keys.append(Key(t, tuple(stop.T_world_camera[:3, 3].tolist()), tuple(turn), stop.fov_y))
    fps = _fps(content, 0, where)
    closed = content.get("is_cycle") is True and len(keys) > 1
    return CameraPath(tuple(keys), fps, closed, size)


def _each(rows: Any, where: str) -> Any:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError("its cameras should be a list of objects", where)
    return enumerate(rows)


def _stop(
    row: dict[str, Any], name: str, what: str, size: tuple[int, int] | None, content: dict[str, Any], where: str
) -> Stop:
    pose = _pose(row.get(name, row.get("camera_to_world")), what, where)
    fov = finite_number(row.get("fov", content.get("default_fov", 50.0)), f"the fov of {what}", where)
    if not 0 < fov < 180:
        raise InputError(f"the fov of {what} should be in degrees, between 0 and 180", where)
    return Stop(pose, math.radians(fov), size=size)


def _pose(value: Any, what: str, where: str) -> Float64[np.ndarray, "4 4"]:
    """Camera to world in OpenCV axes, of 16 or 12 numbers in rows, or in columns as three.js writes them."""
    columns = isinstance(value, str)
    try:
        numbers = np.array(json.loads(value) if columns else value, dtype=np.float64).reshape(-1)
    except (ValueError, TypeError):
        numbers = np.zeros(0)
    if numbers.size not in (12, 16) or not np.isfinite(numbers).all():
        raise InputError(f"the matrix of {what} should hold 16 or 12 finite numbers", where)
    pose = np.eye(4)
    pose[: numbers.size // 4] = numbers.reshape(-1, 4)
    last = np.array([0.0, 0.0, 0.0, 1.0])
    if numbers.size == 16 and (columns or not np.allclose(pose[3], last)) and np.allclose(pose[:, 3], last):
        pose = pose.T
    turn = pose[:3, :3]
    if not np.allclose(pose[3], last) or np.abs(turn @ turn.T - np.eye(3)).max() > 1e-3 or np.linalg.det(turn) < 0:
        raise InputError(f"the matrix of {what} is not a rotation and a position", where, "remove scale and mirroring")
    return pose * np.array([1.0, -1.0, -1.0, 1.0])  # OpenGL columns y and z point the other way


def _size(content: dict[str, Any], where: str) -> tuple[int, int] | None:
    """Width and height of the pictures, pixels; None where the file does not say."""
    if content.get("render_width") is None and content.get("render_height") is None:
        return None
    width, height = (finite_number(content.get(name), f"'{name}'", where) for name in ("render_width", "render_height"))
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        raise InputError(f"pictures of {width:g} x {height:g} pixels", where, f"give 1 to {MOST_PIXELS} a side")
    return round(width), round(height)


def _fps(content: dict[str, Any], count: int, where: str) -> float:
    fps: Any = content.get("fps")
    if fps is None:
        seconds = content.get("seconds")
        fps = (
            DEFAULT_FPS
            if seconds is None or not count
            else count / max(finite_number(seconds, "'seconds'", where), 1e-9)
        )
    fps = finite_number(fps, "fps of the camera path", where)
    if not 0 < fps <= MOST_FPS:
        raise InputError("fps of the camera path should be between 0 and 1000", where)
    return fps


def _seconds(row: dict[str, Any], content: dict[str, Any], count: int, what: str, where: str) -> float:
    """Seconds from the keyframe before to this one."""
    given: Any = row.get("override_transition_sec") if row.get("override_transition_enabled") else None
    if given is None and content.get("seconds") is not None:
        turns = count if content.get("is_cycle") is True else count - 1
        given = finite_number(content["seconds"], "'seconds'", where) / turns
    if given is None:
        given = content.get("default_transition_sec", TRANSITION_S)
    seconds = finite_number(given, f"the time to {what}", where)
    if not 0 < seconds <= 1e5:
        raise InputError(f"the time to {what} should be seconds above 0", where)
    return seconds
