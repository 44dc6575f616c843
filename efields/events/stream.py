"""Streams of events: time-sorted columns over a sensor of known size."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt16

from efields.errors import InputError
from efields.events.clock import Clock
from efields.events.clock_order import Order
from efields.events.scratch import pieces

_log = logging.getLogger(__name__)

MOST_PIXELS = 1 << 25
"""Pixels of the largest sensor: 8K. What is kept for each pixel must fit in memory."""

MOST_US = 1 << 62
"""Times from here on, before or after zero, are none: differences of them would not fit in 64 bits."""

_BYTES_PER_PIXEL = 64
"""What is kept for each pixel, about: counts, the index of its events, its ray."""
_CHUNK = 1 << 22
"""Events looked at together while checking, so that memory-mapped columns are never held whole."""


@dataclass(frozen=True, eq=False)
class EventStream:
    """Events of one sensor, sorted by time; columns may be memory-mapped and slices are views of them."""

    x: UInt16[np.ndarray, " n"]
    """Column of each event in pixels, 0 at the left."""
    y: UInt16[np.ndarray, " n"]
    """Row of each event in pixels, 0 at the top."""
    t_us: Int64[np.ndarray, " n"]
    """Absolute time of each event in microseconds, never decreasing."""
    polarity: Bool[np.ndarray, " n"]
    """True where the intensity rose (ON), False where it fell (OFF)."""
    width: int
    """Columns of the sensor in pixels."""
    height: int
    """Rows of the sensor in pixels."""
    order: Order | None = None
    """What the clock did in the order of the source; None for a part of a stream."""
    on_pixel: Float32[np.ndarray, "n 2"] | None = None
    """Place of each event less the centre of its pixel, right and down, -0.5 to 0.5 pixels, where it is known more
    finely than in whole pixels (rectified events); else None."""

    @classmethod
    def from_arrays(
        cls,
        x: np.ndarray,
        y: np.ndarray,
        t_us: np.ndarray,
        polarity: np.ndarray,
        width: int,
        height: int,
        *,
        where: str = "",
        on_pixel: np.ndarray | None = None,
    ) -> EventStream:
        """Check raw columns and make a stream of them, without copying those that have the right type already.

        Polarity may be bool, {0, 1} or {-1, 1}. Times that go backwards are sorted (stably), but where the clock was
        reset or wrapped, what comes behind keeps its place, at times that follow on; a warning says so. `where` names
        the source in messages.

        Raises `InputError` for no events, columns of unequal length, positions outside the sensor, times that are not
        whole microseconds, and polarities of other values.
        """
        x, y, t_us, polarity = (np.asarray(column) for column in (x, y, t_us, polarity))
        check_sensor_size(width, height, where)
        if {column.ndim for column in (x, y, t_us, polarity)} != {1} or len(
            {len(c) for c in (x, y, t_us, polarity)}
        ) > 1:
            shapes = ", ".join(str(column.shape) for column in (x, y, t_us, polarity))
            raise InputError(
                f"columns x, y, t, polarity have shapes {shapes}", where, "give one number per event in each"
            )
        if len(x) == 0:
            raise InputError("no events", where, "choose a recording, or a part of it, that contains events")
        _check_inside(x, y, width, height, where)
        stream = cls(
            x=x.astype(np.uint16, copy=False),
            y=y.astype(np.uint16, copy=False),
            t_us=_whole_microseconds(t_us, where),
            polarity=_boolean_polarity(polarity, where),
            width=int(width),
            height=int(height),
            on_pixel=on_pixel,
        )
        return stream._sorted(where)

    def __len__(self) -> int:
        return len(self.t_us)

    def __getitem__(self, index: slice | np.ndarray) -> EventStream:
        """The events of a slice (views of the columns), of a boolean mask or of increasing indices (copies)."""
        if isinstance(index, slice) and index.step is not None and index.step < 0:
            raise ValueError("a stream cannot run backwards in time: the step of the slice must be positive")
        on_pixel = None if self.on_pixel is None else self.on_pixel[index]
        columns = self.x[index], self.y[index], self.t_us[index], self.polarity[index]
        return EventStream(*columns, self.width, self.height, on_pixel=on_pixel)

    def between(self, t0_us: int, t1_us: int) -> EventStream:
        """The events with t0 <= t < t1 (absolute microseconds), as views."""
        first, last = np.searchsorted(self.t_us, np.array([t0_us, max(t0_us, t1_us)], dtype=np.int64), side="left")
        return self[int(first) : int(last)]

    @property
    def pixels(self) -> int:
        """Number of pixels of the sensor."""
        return self.width * self.height

    @property
    def pixel(self) -> Int64[np.ndarray, " n"]:
        """Raster index `y * width + x` of each event (computed, not stored)."""
        return self.y.astype(np.int64) * self.width + self.x

    @property
    def duration_s(self) -> float:
        """Seconds from the first event to the last; 0 for an empty stream."""
        return float(self.t_us[-1] - self.t_us[0]) * 1e-6 if len(self) else 0.0

    @property
    def rate_hz(self) -> float:
        """Mean events a second; 0 where the stream has no duration."""
        return len(self) / self.duration_s if self.duration_s > 0 else 0.0

    def _sorted(self, where: str) -> EventStream:
        """This stream in order of time: itself if it is in order, else a stable sort and a warning."""
        clock = Clock()
        for piece in pieces(len(self), _CHUNK, self.t_us):
            clock.add(self.t_us[piece])
        order = clock.order()
        stream = replace(self, t_us=order.shifted(self.t_us), order=order)
        prefix = f"{where}: " if where else ""
        for said in order.of_parts:
            _log.warning("%s%s", prefix, said)
        if not order.late:
            return stream
        _log.warning("%s%d of %d events go backwards in time; sorted", prefix, order.late, len(self))
        return replace(stream[np.argsort(stream.t_us, kind="stable")], order=order)


def mean_on_pixel(events: EventStream) -> Float64[np.ndarray, "p 2"]:
    """Mean place of the events of each pixel less its centre, right and down; 0 where that is all that is known."""
    mean = np.zeros((events.pixels, 2))
    if events.on_pixel is None:
        return mean
    pixel = events.pixel
    count = np.maximum(np.bincount(pixel, minlength=events.pixels), 1)
    for axis in (0, 1):
        mean[:, axis] = np.bincount(pixel, weights=events.on_pixel[:, axis], minlength=events.pixels) / count
    return mean


def seconds_to_us(t_s: Float64[np.ndarray, "*n"] | float, where: str | Path = "") -> Int64[np.ndarray, "*n"]:
    """Seconds to the nearest whole microsecond (rounded: truncating 0.000251 s would give 250).

    Raises `InputError` for times that are not finite.
    """
    seconds = np.asarray(t_s, dtype=np.float64)
    if not np.isfinite(seconds).all():
        raise InputError(f"{np.count_nonzero(~np.isfinite(seconds))} times are not finite numbers", where)
    return np.asarray(np.rint(seconds * 1e6), dtype=np.int64)


def check_sensor_size(width: int, height: int, where: str | Path = "") -> None:
    """Raise `InputError` for a size that no sensor has: sides of 1 to 65536 pixels, `MOST_PIXELS` in all."""
    if width < 1 or height < 1:
        raise InputError(f"sensor of {width} x {height} pixels", where, "give a width and a height of at least 1")
    if max(width, height) > 1 << 16 or width * height > MOST_PIXELS:
        tables = width * height * _BYTES_PER_PIXEL / 1e9
        raise InputError(
            f"sensor of {width} x {height} pixels, whose tables would take {tables:,.0f} GB",
            where,
            f"give its size, of at most {MOST_PIXELS:,} pixels, with --width and --height",
        )


def _check_inside(x: np.ndarray, y: np.ndarray, width: int, height: int, where: str) -> None:
    """Raise `InputError` unless every position is a whole pixel of the sensor."""
    outside, fractional = 0, 0
    for part in pieces(len(x), _CHUNK, x, y):
        inside = (x[part] >= 0) & (x[part] < width) & (y[part] >= 0) & (y[part] < height)
        outside += int(np.count_nonzero(~inside))
        for column in (x[part], y[part]):
            if column.dtype.kind == "f":
                fractional += int(np.count_nonzero(column[inside] != np.floor(column[inside])))
    if outside:
        do = "check the size of the sensor and the order of the columns"
        raise InputError(f"{outside} of {len(x)} events lie outside the {width} x {height} sensor", where, do)
    if fractional:
        do = "give raw pixels; the camera's distortion is undone by its calibration"
        raise InputError(f"{fractional} event coordinates are not whole pixels", where, do)


def _whole_microseconds(t: np.ndarray, where: str) -> Int64[np.ndarray, " n"]:
    """Times as int64; raise `InputError` when that would lose or wrap anything."""
    if t.dtype.kind == "f":
        if not (np.isfinite(t).all() and (t == np.rint(t)).all()):
            raise InputError("times are not whole microseconds", where, "convert seconds with seconds_to_us first")
    elif t.dtype.kind not in "iu":
        raise InputError(f"times of type {t.dtype}", where, "give whole microseconds")
    for part in pieces(len(t), _CHUNK, t):
        if (at := first_far(t[part])) is not None:
            raise InputError(far_time(int(t[part][at])), where, "check the unit of the times")
    return t.astype(np.int64, copy=False)


def first_far(t_us: np.ndarray) -> int | None:
    """The index of the first time that is none (`MOST_US`); None where all are times."""
    if len(t_us) == 0 or -MOST_US < int(t_us.min()) <= int(t_us.max()) < MOST_US:
        return None
    far = ~((t_us > -MOST_US) & (t_us < MOST_US))
    return int(np.argmax(far)) if far.any() else None


def far_time(t_us: int) -> str:
    """What to say of a time that is none (`MOST_US`)."""
    digits = len(str(abs(t_us)))
    if digits > 40:
        return f"an event's time has {digits} digits in microseconds, which is not a time of any clock"
    return f"an event's time is {t_us:,} us, {(abs(t_us) + 15_778_800_000_000) // 31_557_600_000_000:,} years from zero"


def _boolean_polarity(polarity: np.ndarray, where: str) -> Bool[np.ndarray, " n"]:
    """Polarity of the three conventions as bool: as it is, {0, 1} or {-1, 1}; raise `InputError` for others."""
    if polarity.dtype == np.bool_:
        return polarity
    rose = polarity == 1
    for fell in (0, -1):
        if (rose | (polarity == fell)).all():
            return rose
    values = np.unique(polarity)
    listed = ", ".join(str(value) for value in values[:5]) + (", ..." if len(values) > 5 else "")
    raise InputError(f"polarity has the values {listed}", where, "give bool, {0, 1} or {-1, 1}")
