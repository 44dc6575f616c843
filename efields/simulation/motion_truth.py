"""Ground truth of simulated scenes for scoring motion and flow: the path in closed form, depth, moving objects."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from efields import atomic
from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.settings import fill, to_table
from efields.simulation.free_path import FreePath
from efields.simulation.render import SceneRenderer

MOTION_TRUTH_FILE = "motion_truth.npz"
"""Name of the file in a recording's folder."""

SAMPLE_RATE_HZ = 1000
"""Rate of the velocities that the file holds for readers that do not know the path."""


@dataclass(frozen=True, eq=False)
class MotionTruth:
    """True motion of a simulated camera and of what it sees; times are those of the recording's events."""

    path: FreePath
    """Pose and velocity of the camera at any time, in closed form; its zero is 0 microseconds."""
    camera: Camera
    """The camera of the maps, without distortion."""
    t_us: Int64[np.ndarray, " k"]
    """Times of the maps in microseconds, increasing, from the start of the path to its end."""
    depth: Float32[np.ndarray, "k h w"]
    """Distance along the unit ray through each pixel's centre in scene units; inf where nothing is met."""
    mover: UInt8[np.ndarray, "k h w"]
    """Which moving object each pixel shows, counted from 1; 0 means static."""
    mover_velocity: Float64[np.ndarray, "m 3"]
    """Velocity of each moving object in the world, scene units/s, constant."""


def render_truth(renderer: SceneRenderer, path: FreePath) -> MotionTruth:
    """The ground truth of a scene, with maps at `path.truth_rate_hz` from start to end."""
    count = max(round(path.duration_s * path.truth_rate_hz), 1) + 1
    t_us = np.rint(np.linspace(0.0, path.duration_s, count) * 1e6).astype(np.int64)
    depth, mover = [], []
    for t_s, pose in zip(t_us * 1e-6, path.poses(t_us * 1e-6), strict=True):
        renderer.advance(float(t_s))
        depth.append(renderer.depth(pose))
        mover.append(renderer.mover(pose))
    return MotionTruth(path, renderer.camera, t_us, np.stack(depth), np.stack(mover), renderer.mover_velocity)


def save_truth(truth: MotionTruth, path: Path) -> None:
    """Write it as .npz: the maps, the path as JSON, and poses and velocities for any other reader.

    `T_world_camera` is given at the maps' times; `motion_t_us`, `linear_velocity` (scene units/s) and
    `angular_velocity` (rad/s), both in the camera's own axes, every millisecond.
    """
    camera = truth.camera
    count = max(round(truth.path.duration_s * SAMPLE_RATE_HZ), 1) + 1
    motion_t_us = np.rint(np.linspace(0.0, truth.path.duration_s, count) * 1e6).astype(np.int64)
    linear, angular = truth.path.motion(motion_t_us * 1e-6)
    content = io.BytesIO()
    np.savez_compressed(
        content,
        path=np.array(json.dumps(to_table(truth.path))),
        intrinsics=np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        t_us=truth.t_us,
        T_world_camera=truth.path.poses(truth.t_us * 1e-6),
        depth=truth.depth,
        mover=truth.mover,
        mover_velocity=truth.mover_velocity,
        motion_t_us=motion_t_us,
        linear_velocity=linear,
        angular_velocity=angular,
    )
    atomic.write_bytes(path, content.getvalue())


def load_truth(path: Path) -> MotionTruth:
    """What `save_truth` wrote, from its file or the folder of the recording.

    Raises `InputError` where there is none, or for another or a damaged file.
    """
    file = path / MOTION_TRUTH_FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            "contains no ground-truth motion", path, "simulate a scene with a free path, as scenes/motion_forward"
        )
    try:
        with np.load(file, allow_pickle=False) as held:
            found = {name: held[name] for name in held.files}
        depth = found["depth"]
        _, height, width = depth.shape
        fx, fy, cx, cy = map(float, found["intrinsics"])
        return MotionTruth(
            path=fill(FreePath, json.loads(str(found["path"])), str(file)),
            camera=Camera(width, height, fx, fy, cx, cy),
            **{name: found[name] for name in ("t_us", "depth", "mover", "mover_velocity")},
        )
    except (OSError, KeyError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"is not the ground-truth motion of a simulated scene ({error})", file, "simulate it again"
        ) from None
