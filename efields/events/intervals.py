"""Intervals: spans of time at a pixel with the events counted in them, and the index that finds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Int32, Int64

from efields.errors import InputError
from efields.events import kernels
from efields.events.stream import EventStream

NO_EVENT_BEFORE: int = int(np.iinfo(np.int64).min)
"""Time of the last event where there is none."""
NO_EVENT_AFTER: int = int(np.iinfo(np.int64).max)
"""Time of the next event where there is none."""

Pixels = Int64[np.ndarray, " n"]
Times = Int64[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class Intervals:
    """Spans of time (t_start, t_end] at pixels, with the numbers of events in them."""

    pixel: Int64[np.ndarray, " n"]
    """Raster index `y * width + x` on the raw sensor."""
    t_start_us: Int64[np.ndarray, " n"]
    """Absolute start in microseconds; an event at this very time is not counted."""
    t_end_us: Int64[np.ndarray, " n"]
    """Absolute end in microseconds; an event at this very time is counted."""
    n_pos: Int32[np.ndarray, " n"]
    """Number of ON events."""
    n_neg: Int32[np.ndarray, " n"]
    """Number of OFF events."""
    starts_at_event: Bool[np.ndarray, " n"]
    """Whether the pixel had an event at t_start, so that its reference level is known there."""

    def __len__(self) -> int:
        return len(self.pixel)

    def take(self, index: np.ndarray | slice) -> Intervals:
        """The intervals with these indices, of a boolean mask or of a slice."""
        return Intervals(*(column[index] for column in self._columns()))

    @classmethod
    def concat(cls, parts: Sequence[Intervals]) -> Intervals:
        """All intervals of several sets, one set after the other."""
        return cls(*(np.concatenate(columns) for columns in zip(*(part._columns() for part in parts), strict=True)))

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.pixel, self.t_start_us, self.t_end_us, self.n_pos, self.n_neg, self.starts_at_event


@dataclass(frozen=True, eq=False)
class PixelIndex:
    """The events of a stream ordered by pixel, then time: any window at any pixel costs two binary searches."""

    t_us: Int64[np.ndarray, " n"]
    """Absolute times in microseconds, in the order of the index."""
    cum_pos: Int[np.ndarray, " n+1"]
    """Number of ON events before each place of the index."""
    start: Int64[np.ndarray, " pixels+1"]
    """Place of each pixel's first event; the pixel's last place is one before the next pixel's first."""
    order: Int64[np.ndarray, " n"]
    """Index into the stream of the event at each place."""
    key: Int64[np.ndarray, " n"]
    """`pixel * span_us + (t_us - first_us)`, increasing: what the binary searches run on."""
    first_us: int
    """Absolute time of the stream's first event in microseconds."""
    span_us: int
    """Microseconds from the first event to the last, plus one."""

    @classmethod
    def build(cls, stream: EventStream) -> PixelIndex:
        """Index a stream with stable radix sorts, linear in the number of events; by compiled kernels where there are.

        Raises `InputError` for an empty stream, and for one too long for the key's 63 bits.
        """
        if len(stream) == 0:
            raise InputError("no events to index", do="choose a recording, or a part of it, that holds events")
        first_us = int(stream.t_us[0])
        span_us = int(stream.t_us[-1]) - first_us + 1
        if stream.pixels * span_us >= 2**63:
            do = "cut the recording, or check that its times are microseconds"
            raise InputError(f"events span {span_us * 1e-6:.3g} s, too long to index", do=do)
        columns = kernels.index_columns(stream, span_us) or _index_columns(stream, span_us)
        return cls(*columns, first_us, span_us)

    def __len__(self) -> int:
        return len(self.t_us)

    @property
    def pixels(self) -> int:
        """Number of pixels of the sensor."""
        return len(self.start) - 1

    @property
    def last_us(self) -> int:
        """Absolute time of the stream's last event in microseconds."""
        return self.first_us + self.span_us - 1

    def pixel_at(self, place: Int64[np.ndarray, " n"]) -> Pixels:
        """Pixel of the events at these places of the index."""
        return self.key[place] // self.span_us

    def counts(
        self, pixel: Pixels, t0_us: Times, t1_us: Times
    ) -> tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " n"]]:
        """Numbers of ON and of OFF events of each pixel in (t0, t1], absolute microseconds; none where t1 <= t0."""
        found = kernels.counts(self, pixel, t0_us, t1_us)
        if found is not None:
            return found
        begin = self._place_after(pixel, t0_us)
        end = np.maximum(begin, self._place_after(pixel, t1_us))
        n_pos = self.cum_pos[end] - self.cum_pos[begin]
        return n_pos.astype(np.int32), (end - begin - n_pos).astype(np.int32)

    def windows(self, pixel: Pixels, t0_us: Times, t1_us: Times) -> Intervals:
        """The intervals (t0, t1] at these pixels, counted; they start at arbitrary times."""
        pixel, t0_us, t1_us = (np.asarray(column, dtype=np.int64) for column in (pixel, t0_us, t1_us))
        n_pos, n_neg = self.counts(pixel, t0_us, t1_us)
        return Intervals(pixel, t0_us, t1_us, n_pos, n_neg, np.zeros(len(pixel), dtype=bool))

    def event_intervals(self, refractory_us: float = 0) -> Intervals:
        """The interval (t_previous, t_k] of every event that has a predecessor at its pixel, by pixel, then time.

        Each counts its one event. Events no later than `refractory_us` after their predecessor are left out, and so are
        repeated times. The start is the predecessor's time, not yet moved by the refractory period.
        """
        gap = np.diff(self.t_us)
        usable = gap > max(refractory_us, 0)
        # The first event of a pixel follows one of another pixel.
        firsts = self.start[1:-1]
        usable[firsts[(firsts > 0) & (firsts < len(self))] - 1] = False
        place = np.flatnonzero(usable)
        rose = self.cum_pos[place + 2] > self.cum_pos[place + 1]
        return Intervals(
            pixel=self.pixel_at(place),
            t_start_us=self.t_us[place],
            t_end_us=self.t_us[place + 1],
            n_pos=rose.astype(np.int32),
            n_neg=(~rose).astype(np.int32),
            starts_at_event=np.ones(len(place), dtype=bool),
        )

    def last_event_before(self, pixel: Pixels, t_us: Times) -> Times:
        """Absolute time of each pixel's last event with t < t_us, or `NO_EVENT_BEFORE`."""
        pixel = np.asarray(pixel, dtype=np.int64)
        place = self._place_after(pixel, np.asarray(t_us, dtype=np.int64) - 1)
        found = place > self.start[pixel]
        return np.where(found, self.t_us[np.maximum(place - 1, 0)], NO_EVENT_BEFORE)

    def next_event_after(self, pixel: Pixels, t_us: Times) -> Times:
        """Absolute time of each pixel's first event with t > t_us, or `NO_EVENT_AFTER`."""
        pixel = np.asarray(pixel, dtype=np.int64)
        place = self._place_after(pixel, t_us)
        found = place < self.start[pixel + 1]
        return np.where(found, self.t_us[np.minimum(place, len(self) - 1)], NO_EVENT_AFTER)

    def _place_after(self, pixel: Pixels, t_us: Times) -> Int64[np.ndarray, " n"]:
        """Place behind the pixel's last event with t <= t_us."""
        found = kernels.places_after(self, pixel, t_us)
        if found is not None:
            return found
        since = np.clip(np.asarray(t_us, dtype=np.int64), self.first_us - 1, self.last_us) - self.first_us
        wanted = np.asarray(pixel, dtype=np.int64) * self.span_us + since
        # Searching in increasing order goes through memory in one direction: twice as fast with 1e7 events.
        order = np.argsort(wanted)
        place = np.empty(len(wanted), dtype=np.int64)
        place[order] = np.searchsorted(self.key, wanted[order], side="right")
        return place


def _index_columns(
    stream: EventStream, span_us: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The arrays t_us, cum_pos, start, order and key of the index, by numpy, without a loop over events."""
    order = _pixel_order(stream)
    pixel = stream.pixel
    start = np.zeros(stream.pixels + 1, dtype=np.int64)
    np.cumsum(np.bincount(pixel, minlength=stream.pixels), out=start[1:])
    t_us = stream.t_us[order]
    key = np.repeat(np.arange(stream.pixels, dtype=np.int64) * span_us - int(stream.t_us[0]), np.diff(start))
    key += t_us
    cum_pos = np.zeros(len(stream) + 1, dtype=np.int32 if len(stream) < 2**31 else np.int64)
    np.cumsum(stream.polarity[order], out=cum_pos[1:])
    return t_us, cum_pos, start, order, key


def _pixel_order(stream: EventStream) -> Int64[np.ndarray, " n"]:
    """Order of the events by pixel, then time: numpy sorts uint16 stably by radix, first by column, then by row."""
    if stream.pixels <= 2**16 and stream.width < 2**16:
        return np.argsort(stream.y * np.uint16(stream.width) + stream.x, kind="stable")
    by_column = np.argsort(stream.x, kind="stable")
    return by_column[np.argsort(stream.y[by_column], kind="stable")]
