"""Angular velocity of a camera by contrast maximisation: the rotation that makes the image of warped events sharpest.

Gallego and Scaramuzza, "Accurate angular velocity estimation with an event camera" (RA-L 2017), with the exact rotation
in place of its first order, a pyramid of blurs, and starts from the window before and from rest. No translation is
modelled: use it where the camera turns about itself, or the scene is far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from efields.backends.reference import Backend
from efields.errors import InputError
from efields.events.statistics import hot_pixels
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.motion.contrast import warped_variance
from efields.motion.flicker import flicker
from efields.motion.minimise import Objective, minimised
from efields.motion.motion import Motion, Status
from efields.motion.pivot import Turning, find_pivot
from efields.motion.window import EventWindow, window_of, windows


@dataclass(frozen=True)
class RotationConfig:
    """How angular velocity is estimated."""

    window_events: int = 20_000
    """Events in a window."""
    longest_s: float = 0.1
    """Seconds that a window may last; one with fewer events in that time is shorter in events."""
    step: float = 0.5
    """Part of a window after which the next one starts."""
    used_events: int = 12_000
    """Events of a window that are warped, spread evenly over it: more change the result less than its error."""
    blur_px: tuple[float, ...] = (4.0, 2.0, 1.0)
    """Standard deviations of the Gaussians that images are blurred with, one after the other, in pixels."""
    iterations: int = 12
    """Most steps at each blur."""
    least_events: int = 300
    """Windows with fewer are not estimated."""
    least_gain: float = 1.02
    """Gain of variance below which a window says nothing."""
    still_px: float = 0.35
    """Windows whose events move by less than that, in pixels, are called still."""
    fastest_rad_s: float = 30.0
    """Angular speeds beyond are not believed."""
    drop_hot_pixels: bool = True
    """Whether pixels that fire far more than their neighbours are left out."""
    pivot: float | None = None
    """Distance of the point that the camera turns about, behind it, over that of the scene; None: found from the
    events (`efields.motion.pivot`); 0: about itself."""
    pivot_windows: int = 6
    """Windows that the ratio is found from: those that turn most."""


def estimate_rotation(
    events: EventStream,
    camera: Camera,
    config: RotationConfig,
    backend: Backend,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Motion:
    """Angular velocity in windows over a recording; `on_progress` gets events done and all.

    Raises `InputError` when the recording has too few events for a single window.
    """
    began = time.perf_counter()
    notes: list[str] = []
    if config.drop_hot_pixels and len(hot := hot_pixels(events)):
        events = events[~np.isin(events.pixel, hot)]
        notes.append(f"{len(hot)} hot pixels were left out.")
    if len(events) < config.least_events:
        raise InputError(
            f"{len(events)} events are too few to estimate motion", do=f"give at least {config.least_events}"
        )
    if (found := flicker(events)) is not None:
        notes.append(
            f"The light flickers at {found.hz:.0f} Hz ({100 * found.share:.0f} % of the signed events): "
            "the estimate follows the light where that outweighs motion."
        )
    spans, counts, estimates = [], [], []
    before = np.zeros(3)
    for window in windows(events, camera, config.window_events, config.longest_s, config.step):
        estimate = estimate_window(window, before, config, backend)
        if estimate.status in ("ok", "still"):
            before = estimate.angular_velocity
        estimates.append(estimate)
        spans.append((window.start_us, window.end_us))
        counts.append(len(window))
        on_progress(int(np.searchsorted(events.t_us, window.end_us, side="right")), len(events))

    def again(number: int) -> EventWindow:
        return window_of(events.between(spans[number][0], spans[number][1] + 1), camera)

    pivot = _pivot(estimates, again, config, backend) if config.pivot is None else config.pivot
    if pivot > 0:
        notes.append(f"The camera turns about a point behind it, {pivot:.2f} of the distance of the scene away.")
        estimates = [_about_pivot(again(k), estimate, pivot, config, backend) for k, estimate in enumerate(estimates)]
    middles = [(start + end) // 2 for start, end in spans]
    return _motion(middles, counts, estimates, time.perf_counter() - began, notes)


def _pivot(
    estimates: Sequence[WindowRotation], again: Callable[[int], EventWindow], config: RotationConfig, backend: Backend
) -> float:
    """The ratio of `efields.motion.pivot`, from the windows whose images are sharpened most by their turn."""
    turning = [k for k, estimate in enumerate(estimates) if estimate.status == "ok"]
    turning = sorted(turning, key=lambda k: -estimates[k].gain)[: config.pivot_windows]
    found = []
    for k in turning:
        window = again(k)

        def sharpest(start: np.ndarray, ratio: float, window: EventWindow = window) -> tuple[np.ndarray, float]:
            return minimised(_objective(window, config.blur_px[-1], backend, ratio), start, config.iterations)

        found.append(Turning(len(window), estimates[k].angular_velocity, sharpest))
    return find_pivot(found)


def _about_pivot(
    window: EventWindow, estimate: WindowRotation, pivot: float, config: RotationConfig, backend: Backend
) -> WindowRotation:
    """A window's estimate once the ratio is known."""
    if estimate.status not in ("ok", "still"):
        return estimate
    used = _thinned(window, config.used_events)
    objective = _objective(used, config.blur_px[-1], backend, pivot)
    w, cost = minimised(objective, estimate.angular_velocity / (1 + pivot), config.iterations)
    unknown = np.diag(np.full(3, config.fastest_rad_s**2))
    gain = float(np.exp(objective(np.zeros(3))[0] - cost))
    return WindowRotation(w, _covariance(objective, w, len(used), unknown), gain, estimate.status)


@dataclass(frozen=True)
class WindowRotation:
    """What one window says."""

    angular_velocity: Float64[np.ndarray, " 3"]
    """rad/s in the camera's axes."""
    covariance: Float64[np.ndarray, "3 3"]
    """From the curvature of the contrast."""
    gain: float
    """Variance of the warped image over that of the unwarped one."""
    status: Status
    """What it is worth."""


def estimate_window(
    window: EventWindow, start: Float64[np.ndarray, " 3"], config: RotationConfig, backend: Backend
) -> WindowRotation:
    """Angular velocity of one window, from the better of the starts `start` and rest."""
    unknown = np.diag(np.full(3, config.fastest_rad_s**2))
    if len(window) < config.least_events:
        return WindowRotation(start, unknown, 1.0, "too few events")
    used = _thinned(window, config.used_events)
    still = np.zeros(3)
    if window.duration_s <= 0:
        return WindowRotation(start, unknown, 1.0, "too few events")

    def sharpest(starts: Sequence[np.ndarray]) -> tuple[np.ndarray, float, Objective]:
        w, cost, objective = np.zeros(3), np.inf, _objective(used, config.blur_px[0], backend)
        for blur in config.blur_px:
            objective = _objective(used, blur, backend)
            w, cost = min((minimised(objective, s, config.iterations) for s in starts), key=lambda found: found[1])
            starts = (w,)
        return w, cost, objective

    starts = (still,) if np.array_equal(start, still) else (start, still)
    w, cost, objective = sharpest(starts)
    rest = objective(still)[0]
    if rest - cost < np.log(config.least_gain):
        w, cost, objective = sharpest(_coarse_grid(used, backend))
    gain = float(np.exp(rest - cost))
    if not np.isfinite(w).all() or np.linalg.norm(w) > config.fastest_rad_s:
        return WindowRotation(start, unknown, 1.0, "no gain")
    covariance = _covariance(objective, w, len(used), unknown)
    moved_px = window.camera.fx * float(np.linalg.norm(w)) * window.duration_s
    if moved_px < config.still_px:
        return WindowRotation(w, covariance, gain, "still")
    return WindowRotation(w, covariance, gain, "ok" if gain >= config.least_gain else "no gain")


def rotated(
    bearing: Float[Tensor, "n 2"], t_s: Float[Tensor, " n"], angular_velocity: Float[Tensor, " 3"], pivot: float = 0.0
) -> Float[Tensor, "n 2"]:
    """Where a static point seen at `bearing` at time t was at time zero: the projection of exp([w]x t) (x, y, 1).

    With a `pivot` the camera turns about a point so far behind it, as a part of the distance of the scene, taken as
    equal everywhere: exp([w]x t) (x, y, 1 + pivot) - (0, 0, pivot). Rodrigues' formula, its two functions of the angle
    as series: exact to 1e-7 up to 0.7 rad.
    """
    x, y = bearing.unbind(1)
    wx, wy, wz = angular_velocity.unbind(0)
    z = 1.0 + pivot
    # w x b and w x (w x b)
    ax, ay, az = wy * z - wz * y, wz * x - wx * z, wx * y - wy * x
    bx, by, bz = wy * az - wz * ay, wz * ax - wx * az, wx * ay - wy * ax
    square = (angular_velocity @ angular_velocity) * t_s * t_s
    first = t_s * (1 - square / 6 * (1 - square / 20 * (1 - square / 42)))
    second = t_s * t_s * (0.5 - square / 24 * (1 - square / 30 * (1 - square / 56)))
    depth = (1 + first * az + second * bz).clamp_min(0.05)  # the pivot cancels: it is added before and taken off after
    return torch.stack([(x + first * ax + second * bx) / depth, (y + first * ay + second * by) / depth], dim=1)


def _objective(window: EventWindow, blur_px: float, backend: Backend, pivot: float = 0.0) -> Objective:
    """Minus the logarithm of the variance of the image of warped events, and its gradient."""

    def evaluate(w: Float64[np.ndarray, " 3"]) -> tuple[float, Float64[np.ndarray, " 3"]]:
        at = torch.tensor(w, dtype=torch.float32, requires_grad=True)
        places = rotated(window.bearing, window.t_s, at, pivot)
        cost = -torch.log(warped_variance(places, window.camera, blur_px, backend).clamp_min(1e-12))
        (gradient,) = torch.autograd.grad(cost, at)
        return float(cost.detach()), gradient.numpy().astype(np.float64)

    return evaluate


def _coarse_grid(window: EventWindow, backend: Backend) -> list[np.ndarray]:
    """The best two of starts that move the image by 12 and 40 pixels over the window, in six directions each."""
    objective = _objective(window, 4.0, backend)
    found = []
    for pixels in (12.0, 40.0):
        speed = pixels / window.camera.fx / window.duration_s
        for axis in range(3):
            for sign in (-1.0, 1.0):
                w = np.zeros(3)
                # About the optical axis the same image motion takes more: its arm is about a third of the width.
                w[axis] = sign * speed * (1.0 if axis < 2 else 3 * window.camera.fx / window.camera.width)
                found.append((objective(w)[0], axis, sign, w))
    return [w for *_, w in sorted(found, key=lambda one: one[0])[:2]]


def _covariance(objective: Objective, w: np.ndarray, events: int, unknown: np.ndarray) -> Float64[np.ndarray, "3 3"]:
    """Inverse curvature of the log variance, over the number of events: as if it were the log-likelihood of each."""
    step = 0.02
    rows = []
    for axis in range(3):
        shift = np.zeros(3)
        shift[axis] = step
        rows.append((objective(w + shift)[1] - objective(w - shift)[1]) / (2 * step))
    hessian = 0.5 * (np.array(rows) + np.array(rows).T)
    values, vectors = np.linalg.eigh(hessian)
    variances = np.where(values > 0, 1.0 / np.maximum(values * events, 1e-9), unknown[0, 0])
    return (vectors * np.minimum(variances, unknown[0, 0])) @ vectors.T


def _thinned(window: EventWindow, most: int) -> EventWindow:
    if len(window) <= most:
        return window
    chosen = torch.linspace(0, len(window) - 1, most).long()
    return EventWindow(
        window.bearing[chosen],
        window.t_s[chosen],
        window.polarity[chosen],
        window.start_us,
        window.end_us,
        window.camera,
    )


def _motion(
    middles: list[int], counts: list[int], estimates: list[WindowRotation], seconds: float, notes: list[str]
) -> Motion:
    """All windows in one, those that say nothing filled from their neighbours."""
    w = np.stack([estimate.angular_velocity for estimate in estimates])
    good = np.array([estimate.status in ("ok", "still") for estimate in estimates])
    t_us = np.array(middles, dtype=np.int64)
    if good.any():
        w = np.stack([np.interp(t_us, t_us[good], axis[good]) for axis in w.T], axis=1)
    else:
        w = np.zeros_like(w)
        notes.append("No window became sharper by any rotation: the camera stood still, or its motion is none.")
    return Motion(
        model="rotation",
        t_us=t_us,
        angular_velocity=w,
        covariance=np.stack([estimate.covariance for estimate in estimates]),
        direction=np.full_like(w, np.nan),
        status=tuple(estimate.status for estimate in estimates),
        events=np.array(counts, dtype=np.int64),
        gain=np.array([estimate.gain for estimate in estimates]),
        seconds=seconds,
        notes=tuple(notes),
    )
