"""The comparators of the pixels: convert the course of log intensity into events."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from efields.simulation.pixel_bandwidth import Path, Stretch
from efields.simulation.pixel_noise import SIGNAL, NoiseEvents, fixed_thresholds, jitter_normals, leak_phases
from efields.simulation.sensor_model import MIN_THRESHOLD, EventCamera

_NO_NOISE = NoiseEvents.sorted(np.empty(0, np.int64), np.empty(0), np.empty(0, bool), np.empty(0, np.uint8))


@dataclass(frozen=True)
class Fired:
    """Events in the order in which they were found."""

    pixel: list[Int64[np.ndarray, " k"]] = field(default_factory=list)
    """Row-major pixel numbers."""
    t_us: list[Float64[np.ndarray, " k"]] = field(default_factory=list)
    """Exact times in microseconds."""
    polarity: list[Bool[np.ndarray, " k"]] = field(default_factory=list)
    """True for ON."""
    label: list[UInt8[np.ndarray, " k"]] = field(default_factory=list)
    """0 signal, 1 noise, 2 hot."""

    def add(self, pixel: np.ndarray, t_us: np.ndarray, polarity: np.ndarray, label: np.ndarray) -> None:
        """Add events."""
        self.pixel.append(pixel)
        self.t_us.append(t_us)
        self.polarity.append(polarity)
        self.label.append(label)

    def by_time(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
        """Pixel, exact time, polarity and label, stably sorted by time; None if there are no events."""
        if not self.pixel:
            return None
        t_us = np.concatenate(self.t_us)
        order = np.argsort(t_us, kind="stable")
        columns = (self.pixel, self.polarity, self.label)
        pixel, polarity, label = (np.concatenate(column)[order] for column in columns)
        return pixel, t_us[order], polarity, label


class PixelArray:
    """State of every pixel: reference level, thresholds, end of its refractory period.

    Between two calls each pixel is either refractory or strictly inside its thresholds, so a stretch that reaches
    neither threshold can only matter to a pixel that is refractory or has noise.
    """

    def __init__(self, camera: EventCamera, log_intensity: Float64[np.ndarray, " n"], t_us: float) -> None:
        """Start in balance with the log intensity at time `t_us`."""
        n = len(log_intensity)
        self._camera = camera
        self._period = float(camera.refractory_us)
        self._holds = camera.refractory_mode == "hold" and self._period > 0
        self._drops = camera.refractory_mode == "drop"
        self._blinds = self._period > 0 and not self._drops
        self.on, self.off = fixed_thresholds(camera, n)
        self._next_on, self._next_off = self.on, self.off
        self._ordinal = np.zeros(n, dtype=np.int64)
        if camera.threshold_jitter:
            self._next_on, self._next_off = self.on.copy(), self.off.copy()
            self._draw_thresholds(np.arange(n))
        self._reference = log_intensity + camera.leak_per_us * t_us
        if camera.leak_rate_hz:
            self._reference -= leak_phases(camera, n) * self._next_on
        self._free_us = np.full(n, -np.inf)  # end of the refractory period; -inf again once it has been dealt with
        self._noise = _NO_NOISE
        self._next_noise = np.zeros(n, dtype=np.int64)

    def set_noise(self, noise: NoiseEvents) -> None:
        """Queue the noise events of the coming stretches; those of earlier stretches must have been passed."""
        self._next_noise[self._noise.pixel[self._noise.first]] = 0
        self._noise = noise
        self._next_noise[noise.pixel[noise.first]] = noise.first

    def advance(self, stretch: Stretch, fired: Fired) -> None:
        """Run the pixels over a stretch of time and add the events that they fire."""
        at = slice(None) if stretch.pixel is None else stretch.pixel
        reference = self._reference[at]
        busy = stretch.highest - reference >= self._next_on[at]
        busy |= reference - stretch.lowest >= self._next_off[at]
        if self._blinds:
            busy |= self._free_us[at] > -np.inf
        if len(self._noise.first):
            busy |= self._next_noise[at] > 0
        index = np.flatnonzero(busy)
        if len(index):
            for path in stretch.path.take(index).monotone():
                self._run(path, fired)

    def _run(self, path: Path, fired: Fired) -> None:
        """Take the pixels of a monotone path from event to event, round by round, until none has another one."""
        cursor = path.from_us
        while len(path):
            noise_us = self._noise.t_us[self._next_noise[path.pixel]]
            limit = np.minimum(noise_us, path.to_us)
            awake, cursor = self._wake(path, cursor, limit)
            crosses, polarity, t = self._crossing(path, awake, cursor, limit)
            if crosses.any():
                self._fire_signal(path.take(crosses), t, polarity[crosses], fired)
                cursor[crosses] = t
            # what neither crosses nor has noise before the end of the path is done
            noisy = ~crosses & (noise_us <= path.to_us)
            if noisy.any():
                self._fire_noise(path.take(noisy), limit[noisy], fired)
                cursor[noisy] = limit[noisy]
            going = crosses | noisy
            path, cursor = path.take(going), cursor[going]

    def _wake(
        self, path: Path, cursor: Float64[np.ndarray, " m"], limit: Float64[np.ndarray, " m"]
    ) -> tuple[Bool[np.ndarray, " m"] | None, Float64[np.ndarray, " m"]]:
        """Which pixels see light before the limit, and from when on; a held pixel takes its reference as it wakes."""
        if not self._blinds:
            return None, cursor.copy()
        free = self._free_us[path.pixel]
        awake = free <= limit
        cursor = np.where(awake, np.maximum(free, cursor), cursor)
        if self._holds:
            waking = awake & (free > -np.inf)
            if waking.any():
                woken = path.take(waking)
                self._reference[woken.pixel] = woken.value(cursor[waking])
        self._free_us[path.pixel[awake]] = -np.inf
        return awake, cursor

    def _crossing(
        self,
        path: Path,
        awake: Bool[np.ndarray, " m"] | None,
        cursor: Float64[np.ndarray, " m"],
        limit: Float64[np.ndarray, " m"],
    ) -> tuple[Bool[np.ndarray, " m"], Bool[np.ndarray, " m"], Float64[np.ndarray, " k"]]:
        """Who crosses a threshold in [cursor, limit], with which polarity, and (of those only) when."""
        reference = self._reference[path.pixel]
        on, off = self._next_on[path.pixel], self._next_off[path.pixel]
        now, later = path.value(cursor) - reference, path.value(limit) - reference
        on_now, off_now = now >= on, -now >= off  # beyond a threshold already, which only `delay` knows
        at_once = on_now | off_now
        polarity = on_now | (~off_now & (later >= on))
        crosses = at_once | polarity | (-later >= off)
        if awake is not None:
            crosses &= awake
        if not crosses.any():
            return crosses, polarity, np.empty(0)
        level = (reference + np.where(polarity, on, -off))[crosses]
        lo = cursor[crosses]
        t = path.take(crosses).time_of(level, lo, limit[crosses])
        return crosses, polarity, np.where(at_once[crosses], lo, t)

    def _fire_signal(
        self, path: Path, t: Float64[np.ndarray, " k"], polarity: Bool[np.ndarray, " k"], fired: Fired
    ) -> None:
        """Move the reference by one threshold, and emit the event unless it is dropped."""
        pixel = path.pixel
        self._reference[pixel] += np.where(polarity, self._next_on[pixel], -self._next_off[pixel])
        if self._camera.threshold_jitter:
            self._draw_thresholds(pixel)
        if self._drops:
            emitted = t >= self._free_us[pixel]
            pixel, t, polarity = pixel[emitted], t[emitted], polarity[emitted]
        self._emit(pixel, t, polarity, np.full(len(pixel), SIGNAL, np.uint8), fired)

    def _fire_noise(self, path: Path, t: Float64[np.ndarray, " k"], fired: Fired) -> None:
        """Emit noise events and reset their pixels, unless the pixel is refractory."""
        index = self._next_noise[path.pixel]
        self._next_noise[path.pixel] = self._noise.following[index]
        emitted = t >= self._free_us[path.pixel]
        path, t, index = path.take(emitted), t[emitted], index[emitted]
        self._reference[path.pixel] = path.value(t)
        if self._camera.threshold_jitter:
            self._draw_thresholds(path.pixel)
        self._emit(path.pixel, t, self._noise.polarity[index], self._noise.label[index], fired)

    def _emit(
        self,
        pixel: Int64[np.ndarray, " k"],
        t: Float64[np.ndarray, " k"],
        polarity: Bool[np.ndarray, " k"],
        label: UInt8[np.ndarray, " k"],
        fired: Fired,
    ) -> None:
        """Add events and start their refractory periods."""
        if self._period > 0:
            self._free_us[pixel] = t + self._period
        fired.add(pixel, t, polarity, label)

    def _draw_thresholds(self, pixel: Int64[np.ndarray, " k"]) -> None:
        """Thresholds for the next event of these pixels: the fixed ones plus jitter, at least 0.01."""
        first, second = jitter_normals(self._camera.seed, pixel, self._ordinal[pixel])
        self._ordinal[pixel] += 1
        sigma = self._camera.threshold_jitter
        self._next_on[pixel] = np.maximum(self.on[pixel] + sigma * first, MIN_THRESHOLD)
        self._next_off[pixel] = np.maximum(self.off[pixel] + sigma * second, MIN_THRESHOLD)
