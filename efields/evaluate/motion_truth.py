"""Ground-truth motion and flow: of a trajectory, and of a simulated scene at any time, from depth and motion.

A static point at depth Z flows by u = A(x) v / Z + B(x) w (Longuet-Higgins and Prazdny, 1980); for a moving one v is
the velocity of the camera relative to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64, UInt8

from efields.geometry.trajectory import Trajectory
from efields.simulation.motion_truth import MOTION_TRUTH_FILE, MotionTruth, load_truth

__all__ = [
    "MOTION_TRUTH_FILE", "CameraMotion", "Displacement", "MotionTruth", "Surface", "camera_motion", "displacement",
    "flow", "load_truth", "surface",
]  # fmt: skip

_SAME_DEPTH = 0.02
"""Share by which two depths of one surface may differ."""
_FOUND_PX = 0.05
"""Distance from a pixel's centre within which a point counts as seen there."""


@dataclass(frozen=True, eq=False)
class CameraMotion:
    """Velocities of a camera in its own axes (x right, y down, z forward)."""

    linear: Float64[np.ndarray, "n 3"]
    """Linear velocity, world units/s."""
    angular: Float64[np.ndarray, "n 3"]
    """Angular velocity, rad/s: a static bearing b moves as db/dt = -w x b."""


@dataclass(frozen=True, eq=False)
class Surface:
    """What every pixel's centre shows at one time."""

    point: Float64[np.ndarray, "h w 3"]
    """Point in the camera's axes, scene units; (x, y, 1) where it is not valid."""
    mover: UInt8[np.ndarray, "h w"]
    """Which moving object it belongs to, counted from 1; 0 means static."""
    valid: Bool[np.ndarray, "h w"]
    """Where it is known."""


@dataclass(frozen=True, eq=False)
class Displacement:
    """Where points go over an interval."""

    flow: Float64[np.ndarray, "h w 2"]
    """Displacement (x, y) in pixels of what each pixel's centre shows at the start; 0 where it is not valid."""
    valid: Bool[np.ndarray, "h w"]
    """Where it is known, whether or not the point is still seen at the end."""
    visible: Bool[np.ndarray, "h w"]
    """Where, besides, the point is in the image at the end and nothing hides it there."""


def camera_motion(source: Trajectory | MotionTruth, t_us: Int64[np.ndarray, " n"]) -> CameraMotion:
    """Velocities at absolute times: the exact derivative of the trajectory's curve, or of a simulated path.

    A linear trajectory has the constant velocities of the segment that begins at or before the time; outside it a
    camera stands still.
    """
    times = np.asarray(t_us, dtype=np.int64)
    if isinstance(source, MotionTruth):
        return CameraMotion(*source.path.motion(times * 1e-6))
    t_s = torch.from_numpy((times - source.origin_us) * 1e-6).requires_grad_()
    poses = source.at(t_s)
    parts = torch.cat((poses.rotation.flatten(1), poses.position), dim=1)
    columns = [torch.autograd.grad(part.sum(), t_s, retain_graph=True)[0] for part in parts.unbind(1)]
    rate = torch.stack(columns, dim=1).numpy()
    rotation = poses.rotation.detach().numpy()
    spin = np.einsum("nji,njk->nik", rotation, rate[:, :9].reshape(-1, 3, 3))
    angular = 0.5 * np.stack(
        (spin[:, 2, 1] - spin[:, 1, 2], spin[:, 0, 2] - spin[:, 2, 0], spin[:, 1, 0] - spin[:, 0, 1]), axis=1
    )
    return CameraMotion(np.einsum("nji,nj->ni", rotation, rate[:, 9:]), angular)


def surface(truth: MotionTruth, t_us: int) -> Surface:
    """The points that pixels show at any time, from the maps before and after.

    Each map's points are moved to that time, and for every pixel the one is sought that falls on its centre; of two
    different ones the nearer is seen. Where neither map has one (just uncovered), or nothing is met, it is not valid.
    """
    after = int(np.clip(np.searchsorted(truth.t_us, t_us), 0, len(truth.t_us) - 1))
    before = after if truth.t_us[after] <= t_us else max(after - 1, 0)
    point, mover, valid = _carried(truth, before, t_us)
    if after != before:
        other, other_mover, other_valid = _carried(truth, after, t_us)
        take = other_valid & (~valid | (other[..., 2] < point[..., 2]))
        point, mover = np.where(take[..., None], other, point), np.where(take, other_mover, mover)
        valid = valid | other_valid
    bearing = truth.camera.bearings().reshape(point.shape)
    return Surface(np.where(valid[..., None], point, bearing), np.where(valid, mover, 0).astype(np.uint8), valid)


def flow(truth: MotionTruth, t_us: int) -> tuple[Float64[np.ndarray, "h w 2"], Bool[np.ndarray, "h w"]]:
    """Flow at one time in pixels/s, u = A v / Z + B w, and where it is known; 0 elsewhere."""
    seen = surface(truth, t_us)
    motion = camera_motion(truth, np.array([t_us]))
    rotation = truth.path.poses(np.array([t_us]) * 1e-6)[0, :3, :3]
    of_things = np.concatenate((np.zeros((1, 3)), truth.mover_velocity)) @ rotation
    v = motion.linear[0] - of_things[seen.mover]
    depth = seen.point[..., 2]
    x, y = (seen.point[..., k] / depth for k in (0, 1))
    wx, wy, wz = motion.angular[0]
    u = (x * v[..., 2] - v[..., 0]) / depth + x * y * wx - (1 + x * x) * wy + y * wz
    w = (y * v[..., 2] - v[..., 1]) / depth + (1 + y * y) * wx - x * y * wy - x * wz
    pixels = np.stack((truth.camera.fx * u, truth.camera.fy * w), axis=-1)
    return np.where(seen.valid[..., None], pixels, 0.0), seen.valid


def displacement(truth: MotionTruth, start_us: int, stop_us: int) -> Displacement:
    """Displacement of every pixel from one time to another (earlier or later), along the true trajectories.

    A point is hidden at the end where what is seen around its place, a pixel to every side, is all nearer by 2 %.
    """
    begin, end = surface(truth, start_us), surface(truth, stop_us)
    camera, (height, width) = truth.camera, begin.valid.shape
    moved = _moved(truth, begin.point, begin.mover, start_us, stop_us)
    place = camera.project(moved.reshape(-1, 3)).reshape(height, width, 2)
    valid = begin.valid & np.isfinite(place).all(axis=-1)
    place = np.where(valid[..., None], place, -10.0)
    inside = (place >= -0.5).all(axis=-1) & (place[..., 0] < width - 0.5) & (place[..., 1] < height - 0.5)
    farthest = np.where(end.valid, end.point[..., 2], np.inf)
    padded = np.pad(farthest, 1, mode="edge")
    rows, columns = (
        np.clip(np.rint(place[..., k]).astype(int), 0, limit - 1) for k, limit in ((1, height), (0, width))
    )
    around = np.max([padded[rows + j, columns + i] for j in range(3) for i in range(3)], axis=0)
    visible = valid & inside & (moved[..., 2] <= (1 + _SAME_DEPTH) * around)
    row, column = np.mgrid[:height, :width]
    shift = np.where(valid[..., None], place - np.stack((column, row), axis=-1), 0.0)
    return Displacement(shift, valid, visible)


def _moved(truth: MotionTruth, point: np.ndarray, mover: np.ndarray, from_us: int, to_us: int) -> np.ndarray:
    """Points in the camera's axes at one time, in those at another; things move on."""
    here, there = truth.path.poses(np.array([from_us, to_us]) * 1e-6)
    things = np.concatenate((np.zeros((1, 3)), truth.mover_velocity)) * ((to_us - from_us) * 1e-6)
    world = point @ here[:3, :3].T + here[:3, 3] + things[mover]
    return (world - there[:3, 3]) @ there[:3, :3]


def _carried(truth: MotionTruth, number: int, t_us: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For every pixel the point of one map that falls on its centre at `t_us`, in the camera's axes of that time."""
    camera, height, width = truth.camera, *truth.depth.shape[1:]
    row, column = np.mgrid[:height, :width]
    target = np.stack((column, row), axis=-1).astype(np.float64)
    unit = camera.bearings()
    forward = (1.0 / np.linalg.norm(unit, axis=-1)).reshape(height, width)
    inverse = 1.0 / (truth.depth[number].astype(np.float64) * forward)
    labels, from_us = truth.mover[number], int(truth.t_us[number])
    place = target.copy()
    moved, mover, known = np.empty((height, width, 3)), labels, np.zeros((height, width), dtype=bool)
    miss = np.full_like(target, np.inf)
    for _ in range(8):
        sampled, mover, known = _sampled(inverse, labels, place)
        depth = 1.0 / np.where(known, sampled, 1.0)
        rays = np.stack(
            ((place[..., 0] - camera.cx) / camera.fx, (place[..., 1] - camera.cy) / camera.fy, np.ones_like(depth)),
            axis=-1,
        )
        moved = _moved(truth, rays * depth[..., None], mover, from_us, t_us)
        ahead = np.maximum(moved[..., 2], 1e-9)
        found = np.stack(
            (camera.fx * moved[..., 0] / ahead + camera.cx, camera.fy * moved[..., 1] / ahead + camera.cy), axis=-1
        )
        miss = np.where(known[..., None], target - found, 0.0)
        if np.abs(miss).max() < 1e-6:
            break
        place = place + miss
    return moved, mover, known & (np.abs(miss).max(axis=-1) < _FOUND_PX)


def _sampled(inverse: np.ndarray, labels: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inverse depth and label of a map between its pixels: linear on one surface, that of the nearest pixel at edges.

    Inverse depth is linear in the image for a plane.
    """
    height, width = inverse.shape
    x, y = place[..., 0], place[..., 1]
    known = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    x, y = np.where(known, x, 0.0), np.where(known, y, 0.0)
    column, row = np.clip(np.floor(x).astype(int), 0, width - 2), np.clip(np.floor(y).astype(int), 0, height - 2)
    right, down = x - column, y - row
    corners = np.stack([inverse[row + j, column + i] for j in (0, 1) for i in (0, 1)])
    things = np.stack([labels[row + j, column + i] for j in (0, 1) for i in (0, 1)])
    smooth = (things == things[0]).all(axis=0) & (corners.min(axis=0) > (1 - _SAME_DEPTH) * corners.max(axis=0))
    weights = np.stack(((1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down))
    at = np.rint(y).astype(int), np.rint(x).astype(int)
    value = np.where(smooth, (weights * corners).sum(axis=0), inverse[at])
    return value, np.where(smooth, things[0], labels[at]), known & (value > 0)
