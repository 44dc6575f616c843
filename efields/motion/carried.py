"""Where pixels go along the trajectories of a flow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

At = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Flow in px/s at absolute times in microseconds `[n]` and pixels `[n, 2]`."""


def carried(
    at: At, t0_us: int, t1_us: int, pixel: Float64[np.ndarray, "n 2"], longest_step_us: float
) -> Float64[np.ndarray, "n 2"]:
    """How far what is at `pixel` at `t0_us` moves until `t1_us`, in pixels, by the midpoint rule in even steps."""
    start = np.asarray(pixel, dtype=np.float64).reshape(-1, 2)
    steps = max(int(np.ceil(abs(t1_us - t0_us) / longest_step_us)), 1)
    step_us = (t1_us - t0_us) / steps
    place = start.copy()
    for number in range(steps):
        t = np.full(len(place), t0_us + number * step_us)
        middle = place + at(t, place) * (0.5e-6 * step_us)
        place = place + at(t + 0.5 * step_us, middle) * (1e-6 * step_us)
    return place - start
