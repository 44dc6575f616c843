"""Angular velocity of a camera over a recording, window by window (`efields.motion.window_rotation`).

Translation is not modelled: use it where the camera only rotates, or the scene is far away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from efields.backends.reference import Backend
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.motion.minimise import minimised
from efields.motion.motion import Motion
from efields.motion.pivot import Turning, find_pivot
from efields.motion.preparation import prepared
from efields.motion.window import EventWindow, distinct_events, window_of, windows
from efields.motion.window_rotation import (
    RotationConfig,
    WindowRotation,
    about_pivot,
    estimate_window,
    rotation_cost,
    travelled_px,
)

_BLOCK_PX = 16
_SMALL_SHARE = 0.1
_WORTH_ANOTHER = 1.5
"""Windows that should be so many times as long, or more, are estimated again."""


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
    events, notes = prepared(events, config.least_events, config.drop_hot_pixels)
    if (share := seen_share(events)) < _SMALL_SHARE:
        notes.append(
            f"Nearly all events come from {100 * share:.0f} % of the image: an object may be moving, not the camera."
        )
    spans, counts, estimates = [], [], []
    tried: dict[int, WindowRotation] = {}
    before = np.zeros(3)

    def wanted(window: EventWindow) -> float:
        """How much longer it should be: as the window before turned, and once that suits, as it turns itself."""
        expected = config.travel_px / max(travelled_px(window, before), 1e-6)
        if not tried and before.any() and expected > 1.1:
            return expected
        start = list(tried.values())[-1].angular_velocity if tried else before
        tried[len(window)] = estimate_window(window, start, config, backend)
        found = config.travel_px / max(travelled_px(window, tried[len(window)].angular_velocity), 1e-6)
        return found if found > _WORTH_ANOTHER else 1.0

    for window in windows(
        events, camera, config.window_events, config.longest_s, config.step, wanted, config.slowest_s
    ):
        estimate = tried.get(len(window)) or estimate_window(window, before, config, backend)
        tried.clear()
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
        notes.append(
            f"The camera is taken to rotate about a point behind it, {pivot:.2f} of the distance of the scene away"
            + (" (found from the events)." if config.pivot is None else " (as given).")
        )
        estimates = [about_pivot(again(k), estimate, pivot, config, backend) for k, estimate in enumerate(estimates)]
    middles = [(start + end) // 2 for start, end in spans]
    motion = _motion(middles, counts, estimates, time.perf_counter() - began, notes)
    return replace(motion, distinct_events=distinct_events(events, spans))


def seen_share(events: EventStream, count: int = 20_000, parts: int = 8) -> float:
    """Share of the image that nine tenths of the events come from, by blocks of 16 pixels; the mean of a few moments.

    Small where single objects move before a camera that stands still.
    """
    across = -(-events.width // _BLOCK_PX)
    blocks = across * -(-events.height // _BLOCK_PX)
    shares = []
    for first in np.linspace(0, max(len(events) - count, 0), parts if len(events) > count else 1).astype(int):
        part = events[int(first) : int(first) + count]
        block = np.asarray(part.y) // _BLOCK_PX * across + np.asarray(part.x) // _BLOCK_PX
        held = np.sort(np.bincount(block.astype(np.int64), minlength=blocks))[::-1].cumsum()
        shares.append((int(np.searchsorted(held, 0.9 * held[-1])) + 1) / blocks)
    return float(np.mean(shares))


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
            return minimised(rotation_cost(window, config.blur_px[-1], backend, ratio), start, config.iterations)

        found.append(Turning(len(window), estimates[k].angular_velocity, sharpest))
    return find_pivot(found)


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
        notes.append(
            "Every window has too few events for an estimate: it is given as 0."
            if {estimate.status for estimate in estimates} == {"too few events"}
            else "No rotation sharpens any window: the camera did not move, or something else causes the events."
        )
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
