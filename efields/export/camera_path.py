"""Camera paths of the viewer's path editor: keys with times, and their JSON, by the rules of viewer/src/camera/path.ts.

Positions follow a Catmull-Rom spline in time, rotations use slerp, angles of view are linear.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64

from efields.errors import InputError
from efields.geometry.pose import quaternion_to_rotation, rotation_to_quaternion, slerp

FORMAT, VERSION = "efields-path", 1
MOST_FPS = 1000.0


@dataclass(frozen=True)
class Key:
    """One view that a path passes through."""

    t: float
    """Seconds since the path's start."""
    position: tuple[float, float, float]
    """Camera centre, world units."""
    quaternion: tuple[float, float, float, float]
    """Camera to world (OpenCV axes), x, y, z, w."""
    fov_y: float
    """Vertical angle of view, radians."""
    time_s: float | None = None
    """The field's time in seconds since the recording's origin; None leaves it as it is."""


@dataclass(frozen=True)
class Stop:
    """The camera at one moment of a flight."""

    T_world_camera: Float64[np.ndarray, "4 4"]
    """Camera to world, OpenCV axes."""
    fov_y: float | None = None
    """Vertical angle of view, radians; None for that of the event camera."""
    time_s: float | None = None
    """The field's time; None where nobody says."""
    size: tuple[int, int] | None = None
    """Width and height of the picture, pixels; None for those of the event camera."""


@dataclass(frozen=True)
class CameraPath:
    """A path through keys in order of time."""

    keys: tuple[Key, ...]
    """At least one."""
    fps: float = 30.0
    """Pictures a second."""
    closed: bool = False
    """Whether the last key leads back to the first, in the mean time between keys."""
    size: tuple[int, int] | None = None
    """Width and height of its pictures, pixels; None for those of the event camera."""

    @property
    def duration_s(self) -> float:
        """Seconds from the first key to the end."""
        if len(self.keys) < 2:
            return 0.0
        open_s = self.keys[-1].t - self.keys[0].t
        return open_s + open_s / (len(self.keys) - 1) if self.closed else open_s

    def stops(self) -> list[Stop]:
        """The camera of each frame of the video."""
        count = max(1, round(self.duration_s * self.fps))
        return [self.at(picture / self.fps) for picture in range(count)]

    def at(self, t: float) -> Stop:
        """The camera `t` seconds after the first key; held at the ends of an open path."""
        duration = self.duration_s
        inside = t % duration if self.closed and duration > 0 else min(duration, max(0.0, t))
        at = self.keys[0].t + inside
        i = max(0, sum(key.t <= at for key in self.keys) - 1)
        a, b = self.keys[i], self._key(i + 1) or self.keys[i]
        span = b.t - a.t
        f = min(1.0, (at - a.t) / span) if span > 0 else 0.0
        f2, f3 = f * f, f * f * f
        after = np.zeros(3) if b is a else self._velocity(i + 1)
        pose = np.eye(4)
        pose[:3, 3] = (
            (2 * f3 - 3 * f2 + 1) * np.array(a.position)
            + (f3 - 2 * f2 + f) * span * self._velocity(i)
            + (3 * f2 - 2 * f3) * np.array(b.position)
            + (f3 - f2) * span * after
        )
        turns = quaternion_to_rotation(torch.tensor([a.quaternion, b.quaternion], dtype=torch.float64))
        pose[:3, :3] = slerp(turns[0], turns[1], torch.tensor(f, dtype=torch.float64)).numpy()
        known = [time for time in (a.time_s, b.time_s) if time is not None]
        time_s = known[0] + f * (known[-1] - known[0]) if known else None
        return Stop(pose, a.fov_y + f * (b.fov_y - a.fov_y), time_s, self.size)

    def json(self) -> str:
        """The path as the viewer reads it."""
        keys = [
            {"t": k.t, "position": list(k.position), "quaternion": list(k.quaternion), "fov_y": k.fov_y,
             "time_s": k.time_s} for k in self.keys
        ]  # fmt: skip
        table = {"format": FORMAT, "version": VERSION, "fps": self.fps, "keys": keys, "closed": self.closed}
        return json.dumps(table, indent=1, allow_nan=False) + "\n"

    def _key(self, i: int) -> Key | None:
        """Key `i` of a path that goes on beyond its ends: round again when closed, else None."""
        n = len(self.keys)
        if 0 <= i < n:
            return self.keys[i]
        return replace(self.keys[i % n], t=self.keys[i % n].t + i // n * self.duration_s) if self.closed else None

    def _velocity(self, i: int) -> Float64[np.ndarray, "3"]:
        """Velocity at key `i`: the line between its neighbours; towards the one neighbour at an open end."""
        here = self._key(i) or self.keys[-1]
        before, after = self._key(i - 1) or here, self._key(i + 1) or here
        span = after.t - before.t
        return (np.array(after.position) - np.array(before.position)) / span if span > 0 else np.zeros(3)


def path_through(T_world_camera: Float64[np.ndarray, "n 4 4"], fov_y: float, fps: float) -> CameraPath:
    """The path whose pictures are these poses, one key a picture."""
    turn = rotation_to_quaternion(torch.from_numpy(np.ascontiguousarray(T_world_camera[:, :3, :3]))).tolist()
    place = T_world_camera[:, :3, 3].tolist()
    keys = (Key(i / fps, tuple(p), tuple(q), fov_y) for i, (p, q) in enumerate(zip(place, turn, strict=True)))
    return CameraPath(tuple(keys), fps)


def parse_path(table: Any, where: str) -> CameraPath:
    """A path from what its JSON holds; raises `InputError` that says what is wrong with it."""
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise InputError(f'is not a camera path: its "format" is not "{FORMAT}"', where)
    if table.get("version") != VERSION:
        raise InputError(f"this camera path has version {table.get('version')}; this efields reads {VERSION}", where)
    if not isinstance(table.get("keys"), list) or not table["keys"]:
        raise InputError("this camera path has no keys", where, "add views in the viewer's path editor")
    fps = finite_number(table.get("fps"), "fps of the camera path", where)
    if not 0 < fps <= MOST_FPS:
        raise InputError("fps of the camera path should be between 0 and 1000", where)
    keys = tuple(_key(item, f"key {i + 1}", where) for i, item in enumerate(table["keys"]))
    for i in range(1, len(keys)):
        if keys[i].t <= keys[i - 1].t:
            raise InputError(f"key {i + 1} of the camera path is not later than the one before it", where)
    return CameraPath(keys, fps, table.get("closed") is True)


def _key(item: Any, what: str, where: str) -> Key:
    if not isinstance(item, dict):
        raise InputError(f"{what} of the camera path should be an object", where)
    x, y, z = _numbers(item.get("position"), 3, f"the position of {what}", where)
    quaternion = _numbers(item.get("quaternion"), 4, f"the quaternion of {what}", where)
    length = math.hypot(*quaternion)
    if abs(length - 1) > 0.01:
        raise InputError(f"the quaternion of {what} should be of length 1", where)
    a, b, c, d = (value / length for value in quaternion)
    fov_y = finite_number(item.get("fov_y"), f"the fov_y of {what}", where)
    if not 0 < fov_y < math.pi:
        raise InputError(f"the fov_y of {what} should be in radians, between 0 and 3.14", where)
    time_s = item.get("time_s")
    time_s = None if time_s is None else finite_number(time_s, f"the time_s of {what}", where)
    return Key(finite_number(item.get("t"), f"the time of {what}", where), (x, y, z), (a, b, c, d), fov_y, time_s)


def finite_number(value: Any, what: str, where: str) -> float:
    """A value of JSON that is a finite number; raises `InputError` for others, naming `what` it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{what} should be a finite number", where)
    return float(value)


def _numbers(value: Any, count: int, what: str, where: str) -> list[float]:
    if not isinstance(value, list) or len(value) != count:
        raise InputError(f"{what} should hold {count} numbers", where)
    return [finite_number(item, what, where) for item in value]
