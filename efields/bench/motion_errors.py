"""Egomotion and flow on simulated scenes with known motion: errors of each model and of baselines, and times."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float64

from efields.backends import choose_backend
from efields.bench.motion_scenes import MotionScene
from efields.evaluate.flow_scores import FlowPair, FlowScore, flow_preset, flow_table
from efields.evaluate.motion_scores import direction_table, rotation_table
from efields.evaluate.motion_truth import MotionTruth, camera_motion, displacement
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.motion.joint import JointConfig, estimate_motion_and_flow
from efields.motion.motion import Motion
from efields.motion.rotation import estimate_rotation
from efields.motion.window import ideal_camera
from efields.motion.window_rotation import RotationConfig, rotated

INTERVAL_US = 20_000
"""Flow is scored as the displacement over that long, at 50 Hz."""
MAPS = 4
"""Intervals that are scored, spread over the part of the recording that was looked at."""


class Displaces(Protocol):
    """Anything that says where pixels go."""

    def displacement(self, t0_us: int, t1_us: int, pixel: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """How far what is at `pixel` at `t0_us` moves until `t1_us`, in pixels."""
        ...


@dataclass(frozen=True)
class MotionRow:
    """One scene with one model."""

    scene: str
    """Name of the scene."""
    sensor: str
    """What saw it: `clean`, `noisy` or `recorded`."""
    model: str
    """Model, or baseline."""
    epe_px: float | None
    """Mean end-point error over 20 ms at pixels with events; None where no such pixel is known."""
    angular_error_deg: float | None
    """Mean angle between (u, v, 1) of both flows."""
    rotation_deg_s: float
    """Mean length of the error of the angular velocity."""
    direction_deg: float | None
    """Median angle to the true direction of translation, sign included; None where none was given."""
    given: float
    """Share of windows with a direction."""
    seconds_per_window: float | None
    """Time of a window; None for a baseline."""
    windows: int
    """Windows."""
    seed: int
    """Seed."""


def measure_motion(scene: MotionScene, seconds: float, seed: int = 0) -> Iterable[MotionRow]:
    """The full model, the full model without its epipolar term, the rotation model, and baselines, one after another.

    Looks at `seconds` from the middle of the recording.
    """
    events, camera, backend = scene.middle(seconds), scene.camera, choose_backend("auto")
    joint = JointConfig()
    for model, config in (("full", joint), ("full, no epipolar term", replace(joint, epipolar_weight=0.0))):
        began = time.perf_counter()
        motion, flow = estimate_motion_and_flow(events, camera, config, backend, seed)
        spent = time.perf_counter() - began
        yield _row(scene, model, motion, score_of_flow(flow, scene.truth, events, camera)[0], spent, seed)
    motion = estimate_rotation(events, camera, RotationConfig(), backend)
    found, zero = score_of_flow(TurningFlow(motion, ideal_camera(camera)), scene.truth, events, camera)
    yield _row(scene, "rotation", motion, found, motion.seconds, seed)
    yield _baseline(scene, motion, zero, seed)


@dataclass(frozen=True)
class TurningFlow:
    """The flow of a camera that only rotates."""

    motion: Motion
    """Its angular velocity, linear between windows."""
    camera: Camera
    """The camera without distortion."""

    def displacement(self, t0_us: int, t1_us: int, pixel: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """How far what is at `pixel` at `t0_us` moves until `t1_us`, in pixels, turning as at the time between."""
        focal = np.array([self.camera.fx, self.camera.fy])
        centre = np.array([self.camera.cx, self.camera.cy])
        middle = (t0_us + t1_us) / 2
        angular = [float(np.interp(middle, self.motion.t_us, axis)) for axis in self.motion.angular_velocity.T]
        back_s = torch.full((len(pixel),), (t0_us - t1_us) * 1e-6, dtype=torch.float64)
        place = rotated(torch.from_numpy((pixel - centre) / focal), back_s, torch.tensor(angular, dtype=torch.float64))
        return place.numpy() * focal + centre - pixel


def _row(
    scene: MotionScene, model: str, motion: Motion, score: FlowScore | None, seconds: float, seed: int
) -> MotionRow:
    true = camera_motion(scene.truth, motion.t_us)
    direction = direction_table(motion.direction, true.linear)["estimate"]
    return MotionRow(
        scene=scene.name,
        sensor=scene.sensor,
        model=model,
        epe_px=None if score is None else score.epe,
        angular_error_deg=None if score is None else score.angular_error_deg,
        rotation_deg_s=rotation_table(motion.angular_velocity, true.angular)["estimate"].mean_norm,
        direction_deg=direction.median_deg,
        given=direction.given,
        seconds_per_window=seconds / len(motion),
        windows=len(motion),
        seed=seed,
    )


def _baseline(scene: MotionScene, motion: Motion, zero: FlowScore | None, seed: int) -> MotionRow:
    """Zero flow, zero rotation, and forward as the constant direction."""
    true = camera_motion(scene.truth, motion.t_us)
    forward = direction_table(motion.direction, true.linear)["constant forward"]
    return MotionRow(
        scene=scene.name,
        sensor=scene.sensor,
        model="zero flow and rotation, forward",
        epe_px=None if zero is None else zero.epe,
        angular_error_deg=None if zero is None else zero.angular_error_deg,
        rotation_deg_s=rotation_table(motion.angular_velocity, true.angular)["zero rotation"].mean_norm,
        direction_deg=forward.median_deg,
        given=forward.given,
        seconds_per_window=None,
        windows=len(motion),
        seed=seed,
    )


def score_of_flow(
    flow: Displaces, truth: MotionTruth, events: EventStream, camera: Camera
) -> tuple[FlowScore | None, FlowScore | None]:
    """Scores of a flow's displacements over 20 ms, and of zero flow, at the same pixels with events."""
    first, last = int(events.t_us[0]), int(events.t_us[-1]) - INTERVAL_US
    y, x = np.mgrid[: camera.height, : camera.width]
    pixel = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
    pairs = []
    for start in np.linspace(first, max(last, first), MAPS).astype(np.int64).tolist():
        true = displacement(truth, start, start + INTERVAL_US)
        seen = np.zeros((camera.height, camera.width), dtype=bool)
        part = events.between(start, start + INTERVAL_US)
        seen[part.y, part.x] = True
        found = flow.displacement(start, start + INTERVAL_US, pixel).reshape(true.flow.shape)
        pairs.append(FlowPair(found, true.flow, true.valid, seen))
    table = flow_table(pairs, flow_preset("simulated"))
    return table["estimate"], table["zero flow"]
