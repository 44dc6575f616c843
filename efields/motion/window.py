"""Windows of events as motion estimation takes them: bearings of an ideal camera, seconds from the window's middle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64
from torch import Tensor

from efields.events.stream import EventStream
from efields.geometry.camera import Camera


@dataclass(frozen=True)
class EventWindow:
    """Some consecutive events."""

    bearing: Float[Tensor, "n 2"]
    """Normalised image coordinates without distortion, x = X/Z to the right and y = Y/Z down, spread over the pixel of
    each event; float32."""
    t_s: Float[Tensor, " n"]
    """Seconds from the middle of the window; float32."""
    polarity: Bool[Tensor, " n"]
    """True where the intensity rose."""
    start_us: int
    """Absolute time of the first event in microseconds."""
    end_us: int
    """Absolute time of the last event in microseconds."""
    camera: Camera
    """The camera without its distortion: image = (fx x + cx, fy y + cy), for images of warped events."""

    def __len__(self) -> int:
        return len(self.t_s)

    @property
    def middle_us(self) -> int:
        """Absolute time that `t_s` counts from."""
        return (self.start_us + self.end_us) // 2

    @property
    def duration_s(self) -> float:
        """Seconds from the first event to the last."""
        return (self.end_us - self.start_us) * 1e-6


def window_of(events: EventStream, camera: Camera) -> EventWindow:
    """All events of a stream as one window; events at pixels whose distortion cannot be undone are left out.

    An event lies anywhere on its pixel, whose centre the stream may know more finely. At centres events are at their
    sharpest unmoved, which holds small motions at zero, or along rows or columns. Raises `ValueError` for none.
    """
    if len(events) == 0:
        raise ValueError("a window without events")
    table, known = _undistorted(camera)
    pixel = events.pixel
    keep = known[pixel]
    start_us, end_us = int(events.t_us[0]), int(events.t_us[-1])
    seconds = (np.asarray(events.t_us)[keep] - (start_us + end_us) // 2) * 1e-6
    on_pixel = _on_pixel(int(keep.sum()))
    if events.on_pixel is not None:
        on_pixel = on_pixel + events.on_pixel[keep]
    on_pixel = on_pixel / (camera.fx, camera.fy)
    return EventWindow(
        bearing=torch.from_numpy(table[pixel[keep]] + on_pixel.astype(np.float32)),
        t_s=torch.from_numpy(seconds.astype(np.float32)),
        polarity=torch.from_numpy(np.array(events.polarity)[keep]),
        start_us=start_us,
        end_us=end_us,
        camera=ideal_camera(camera),
    )


def windows(
    events: EventStream,
    camera: Camera,
    count: int,
    longest_s: float,
    step: float = 0.5,
    wanted: Callable[[EventWindow], float] = lambda window: 1.0,
    slowest_s: float = 0.0,
) -> Iterator[EventWindow]:
    """Windows of `count` events, or fewer where they would last longer than `longest_s`.

    `wanted` tells how many times as long a window should be; one that should be longer is taken again, longer, and
    asked about again, before it is given: up to `longest_s` or `slowest_s`, whichever is more. Each starts `step` of
    its predecessor's events later. A recording shorter than one window gives one.
    """

    def until(seconds: float) -> int:
        return int(np.searchsorted(events.t_us, int(events.t_us[first]) + round(seconds * 1e6), side="right"))

    first = 0
    while first < len(events):
        end, last = min(first + count, until(longest_s)), until(max(longest_s, slowest_s))
        while (times := wanted(window := window_of(events[first:end], camera))) > 1.0 and end < last:
            end = min(first + round((end - first) * min(max(times, 1.25), 3.0)) + 1, last)
        yield window
        if end == len(events):
            return
        first += max(round(step * (end - first)), 1)


def distinct_events(events: EventStream, spans_us: Sequence[tuple[int, int]]) -> int:
    """How many events lie in any of these spans, from the first microsecond to the last, each counted once."""
    first, last = np.array(spans_us, dtype=np.int64).reshape(-1, 2).T
    change = np.bincount(np.searchsorted(events.t_us, first), minlength=len(events) + 1)
    change = change - np.bincount(np.searchsorted(events.t_us, last, side="right"), minlength=len(events) + 1)
    return int(np.count_nonzero(np.cumsum(change)[:-1]))


def _on_pixel(count: int) -> Float64[np.ndarray, "n 2"]:
    """Places on the unit square around zero, evenly filled by any part of the sequence (Roberts' R2)."""
    return (np.arange(count)[:, None] * (0.7548776662466927, 0.5698402909980532) + 0.5) % 1.0 - 0.5


@lru_cache(maxsize=4)
def _undistorted(camera: Camera) -> tuple[Float32[np.ndarray, "pixels 2"], Bool[np.ndarray, " pixels"]]:
    """Normalised coordinates of every pixel of the sensor, and whether they are known."""
    bearings = np.asarray(camera.bearings(), dtype=np.float64)
    table = bearings[:, :2] / bearings[:, 2:]
    known = camera.undistortable() & (bearings[:, 2] > 1e-6)
    return np.where(known[:, None], table, 0.0).astype(np.float32), known


@lru_cache(maxsize=4)
def ideal_camera(camera: Camera) -> Camera:
    """The camera without its distortion, whose image windows and flow are given on."""
    return Camera(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)
