"""Intervals: spans of time at a pixel with the events counted in them, and the index that finds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Int32, Int64

from efields.errors import InputError
from efields.events import kernels, scratch
from efields.events.index import columns_in_files, columns_in_memory
from efields.events.stream import EventStream

NO_EVENT_BEFORE: int = int(np.iinfo(np.int64).min)
"""Time of the last event where there is none."""
NO_EVENT_AFTER: int = int(np.iinfo(np.int64).max)
"""Time of the next event where there is none."""

_CHUNK = 1 << 22
"""Events looked at together, so that an index in files is never held whole."""

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
    start: Int64[np.ndarray, " bounds"]
    """Place of each pixel's first event, then the end of all; a pixel's last place is one before the next's first."""
    first_us: int
    """Absolute time of the stream's first event in microseconds."""
    span_us: int
    """Microseconds from the first event to the last, plus one."""

    @classmethod
    def build(cls, stream: EventStream) -> PixelIndex:
        """Index a stream with stable radix sorts, linear in the number of events; by compiled kernels where there are.

        The index of more events than fit in memory (`scratch.IN_MEMORY`) is made part by part, and lies in files.
        Raises `InputError` for an empty stream.
        """
        if len(stream) == 0:
            raise InputError("no events to index", do="choose a recording, or a part of it, that contains events")
        first_us = int(stream.t_us[0])
        span_us = int(stream.t_us[-1]) - first_us + 1
        build = columns_in_memory if len(stream) <= scratch.IN_MEMORY else columns_in_files
        return cls(*build(stream), first_us, span_us)

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
        return np.searchsorted(self.start, place, side="right") - 1

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
        return self.intervals_after(np.arange(len(self)), refractory_us)

    def intervals_after(self, place: Int64[np.ndarray, " n"], refractory_us: float = 0) -> Intervals:
        """Those of the `event_intervals` that start at the events at these places of the index."""
        place = place[place < len(self) - 1]
        pixel = self.pixel_at(place)
        same = place + 1 < self.start[pixel + 1]
        place, pixel = place[same], pixel[same]
        long = self.t_us[place + 1] - self.t_us[place] > max(refractory_us, 0)
        place, pixel = place[long], pixel[long]
        rose = self.cum_pos[place + 2] > self.cum_pos[place + 1]
        return Intervals(
            pixel=pixel,
            t_start_us=self.t_us[place],
            t_end_us=self.t_us[place + 1],
            n_pos=rose.astype(np.int32),
            n_neg=(~rose).astype(np.int32),
            starts_at_event=np.ones(len(place), dtype=bool),
        )

    def places(self) -> Iterator[Int64[np.ndarray, " n"]]:
        """All places of the index, some millions at a time."""
        for piece in scratch.pieces(len(self), _CHUNK, self.t_us, self.cum_pos):
            yield np.arange(piece.start, piece.stop)

    def shortest_interval(self, refractory_us: float = 0) -> int | None:
        """Length in microseconds of the shortest of the `event_intervals`; None where there are none."""
        shortest = []
        for places in self.places():
            found = self.intervals_after(places, refractory_us)
            if len(found):
                shortest.append(int((found.t_end_us - found.t_start_us).min()))
        return min(shortest, default=None)

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
        pixel, t_us = np.asarray(pixel, dtype=np.int64), np.asarray(t_us, dtype=np.int64)
        # Pixels off the sensor have no events: before its first, or behind its last.
        low, high = (self.start[np.clip(edge, 0, self.pixels)] for edge in (pixel, pixel + 1))
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) // 2
            open_ = low < high
            after = open_ & (self.t_us[np.minimum(middle, len(self) - 1)] <= t_us)
            low, high = np.where(after, middle + 1, low), np.where(open_ & ~after, middle, high)
        return low
