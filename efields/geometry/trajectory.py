"""Trajectories: the pose of the camera at any time, in float64, differentiable in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from efields.errors import InputError
from efields.geometry.pose import (
    Poses,
    invert,
    quaternion_to_rotation,
    rotation_to_quaternion,
    se3_exp,
    se3_log,
    so3_exp,
    so3_log,
)
from efields.geometry.pose_checks import check_poses, check_times, in_order

Kind = Literal["linear", "cubic"]


@dataclass(frozen=True)
class Segments:
    """The data of every segment between two poses that `at` needs, on one device."""

    t_s: Float64[Tensor, " p"]
    """Where segments begin and the last one ends, seconds since `origin_us`."""
    rotation: Float64[Tensor, "s 3 3"]
    """Rotation from camera to world at the start of the segment."""
    position: Float64[Tensor, "s 3"]
    """Camera centre there."""
    increment: Float64[Tensor, "s k"]
    """Linear: rotation vector and displacement (k = 6). Cubic: three twists, one after the other (k = 18)."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Timed poses of a camera with a curve through them; make it with `from_arrays`, which checks.

    "linear" moves at constant velocity and constant angular velocity between poses (lerp and slerp). "cubic" is the
    cumulative cubic B-spline on SE(3) with the poses as control points (Mueggler et al., T-RO 2018, eq. 3): twice
    differentiable, passing near the poses rather than through them. Its knots are uniform: poses at other times are
    first interpolated linearly to as many uniform ones.
    """

    t_us: Int64[np.ndarray, " p"]
    """Absolute time of each pose in microseconds, strictly increasing."""
    position: Float64[np.ndarray, "p 3"]
    """Camera centre in the world, world units."""
    orientation: Float64[np.ndarray, "p 4"]
    """Rotation from camera (OpenCV axes) to world, unit quaternions (x, y, z, w)."""
    kind: Kind = "linear"
    """Curve between the poses."""
    origin_us: int = 0
    """Absolute time in microseconds that counts as zero seconds in `at`: the recording's first event."""
    _by_device: dict[str, Segments] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_arrays(
        cls,
        t_us: np.ndarray,
        position: np.ndarray,
        orientation: np.ndarray,
        kind: Kind = "linear",
        origin_us: int = 0,
        *,
        where: str = "",
        rows: Sequence[str] = (),
    ) -> Trajectory:
        """Check raw columns and make a trajectory of them; orientation is (x, y, z, w), camera to world, OpenCV axes.

        Times out of order are sorted and repeated times dropped (the first pose stays), with a warning that names
        the first and counts them; `rows` says where each pose stands in its source, such as `line 3`.

        Raises `InputError` for fewer than two poses at different times, numbers that are not finite or out of range,
        and quaternions more than 1e-3 from unit length.
        """
        t_us = np.asarray(t_us)
        position, orientation = np.asarray(position, np.float64), np.asarray(orientation, np.float64)
        if kind not in ("linear", "cubic"):
            raise InputError(f"trajectory kind {kind!r}", where, "known are linear, cubic")
        count = len(t_us) if t_us.ndim == 1 else -1
        if position.shape != (count, 3) or orientation.shape != (count, 4):
            shapes = f"{t_us.shape}, {position.shape}, {orientation.shape}"
            raise InputError(
                f"times, positions and orientations have shapes {shapes}", where, "give [p], [p, 3], [p, 4]"
            )
        if t_us.dtype.kind not in "iu" and not (t_us == np.rint(t_us)).all():
            raise InputError("times of poses are not whole microseconds", where, "convert seconds with seconds_to_us")
        check_times(t_us, where, rows)
        orientation = check_poses(position, orientation, where, rows)
        t_us, position, orientation = in_order(t_us.astype(np.int64), position, orientation, where, rows)
        return cls(t_us, position, orientation, kind, int(origin_us))

    @classmethod
    def from_matrices(
        cls,
        t_us: np.ndarray,
        T_world_camera: Float64[np.ndarray, "p 4 4"],
        kind: Kind = "linear",
        origin_us: int = 0,
        *,
        where: str = "",
    ) -> Trajectory:
        """The trajectory through homogeneous matrices (OpenCV axes); raises like `from_arrays`."""
        T = np.asarray(T_world_camera, np.float64)
        orientation = rotation_to_quaternion(torch.from_numpy(np.ascontiguousarray(T[:, :3, :3]))).numpy()
        return cls.from_arrays(t_us, T[:, :3, 3], orientation, kind, origin_us, where=where)

    def __len__(self) -> int:
        return len(self.t_us)

    @property
    def start_us(self) -> int:
        """Absolute time of the first pose in microseconds."""
        return int(self.t_us[0])

    @property
    def end_us(self) -> int:
        """Absolute time of the last pose in microseconds."""
        return int(self.t_us[-1])

    @property
    def seconds_span(self) -> tuple[float, float]:
        """Times of the first and of the last pose, in seconds since `origin_us`."""
        return (self.start_us - self.origin_us) * 1e-6, (self.end_us - self.origin_us) * 1e-6

    def covers(self, t_us: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Whether each absolute time in microseconds lies between the first and the last pose, both included."""
        return (np.asarray(t_us) >= self.start_us) & (np.asarray(t_us) <= self.end_us)

    def at(self, t_s: Float64[Tensor, " n"]) -> Poses:
        """Poses at times in seconds since `origin_us`; outside the trajectory, the first or last pose is held.

        Raises `TypeError` for times that are not float64.
        """
        if t_s.dtype != torch.float64:
            raise TypeError(f"times must be float64 seconds, not {t_s.dtype}")
        segments = self.segments(t_s.device)
        knots = segments.t_s
        t_s = torch.minimum(torch.maximum(t_s, knots[0]), knots[-1])
        index = torch.searchsorted(knots, t_s.detach(), right=True).sub_(1).clamp_(0, len(knots) - 2)
        u = (t_s - knots[index]) / (knots[index + 1] - knots[index])
        rotation, position, increment = (
            values.index_select(0, index) for values in (segments.rotation, segments.position, segments.increment)
        )
        if self.kind == "linear":
            turned = so3_exp(u[:, None] * increment[:, :3])
            return Poses(rotation @ turned, position + u[:, None] * increment[:, 3:])
        shares = _cumulative_cubic(u)
        for share, twist in zip(shares, increment.split(6, dim=1), strict=True):
            step = se3_exp(share[:, None] * twist)
            position = position + (rotation @ step[:, :3, 3:]).squeeze(-1)
            rotation = rotation @ step[:, :3, :3]
        return Poses(rotation, position)

    @torch.no_grad()
    def matrices(self, t_s: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 4 4"]:
        """`T_world_camera` at times in seconds since `origin_us`; see `at`."""
        return self.at(torch.from_numpy(np.asarray(t_s, dtype=np.float64))).matrix().numpy()

    def about(self, origin: tuple[float, float, float]) -> Trajectory:
        """The same trajectory with positions relative to `origin`; itself if that is zero."""
        return replace(self, position=self.position - origin) if any(origin) else self

    def segments(self, device: torch.device) -> Segments:
        """The segments on a device, computed once per device."""
        key = str(device)
        if key not in self._by_device:
            here = self._linear if self.kind == "linear" else self._cubic
            self._by_device[key] = Segments(
                *(values.to(device) for values in (here.t_s, here.rotation, here.position, here.increment))
            )
        return self._by_device[key]

    @cached_property
    def _linear(self) -> Segments:
        """Segments of constant velocity between the poses."""
        t_s = torch.from_numpy((self.t_us - self.origin_us) * 1e-6)
        rotation = quaternion_to_rotation(torch.from_numpy(self.orientation))
        position = torch.from_numpy(self.position)
        turn = so3_log(rotation[:-1].transpose(-1, -2) @ rotation[1:])
        return Segments(t_s, rotation[:-1], position[:-1], torch.cat((turn, position.diff(dim=0)), dim=1))

    @cached_property
    def _cubic(self) -> Segments:
        """Segments of the cumulative cubic B-spline over uniform knots."""
        knots = _uniform_knots(self._linear.t_s)
        if knots is None:
            knots, controls = self._linear.t_s, None
        else:
            controls = Trajectory(self.t_us, self.position, self.orientation, "linear", self.origin_us).at(knots)
        if controls is None:
            controls = Poses(
                quaternion_to_rotation(torch.from_numpy(self.orientation)), torch.from_numpy(self.position)
            )
        T = controls.matrix()
        twist = se3_log(invert(T[:-1]) @ T[1:])
        # Beyond each end the motion goes on as it was, which makes the curve start and stop at the end poses.
        twist = torch.cat((twist[:1], twist, twist[-1:]))
        before = torch.cat(((T[:1] @ se3_exp(-twist[:1])), T[:-2]))
        increment = torch.cat((twist[:-2], twist[1:-1], twist[2:]), dim=1)
        return Segments(knots, before[:, :3, :3], before[:, :3, 3], increment)


def _uniform_knots(t_s: Float64[Tensor, " p"]) -> Float64[Tensor, " p"]:
    """As many uniform times in place of these; these themselves if they are uniform up to rounding to microseconds."""
    even = t_s[0] + (t_s[-1] - t_s[0]) / (len(t_s) - 1) * torch.arange(len(t_s), dtype=torch.float64)
    return t_s if bool(((t_s - even).abs() <= 2e-6).all()) else even


def _cumulative_cubic(u: Float64[Tensor, " n"]) -> tuple[Tensor, Tensor, Tensor]:
    """Cumulative basis of the uniform cubic B-spline: shares of the three twists of a segment."""
    u2, u3 = u * u, u * u * u
    return (5 + 3 * u - 3 * u2 + u3) / 6, (1 + 3 * u + 3 * u2 - 2 * u3) / 6, u3 / 6
