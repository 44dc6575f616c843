"""Egomotion and flow on simulated scenes with known motion: errors of each model beside baselines, and their times."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from efields.backends import choose_backend
from efields.bench.kernels import OnProgress
from efields.evaluate.flow_scores import FlowPair, FlowScore, flow_preset, flow_table
from efields.evaluate.motion_scores import direction_table, rotation_table
from efields.evaluate.motion_truth import MOTION_TRUTH_FILE, MotionTruth, camera_motion, displacement, load_truth
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.loaders import load
from efields.motion.flow import Flow
from efields.motion.joint import JointConfig, estimate_motion_and_flow
from efields.motion.motion import Motion
from efields.motion.rotation import estimate_rotation
from efields.motion.window_rotation import RotationConfig

INTERVAL_US = 20_000
"""Flow is scored as the displacement over that long, at 50 Hz."""
MAPS = 4
"""Intervals that are scored, spread over the part of the recording that was looked at."""


@dataclass(frozen=True)
class MotionRow:
    """One scene with one model."""

    scene: str
    """Name of the scene."""
    model: str
    """Model, or baseline."""
    epe_px: float | None
    """Mean end-point error over 20 ms at pixels with events; None for a model without flow."""
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


def measure_motion(
    folders: Sequence[Path],
    seconds: float,
    seed: int = 0,
    on_progress: OnProgress = lambda done, total, note: None,
) -> list[MotionRow]:
    """The full model, the full model without its epipolar term, the rotation model and baselines on each recording.

    Looks at `seconds` from the middle of each. Raises `InputError` for a recording without a motion truth.
    """
    rows = []
    for number, folder in enumerate(folders):
        recording = load(folder)
        truth = load_truth(folder / MOTION_TRUTH_FILE)
        events, camera = _middle(recording.events, seconds), recording.calibrated
        name = recording.name or folder.name
        joint = JointConfig()
        for model, config in (("full", joint), ("full, no epipolar term", replace(joint, epipolar_weight=0.0))):
            on_progress(number, len(folders), f"{name} {model}")
            began = time.perf_counter()
            motion, flow = estimate_motion_and_flow(events, camera, config, choose_backend("auto"), seed)
            spent = time.perf_counter() - began
            rows.append(_row(name, model, motion, _flow_score(flow, truth, events, camera)[0], truth, spent, seed))
        on_progress(number, len(folders), f"{name} rotation")
        motion = estimate_rotation(events, camera, RotationConfig(), choose_backend("auto"))
        rows.append(_row(name, "rotation", motion, None, truth, motion.seconds, seed))
        zero = _flow_score(None, truth, events, camera)[1]
        rows.append(_baseline(name, motion, zero, truth, seed))
    on_progress(len(folders), len(folders), "")
    return rows


def _middle(events: EventStream, seconds: float) -> EventStream:
    middle = (int(events.t_us[0]) + int(events.t_us[-1])) // 2
    half = round(seconds * 5e5)
    return events.between(middle - half, middle + half)


def _row(
    scene: str,
    model: str,
    motion: Motion,
    score: FlowScore | None,
    truth: MotionTruth,
    seconds: float,
    seed: int,
) -> MotionRow:
    true = camera_motion(truth, motion.t_us)
    direction = direction_table(motion.direction, true.linear)["estimate"]
    return MotionRow(
        scene=scene,
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


def _baseline(scene: str, motion: Motion, zero: FlowScore | None, truth: MotionTruth, seed: int) -> MotionRow:
    """Zero flow, zero rotation, and forward as the constant direction."""
    true = camera_motion(truth, motion.t_us)
    forward = direction_table(motion.direction, true.linear)["constant forward"]
    return MotionRow(
        scene=scene,
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


def _flow_score(
    flow: Flow | None, truth: MotionTruth, events: EventStream, camera: Camera
) -> tuple[FlowScore | None, FlowScore | None]:
    """Scores of the flow and of zero flow, on the same pixels."""
    first, last = int(events.t_us[0]), int(events.t_us[-1]) - INTERVAL_US
    y, x = np.mgrid[: camera.height, : camera.width]
    pixel = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
    pairs = []
    for start in np.linspace(first, max(last, first), MAPS).astype(np.int64).tolist():
        true = displacement(truth, start, start + INTERVAL_US)
        seen = np.zeros((camera.height, camera.width), dtype=bool)
        part = events.between(start, start + INTERVAL_US)
        seen[part.y, part.x] = True
        found = np.zeros_like(true.flow)
        if flow is not None:
            found = flow.displacement(start, start + INTERVAL_US, pixel).reshape(true.flow.shape)
        pairs.append(FlowPair(found, true.flow, true.valid, seen))
    table = flow_table(pairs, flow_preset("simulated"))
    return table["estimate"], table["zero flow"]
