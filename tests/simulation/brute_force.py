"""A slow and obviously right event camera: one pixel, scalar Python, small time steps, bisection."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Signal = Callable[[float], float]


@dataclass
class Fire:
    """One event of the pixel."""

    t_us: float
    on: bool
    label: int


def pixel_events(
    level: Signal,
    kinks_us: Sequence[float],
    thresholds: Callable[[int], tuple[float, float]],
    *,
    period_us: float = 0.0,
    mode: str = "hold",
    noise: Sequence[tuple[float, bool, int]] = (),
    reference: float | None = None,
    step_us: float = 20.0,
) -> list[Fire]:
    """Events of a pixel that sees `level(t)` from 0 to the last kink; `thresholds(k)` are those of its k-th comparison.

    Written as a state machine over small steps, each short enough that the level runs one way in it.
    """
    marks = sorted({*kinks_us, *np.arange(0, kinks_us[-1], step_us), *(t for t, _, _ in noise)})
    queue = sorted(noise)
    reference = level(0.0) if reference is None else reference
    fires: list[Fire] = []
    ordinal, free, asleep = 0, -math.inf, False

    def fire(t: float, on: bool, label: int) -> None:
        nonlocal free, asleep
        fires.append(Fire(t, on, label))
        free, asleep = t + period_us, period_us > 0 and mode != "drop"

    for begin, end in pairwise(marks):
        t = begin
        while True:
            if asleep:
                if free > end:
                    break
                t, asleep = max(t, free), False
                if mode == "hold":
                    reference = level(t)
            c_on, c_off = thresholds(ordinal)
            target = next(
                (
                    (when, reference + c_on if on else reference - c_off, on)
                    for when in (t, end)
                    for on in (True, False)
                    if (level(when) - reference >= c_on if on else reference - level(when) >= c_off)
                ),
                None,
            )
            if target is None:
                break
            when, goal, on = target
            t = t if when == t else crossing(level, goal, t, end)
            reference, ordinal = goal, ordinal + 1
            if mode != "drop" or t >= free:
                fire(t, on, 0)
        while queue and queue[0][0] <= end:
            t, on, label = queue.pop(0)
            if t >= free:
                reference, ordinal = level(t), ordinal + 1
                fire(t, on, label)
    return fires


def crossing(level: Signal, goal: float, lo: float, hi: float) -> float:
    """Time between lo and hi at which the level passes the goal."""
    rising = level(hi) > level(lo)
    for _ in range(60):
        middle = 0.5 * (lo + hi)
        if (level(middle) >= goal) == rising:
            hi = middle
        else:
            lo = middle
    return hi


def piecewise(t_us: Sequence[float], levels: Sequence[float]) -> Signal:
    """Straight lines between the given points."""
    times, values = [float(t) for t in t_us], [float(v) for v in levels]

    def at(t: float) -> float:
        k = min(max(bisect_right(times, t), 1), len(times) - 1)
        share = (t - times[k - 1]) / (times[k] - times[k - 1])
        return values[k - 1] + share * (values[k] - values[k - 1])

    return at


def low_pass(t_us: np.ndarray, levels: np.ndarray, rate: Signal, step_us: float) -> Signal:
    """Output of dv/dt = rate(L) (L - v) for piecewise-linear L, by fine steps of the classical Runge-Kutta method."""
    light = piecewise(t_us.tolist(), levels.tolist())

    def slope(t: float, v: float) -> float:
        now = light(t)
        return rate(now) * (now - v)

    grid, output = [0.0], [float(levels[0])]
    for begin, end in zip(t_us[:-1].tolist(), t_us[1:].tolist(), strict=True):
        count = math.ceil((end - begin) / step_us)
        h = (end - begin) / count
        for i in range(count):
            t, v = begin + i * h, output[-1]
            k1 = slope(t, v)
            k2 = slope(t + h / 2, v + h / 2 * k1)
            k3 = slope(t + h / 2, v + h / 2 * k2)
            k4 = slope(t + h, v + h * k3)
            output.append(v + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
            grid.append(t + h)
    return piecewise(grid, output)
