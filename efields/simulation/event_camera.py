"""The event camera simulator: turns timed frames of (log) intensity into labelled events.

Log intensity is piecewise linear between frames, and each event has the exact time at which it crosses the threshold,
rounded to a microsecond. Frames are streamed: only two of them are in memory, with the state of the pixels and the
events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from efields.errors import InputError
from efields.events.stream import EventStream
from efields.simulation.frames import TimedFrames, log_frame
from efields.simulation.pixel_array import Fired, PixelArray
from efields.simulation.pixel_bandwidth import LinearFrontEnd, LowPassFrontEnd
from efields.simulation.pixel_noise import HOT, NOISE, SIGNAL, NoiseSource
from efields.simulation.sensor_model import EventCamera

__all__ = ["HOT", "NOISE", "SIGNAL", "EventCamera", "simulate_events", "simulate_frames"]

OnProgress = Callable[[int, int | None], None]
"""Called after every frame with the number of frames done and the total (None if not known yet)."""


def simulate_events(
    frames: Iterable[np.ndarray],
    t_s: Float64[np.ndarray, " f"],
    camera: EventCamera,
    *,
    is_log: bool = False,
    on_progress: OnProgress | None = None,
) -> tuple[EventStream, UInt8[np.ndarray, " n"]]:
    """Events of a static or moving scene seen in frames, and the label of each (0 signal, 1 noise, 2 hot).

    Frames: h x w or h x w x 3 (R, G, B), linear intensity (integers count as fractions of their largest value), or
    natural logarithms of it with `is_log`; an iterator is consumed frame by frame. Times: seconds, strictly increasing.
    Raises `InputError` for fewer than two frames, NaN or negative intensity, changing sizes, times that do not increase
    or whose number is not that of the frames.
    """
    times = np.asarray(t_s, dtype=np.float64)
    if times.ndim != 1:
        raise InputError(f"frame times have shape {times.shape}", "frames", "give one time in seconds for each frame")
    timed = TimedFrames(_with_times(frames, times), is_log=is_log, count=len(times))
    return simulate_frames(timed, camera, on_progress=on_progress)


def simulate_frames(
    frames: TimedFrames, camera: EventCamera, *, on_progress: OnProgress | None = None
) -> tuple[EventStream, UInt8[np.ndarray, " n"]]:
    """Like `simulate_events`, for frames that come with their times."""
    loop = _Loop(camera)
    for number, (t_s, frame) in enumerate(frames.pairs):
        loop.show(number, t_s, log_frame(frame, camera, frames.is_log, number))
        if on_progress is not None:
            on_progress(number + 1, frames.count)
    return loop.finish()


def _with_times(frames: Iterable[np.ndarray], t_s: Float64[np.ndarray, " f"]) -> Iterator[tuple[float, np.ndarray]]:
    """Pair frames with times; neither may run out first."""
    count = 0
    for frame in frames:
        if count < len(t_s):
            yield float(t_s[count]), frame
        count += 1
    if count != len(t_s):
        raise InputError(f"{count} frames and {len(t_s)} times", "frames", "give one time for each frame")


class _Loop:
    """Feeds the sensor frame by frame and collects its events."""

    def __init__(self, camera: EventCamera) -> None:
        self._camera = camera
        self._shape: tuple[int, ...] = ()
        self._frames = 0
        self._origin_us = 0
        self._t_us = 0.0
        self._log_intensity = np.empty(0)
        self._x: list[np.ndarray] = []
        self._y: list[np.ndarray] = []
        self._times: list[np.ndarray] = []
        self._polarity: list[np.ndarray] = []
        self._label: list[np.ndarray] = []

    def show(self, number: int, t_s: float, frame: Float64[np.ndarray, "h w"]) -> None:
        """Run the sensor up to this frame."""
        if not np.isfinite(t_s):
            raise InputError(f"the time of frame {number} is {t_s}", "frames", "give finite times in seconds")
        if self._frames == 0:
            self._start(t_s, frame)
        else:
            if frame.shape != self._shape:
                size, first = (f"{s[1]}x{s[0]}" for s in (frame.shape, self._shape))
                raise InputError(f"frame {number} is {size}, the first is {first}", "frames", "give frames of one size")
            self._advance(number, t_s * 1e6 - self._origin_us, frame.ravel())
        self._frames += 1

    def _start(self, t_s: float, frame: Float64[np.ndarray, "h w"]) -> None:
        if max(frame.shape) > 65536 or min(frame.shape) < 1:
            raise InputError(f"frames are {frame.shape[1]}x{frame.shape[0]}", "frames", "give 1 to 65536 pixels a side")
        self._shape = frame.shape
        # whole microseconds are kept apart, so that absolute times do not cost precision
        self._origin_us = int(np.rint(t_s * 1e6))
        self._t_us = t_s * 1e6 - self._origin_us
        self._log_intensity = frame.ravel()
        camera = self._camera
        front_end = LowPassFrontEnd if camera.cutoff_hz > 0 else LinearFrontEnd
        self._front_end = front_end(camera, self._log_intensity)
        self._pixels = PixelArray(camera, self._log_intensity, self._t_us)
        self._noise = NoiseSource(camera, self._pixels.on, self._pixels.off)

    def _advance(self, number: int, t_us: float, after: Float64[np.ndarray, " n"]) -> None:
        before, t0_us = self._log_intensity, self._t_us
        if t_us <= t0_us:
            raise InputError(
                f"the time of frame {number} does not come after that of frame {number - 1}",
                "frames",
                "sort the frames and drop repeated times",
            )
        if not self._noise.silent:
            self._pixels.set_noise(self._noise.draw(number, before, after, t0_us, t_us))
        fired = Fired()
        for stretch in self._front_end.stretches(before, after, t0_us, t_us):
            self._pixels.advance(stretch, fired)
        self._collect(fired)
        self._log_intensity, self._t_us = after, t_us

    def _collect(self, fired: Fired) -> None:
        """Keep the events of one interval in their final, small types."""
        events = fired.by_time()
        if events is None:
            return
        pixel, t_us, polarity, label = events
        y, x = np.divmod(pixel, self._shape[1])
        self._x.append(x.astype(np.uint16))
        self._y.append(y.astype(np.uint16))
        self._times.append(self._origin_us + np.rint(t_us).astype(np.int64))
        self._polarity.append(polarity)
        self._label.append(label)

    def finish(self) -> tuple[EventStream, UInt8[np.ndarray, " n"]]:
        """All events that the readout passed, and their labels."""
        if self._frames < 2:
            raise InputError(f"{self._frames} frame(s)", "frames", "give at least two: events come from changes")
        x, y = _joined(self._x, np.uint16), _joined(self._y, np.uint16)
        t_us, polarity = _joined(self._times, np.int64), _joined(self._polarity, bool)
        label = _joined(self._label, np.uint8)
        if self._camera.readout_rate_cap > 0 and len(t_us):
            read = read_out(t_us, self._camera.readout_rate_cap, self._camera.readout_window_us)
            x, y, t_us, polarity, label = x[read], y[read], t_us[read], polarity[read], label[read]
        return EventStream(x, y, t_us, polarity, self._shape[1], self._shape[0]), label


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    """Concatenate the parts and free them."""
    whole = np.concatenate(parts) if parts else np.empty(0, dtype)
    parts.clear()
    return whole


def read_out(t_us: Int64[np.ndarray, " n"], cap_hz: float, window_us: float) -> Bool[np.ndarray, " n"]:
    """Which of the time-sorted events pass a readout of limited rate (like an event rate controller in the sensor).

    Window by window, `cap_hz` times the window may pass; a surplus is thinned evenly in the order of time.
    """
    window = ((t_us - t_us[0]) / window_us).astype(np.int64)
    _, start, count = np.unique(window, return_index=True, return_counts=True)
    number = window[start]
    per_window = cap_hz * window_us * 1e-6
    allowed = np.floor((number + 1) * per_window) - np.floor(number * per_window)  # fractions add up over windows
    share = np.repeat(np.minimum(allowed / count, 1.0), count)
    rank = np.arange(len(t_us)) - np.repeat(start, count)
    return np.floor((rank + 1) * share + 1e-9) > np.floor(rank * share + 1e-9)
