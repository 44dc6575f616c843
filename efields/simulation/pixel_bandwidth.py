"""Output of a pixel's front end between two frames: straight lines, or the exact ramp response of a low-pass filter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64

from efields.simulation.sensor_model import EventCamera

MAX_LOG_STEP = 0.1
"""Largest change of log intensity over which the time constant of the low-pass is taken as fixed (at its middle)."""
MAX_STEPS = 64
BLOCK = 16384
"""Pixels looked at together by the low-pass."""
TIME_TOLERANCE_US = 1e-3


@dataclass(frozen=True)
class Path:
    """Output of some pixels over one stretch of time on which each of them only rises or only falls.

    value(t) = start + slope x + bend expm1(-rate x), x = t - origin; without bend a straight line.
    """

    pixel: Int64[np.ndarray, " m"]
    """Row-major pixel numbers."""
    origin_us: Float64[np.ndarray, " m"]
    """Time at which x is zero, in microseconds."""
    from_us: Float64[np.ndarray, " m"]
    """Start of the stretch, in microseconds."""
    to_us: Float64[np.ndarray, " m"]
    """End of the stretch, in microseconds."""
    start: Float64[np.ndarray, " m"]
    """Log intensity (with leakage) at the origin."""
    slope: Float64[np.ndarray, " m"]
    """Log intensity per microsecond."""
    bend: Float64[np.ndarray, " m"] | None = None
    """Log intensity that decays; None for straight lines."""
    rate: Float64[np.ndarray, " m"] | None = None
    """1 / tau, per microsecond; None for straight lines."""

    def __len__(self) -> int:
        return len(self.pixel)

    def take(self, index: np.ndarray) -> Path:
        """The path of these members (mask or indices)."""
        columns = (self.pixel, self.origin_us, self.from_us, self.to_us, self.start, self.slope, self.bend, self.rate)
        return Path(*(None if column is None else column[index] for column in columns))  # type: ignore[arg-type]

    def value(self, t_us: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """Log intensity (with leakage) at one time for each member."""
        x = t_us - self.origin_us
        level = self.start + self.slope * x
        if self.bend is not None and self.rate is not None:
            level += self.bend * np.expm1(-self.rate * x)
        return level

    def time_of(
        self, level: Float64[np.ndarray, " m"], lo_us: Float64[np.ndarray, " m"], hi_us: Float64[np.ndarray, " m"]
    ) -> Float64[np.ndarray, " m"]:
        """Time in [lo, hi] at which each member reaches its level, which it is known to reach there."""
        at_lo, at_hi = self.value(lo_us), self.value(hi_us)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.nan_to_num((level - at_lo) / (at_hi - at_lo), nan=0.0)
        t = lo_us + np.clip(share, 0.0, 1.0) * (hi_us - lo_us)
        if self.bend is None or self.rate is None:
            return t
        return self._newton(level, t, lo_us, hi_us, at_hi > at_lo, self.bend, self.rate)

    def _newton(
        self,
        level: Float64[np.ndarray, " m"],
        t: Float64[np.ndarray, " m"],
        lo: Float64[np.ndarray, " m"],
        hi: Float64[np.ndarray, " m"],
        rising: Bool[np.ndarray, " m"],
        bend: Float64[np.ndarray, " m"],
        rate: Float64[np.ndarray, " m"],
    ) -> Float64[np.ndarray, " m"]:
        """Newton's method kept inside a shrinking bracket, which halves wherever a step would leave it."""
        for _ in range(60):
            miss = self.value(t) - level
            before = (miss < 0) == rising
            lo, hi = np.where(before, t, lo), np.where(before, hi, t)
            gradient = self.slope - bend * rate * np.exp(-rate * (t - self.origin_us))
            with np.errstate(divide="ignore", invalid="ignore"):
                step = t - miss / gradient
            step = np.where((step >= lo) & (step <= hi), step, 0.5 * (lo + hi))
            moved = np.abs(step - t).max(initial=0.0)
            t = step
            if moved < TIME_TOLERANCE_US:
                break
        return t

    def monotone(self) -> list[Path]:
        """This path in pieces that only rise or only fall: split where the slope of the ramp response is zero."""
        if self.bend is None or self.rate is None:
            return [self]
        with np.errstate(divide="ignore", invalid="ignore"):
            turn = self.origin_us - np.log(self.slope / (self.bend * self.rate)) / self.rate
        inside = (turn > self.from_us) & (turn < self.to_us)  # NaN (no turning point) compares false
        if not inside.any():
            return [self]
        first = replace(self, to_us=np.where(inside, turn, self.to_us))
        second = replace(self.take(inside), from_us=turn[inside])
        return [first, second]


@dataclass(frozen=True)
class Stretch:
    """Some or all pixels over one stretch of time: bounds of their output, and the path of those that matter."""

    pixel: Int64[np.ndarray, " m"] | None
    """Row-major pixel numbers; None for all pixels."""
    lowest: Float64[np.ndarray, " m"]
    """Lower bound of the output."""
    highest: Float64[np.ndarray, " m"]
    """Upper bound of the output."""
    path: Path
    """The output itself; only the members that are taken from it cost anything."""


class LinearFrontEnd:
    """An infinitely fast pixel: log intensity runs in straight lines from frame to frame."""

    def __init__(self, camera: EventCamera, log_intensity: Float64[np.ndarray, " n"]) -> None:
        self._leak = camera.leak_per_us
        self._all = np.arange(len(log_intensity))

    def stretches(
        self, before: Float64[np.ndarray, " n"], after: Float64[np.ndarray, " n"], t0_us: float, t1_us: float
    ) -> Iterator[Stretch]:
        """One stretch: every pixel from one frame to the next."""
        start, end = before, after
        if self._leak:
            start, end = before + self._leak * t0_us, after + self._leak * t1_us
        begin = np.broadcast_to(np.float64(t0_us), start.shape)
        stop = np.broadcast_to(np.float64(t1_us), start.shape)
        path = Path(self._all, begin, begin, stop, start, (end - start) / (t1_us - t0_us))
        yield Stretch(None, np.minimum(start, end), np.maximum(start, end), path)


class LowPassFrontEnd:
    """A first-order low-pass whose time constant falls with intensity (photoreceptor bandwidth).

    Over one step, on which tau is fixed, an input ramp of slope s gives exactly
    v(x) = v0 + s x + (v0 - L0 + s tau) (e^(-x / tau) - 1). A pixel whose input changes by more than 0.1 between two
    frames takes several steps, so that tau follows its intensity.
    """

    def __init__(self, camera: EventCamera, log_intensity: Float64[np.ndarray, " n"]) -> None:
        self._camera = camera
        self._leak = camera.leak_per_us
        self._tau_white_us = 1e6 / (2 * math.pi * camera.cutoff_hz)
        self._all = np.arange(len(log_intensity))
        self._output = log_intensity.copy()

    def rate(self, log_intensity: Float64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
        """1 / tau per microsecond at these log intensities."""
        intensity = np.maximum(np.exp(log_intensity) - self._camera.log_eps, 0.0)
        return (intensity / self._camera.intensity_white + self._camera.cutoff_floor) / self._tau_white_us

    def stretches(
        self, before: Float64[np.ndarray, " n"], after: Float64[np.ndarray, " n"], t0_us: float, t1_us: float
    ) -> Iterator[Stretch]:
        """Block by block (for the sake of the cache): pixels that take one step, then step after step the others."""
        for first in range(0, len(before), BLOCK):
            block = slice(first, first + BLOCK)
            yield from self._block_stretches(self._all[block], before[block], after[block], t0_us, t1_us)

    def _block_stretches(
        self,
        pixel: Int64[np.ndarray, " m"],
        before: Float64[np.ndarray, " m"],
        after: Float64[np.ndarray, " m"],
        t0_us: float,
        t1_us: float,
    ) -> Iterator[Stretch]:
        change = after - before
        steps = np.ceil(np.abs(change) / MAX_LOG_STEP)
        several = np.flatnonzero(steps > 1)
        if not len(several):
            yield self._step(pixel, before, after, np.float64(t0_us), np.float64(t1_us))
            return
        one = np.flatnonzero(steps <= 1)
        if len(one):
            yield self._step(pixel[one], before[one], after[one], np.float64(t0_us), np.float64(t1_us))
        steps = np.minimum(steps[several], MAX_STEPS)
        pixel, before, change = pixel[several], before[several], change[several] / steps
        width = (t1_us - t0_us) / steps
        for k in range(int(steps.max())):
            going = np.flatnonzero(steps > k)
            start, rise, wide = before[going], change[going], width[going]
            # a step's end is written as the next one's beginning is, to leave no gap between them
            begin, stop = t0_us + k * wide, t0_us + (k + 1) * wide
            yield self._step(pixel[going], start + k * rise, start + (k + 1) * rise, begin, stop)

    def _step(
        self,
        pixel: Int64[np.ndarray, " m"],
        before: Float64[np.ndarray, " m"],
        after: Float64[np.ndarray, " m"],
        begin_us: Float64[np.ndarray, "*m"] | np.float64,
        stop_us: Float64[np.ndarray, "*m"] | np.float64,
    ) -> Stretch:
        """Move the output of these pixels over one step; the returned stretch covers it."""
        old = self._output[pixel]
        width = stop_us - begin_us
        rate = self.rate(0.5 * (before + after))
        slope = (after - before) / width
        lag = slope / rate
        bend = old - before + lag
        self._output[pixel] = after - lag + bend * np.exp(-rate * width)
        start_leak, stop_leak = self._leak * begin_us, self._leak * stop_us
        begin, stop = np.broadcast_to(begin_us, pixel.shape), np.broadcast_to(stop_us, pixel.shape)
        path = Path(pixel, begin, begin, stop, old + start_leak, slope + self._leak, bend, rate)
        # the output of a low-pass stays between its start and the extremes of its input
        lowest = np.minimum(np.minimum(before, after), old) + start_leak
        highest = np.maximum(np.maximum(before, after), old) + stop_leak
        return Stretch(pixel, lowest, highest, path)
