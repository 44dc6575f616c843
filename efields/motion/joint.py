"""Camera motion in six degrees of freedom (except speed) and dense flow, estimated together from events alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float64

from efields.backends.reference import Backend
from efields.errors import InputError
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.motion.degeneracy import Degeneracy, degeneracy
from efields.motion.flow import Flow, flow_of
from efields.motion.flow_field import FlowFieldConfig
from efields.motion.motion import Motion, Status
from efields.motion.preparation import prepared
from efields.motion.spline import MotionSpline, TimedFlow
from efields.motion.window import EventWindow, distinct_events, ideal_camera, windows
from efields.motion.window_fit import WindowFit, WindowFitConfig, fit_window
from efields.motion.window_rotation import RotationConfig, estimate_window, travelled_px
from efields.ranges import EveryNth, Positive, Range


@dataclass(frozen=True)
class JointConfig:
    """How motion and flow are estimated together."""

    window_events: Annotated[int, Range(1, 10**8)] = 30_000
    """Events in a window, or more; see `travel_px`."""
    longest_s: Positive = 0.1
    """Longest duration of a window in seconds."""
    travel_px: Annotated[float, Range(0, 10_000)] = 6.0
    """Pixels that the image should move by over a window. A window in which it moves less gets more events, because
    parallax can be told from rotation only where their motions differ by more than a pixel."""
    slowest_s: Positive = 0.4
    """Longest duration in seconds of a window in which the image moves by less than `travel_px`."""
    step: Annotated[float, Range(0.01, 10)] = 0.5
    """Fraction of a window after which the next one starts."""
    least_events: EveryNth = 1_000
    """Windows with fewer events are not fitted."""
    epipolar_weight: Annotated[float, Range(0, 10**6)] = 0.05
    """Weight of the epipolar constraint relative to contrast; 0 fits the flow by contrast alone (ablation)."""
    seconds_per_window: Annotated[float, Range(above=0, most=10**6)] | None = None
    """Longest computing time for a window in seconds; where it is reached, the result depends on the machine."""
    warm_start: bool = True
    """Whether each window starts from the network of the previous window."""
    knot_s: Annotated[float, Range(1e-4, 1e6)] = 0.075
    """Spacing of the knots of the motion spline, seconds."""
    drop_hot_pixels: bool = True
    """Whether hot pixels (far more events than their neighbours) are left out."""
    fit: WindowFitConfig = field(default_factory=WindowFitConfig)
    """How a window is fitted; its `epipolar_weight` and `seconds_per_window` are the ones above."""
    flow: FlowFieldConfig = field(default_factory=FlowFieldConfig)
    """The network of the flow."""
    rotation: RotationConfig = field(default_factory=RotationConfig)
    """How the rotation is estimated that a window starts from."""

    @property
    def resolved(self) -> JointConfig:
        """The same, `fit` saying what stands above it."""
        own = {"epipolar_weight": self.epipolar_weight, "seconds_per_window": self.seconds_per_window}
        return replace(self, fit=replace(self.fit, **own))


@dataclass(frozen=True)
class _Fitted:
    """A window and its estimates."""

    middle_us: int
    span_us: tuple[int, int]
    events: int
    fit: WindowFit
    judged: Degeneracy
    status: Status


def estimate_motion_and_flow(
    events: EventStream,
    camera: Camera,
    config: JointConfig,
    backend: Backend,
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Motion, Flow]:
    """Angular velocity, direction of translation and flow of a recording; `on_progress` gets events done and all.

    Source: E-MoFlow (Li et al., NeurIPS 2025): flow as an implicit neural representation and motion as a spline, tied
    by the differential epipolar constraint. Raises `InputError` when no window has enough events.
    """
    began, config = time.perf_counter(), config.resolved
    events, notes = prepared(events, config.least_events, config.drop_hot_pixels)
    generator = torch.Generator().manual_seed(seed)
    fitted: list[_Fitted] = []
    spline: MotionSpline | None = None

    def wanted(window: EventWindow) -> float:
        return config.travel_px / max(_travelled_px(window, fitted, config, backend), 1e-6)

    for window in windows(
        events, camera, config.window_events, config.longest_s, config.step, wanted, config.slowest_s
    ):
        on_progress(int(np.searchsorted(events.t_us, window.start_us)), len(events))
        if len(window) < config.least_events or window.duration_s <= 0:
            continue
        fitted.append(_fitted(window, fitted, spline, config, backend, generator))
        spline = _spline(fitted[-3:], config)
    if spline is None:
        raise InputError(
            f"no {max(config.longest_s, config.slowest_s):g} s contain the {config.least_events:,} events of a window",
            do="choose a part with more events",
        )
    on_progress(len(events), len(events))
    spline = _spline(fitted, config)
    motion = _motion(fitted, spline, time.perf_counter() - began, notes)
    motion = replace(motion, distinct_events=distinct_events(events, [f.span_us for f in fitted]))
    return motion, flow_of([f.fit.field for f in fitted], [f.span_us for f in fitted], ideal_camera(camera))


def _travelled_px(window: EventWindow, fitted: list[_Fitted], config: JointConfig, backend: Backend) -> float:
    """Pixels that the image moves by over a window: by the flow of the one before, or by a rotation for the first."""
    if fitted:
        speed = np.linalg.norm(fitted[-1].fit.samples.flow, axis=1)
        return float(np.median(speed)) * window.camera.fx * window.duration_s
    return travelled_px(window, estimate_window(window, np.zeros(3), config.rotation, backend).angular_velocity)


def _fitted(
    window: EventWindow,
    earlier: list[_Fitted],
    spline: MotionSpline | None,
    config: JointConfig,
    backend: Backend,
    generator: torch.Generator,
) -> _Fitted:
    """Fit one window, started at a rotation and, if that is better, at the network of the window before."""
    before = earlier[-1] if earlier and config.warm_start else None
    middle = np.array([window.middle_us], dtype=np.int64)
    direction = spline.at(middle)[1][0] if spline is not None and before is not None else None
    start = earlier[-1].judged.rotation if earlier else np.zeros(3)
    rotation = estimate_window(window, start, config.rotation, backend)
    fit = fit_window(
        window, torch.from_numpy(rotation.angular_velocity).float(), config.fit, config.flow, backend, generator,
        before.fit.field if before is not None and before.status not in ("no gain",) else None,
        direction if before is not None and before.status == "ok" else None,
    )  # fmt: skip
    judged = degeneracy(fit.free_samples, fit.motion)
    status: Status = judged.status
    if fit.loss > 0.98:
        status = "no gain"
    elif rotation.status == "still" and status == "rotation only":
        status = "still"
    fit.field.requires_grad_(False)
    return _Fitted(window.middle_us, (window.start_us, window.end_us), len(window), fit, judged, status)


def _spline(fitted: list[_Fitted], config: JointConfig) -> MotionSpline:
    """The spline of the motion over some windows, nearest to all their flows."""
    t_us = np.array([f.middle_us for f in fitted], dtype=np.int64)
    spline = MotionSpline.through(
        (fitted[0].span_us[0], fitted[-1].span_us[1]), config.knot_s, t_us,
        np.stack([f.fit.motion.angular_velocity for f in fitted]),
        np.stack([f.fit.motion.direction for f in fitted]),
    )  # fmt: skip
    return spline.refined([TimedFlow(f.fit.samples, f.middle_us + 1e6 * f.fit.samples_s) for f in fitted])


def _motion(fitted: list[_Fitted], spline: MotionSpline, seconds: float, notes: list[str]) -> Motion:
    """The spline at the windows' middles; where there is no parallax, the rotation that explains the flow best."""
    t_us = np.array([f.middle_us for f in fitted], dtype=np.int64)
    angular, direction = spline.at(t_us)
    for k, one in enumerate(fitted):
        if one.status in ("rotation only", "still", "no gain"):
            angular[k] = one.judged.rotation
            direction[k] = np.nan
        elif one.status == "uncertain direction":
            direction[k] = np.nan
        elif float(direction[k] @ one.fit.motion.direction) < 0:
            direction[k] = -direction[k]
    good = np.array([f.status != "no gain" for f in fitted])
    if good.any():
        angular = np.stack([np.interp(t_us, t_us[good], axis[good]) for axis in angular.T], axis=1)
    else:
        angular = np.zeros_like(angular)
        notes.append("No flow sharpens any window: the camera did not move, or something else causes the events.")
    return Motion(
        model="full",
        t_us=t_us,
        angular_velocity=angular,
        covariance=np.stack([f.fit.motion.covariance[:3, :3] for f in fitted]),
        direction=direction,
        status=tuple(f.status for f in fitted),
        events=np.array([f.events for f in fitted], dtype=np.int64),
        gain=np.array([f.fit.gain for f in fitted]),
        seconds=seconds,
        notes=tuple(notes),
        ambiguities=tuple(_ambiguities(fitted)),
    )


def _ambiguities(fitted: list[_Fitted]) -> list[str]:
    """Notes on the windows whose direction is not certain."""
    notes = []
    turning = [f for f in fitted if f.status == "rotation only"]
    if turning:
        parallax: Float64[np.ndarray, " k"] = np.array([f.judged.parallax_px for f in turning])
        notes.append(
            f"{len(turning)} of {len(fitted)} windows show no parallax beyond noise (at most {parallax.max():.2f} "
            "pixels over a window): a rotation alone explains them, and no translation direction is given. Translation "
            "past a scene of little depth variation can look the same."
        )
    uncertain = [f for f in fitted if f.status == "uncertain direction"]
    if uncertain:
        spread = max(f.judged.spread_deg for f in uncertain)
        apart = max(f.judged.apart_deg for f in uncertain)
        notes.append(
            f"The translation direction is ambiguous in {len(uncertain)} of {len(fitted)} windows and not given there: "
            f"its standard deviation is up to {spread:.0f} degrees, and directions up to {apart:.0f} degrees away "
            "explain the flow about as well. The rotation is less certain there too. Little parallax, shaking and "
            "moving objects cause this."
        )
    twofold = [f for f in fitted if f.judged.other is not None and f.status == "two-fold"]
    if twofold and (other := twofold[0].judged.other) is not None:
        listed = ", ".join(f"{value:.2f}" for value in other.direction)
        notes.append(
            f"{len(twofold)} of {len(fitted)} windows see a plane, whose flow two motions explain equally well. One is "
            f"given; the translation direction of the other is ({listed}) in the first of these windows."
        )
    return notes
