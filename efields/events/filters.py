"""Filters that drop events of a stream, chunk by chunk.

Each carries its state from chunk to chunk, so that borders of chunks change nothing: the result equals that of a loop
over single events. Chunks come in order of time, their events inside the sensor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Int64

from efields.events.columns import EventColumns

_LONG_AGO = np.iinfo(np.int64).min // 4
"""Time of the last event of a pixel that has had none; far enough from the ends that differences fit."""
_NEVER = np.iinfo(np.int32).max
"""Index of the first event of a pixel that has none in a block."""
_BLOCK = 1 << 14
"""Events of the longest block; its temporary arrays stay in the cache."""
_DENSE = 120
"""Events in one period of the background filter from which blocks are faster than searching."""


class Filter(Protocol):
    """Takes the chunks of one stream in turn."""

    @property
    def name(self) -> str:
        """What it is called in a summary."""
        ...

    def __call__(self, events: EventColumns) -> EventColumns:
        """What is left of the next chunk."""
        ...


@dataclass
class Counted:
    """A filter, and the number of events that it has dropped."""

    filter: Filter
    """The filter."""
    dropped: int = 0
    """Events that went in and did not come out so far."""

    def __call__(self, events: EventColumns) -> EventColumns:
        """What the filter leaves of the next chunk."""
        kept = self.filter(events)
        self.dropped += events.count - kept.count
        return kept


def filtered(chunks: Iterator[EventColumns], filters: list[Counted]) -> Iterator[EventColumns]:
    """The chunks after all filters, in their order; stops reading once a `TimeSlice` is past its end."""
    for chunk in chunks:
        for each in filters:
            chunk = each(chunk)
        if chunk.count:
            yield chunk
        if any(isinstance(each.filter, TimeSlice) and each.filter.over for each in filters):
            return


@dataclass
class TimeSlice:
    """Keeps the events with start <= t < stop."""

    start_us: int | None = None
    """Absolute time of the first event that may stay, microseconds; None: from the beginning."""
    stop_us: int | None = None
    """Absolute time of the first event that may not, microseconds; None: to the end."""
    name: str = "outside the time slice"
    over: bool = False
    """Whether an event at or after the end was seen."""

    def __call__(self, events: EventColumns) -> EventColumns:
        """The events of the next chunk inside the slice."""
        first = 0 if self.start_us is None else int(np.searchsorted(events.t_us, self.start_us, side="left"))
        last = events.count if self.stop_us is None else int(np.searchsorted(events.t_us, self.stop_us, side="left"))
        self.over |= last < events.count
        return events.take(slice(first, max(first, last)))


@dataclass
class HotPixels:
    """Drops all events of listed pixels."""

    pixels: Int64[np.ndarray, " k"]
    """Raster indices of the pixels, as `statistics.hot_pixels` finds them."""
    width: int
    """Columns of the sensor."""
    height: int
    """Rows of the sensor."""
    name: str = "from hot pixels"

    def __post_init__(self) -> None:
        self._cold = np.ones((self.height, self.width), dtype=bool)
        self._cold.reshape(-1)[self.pixels] = False

    def __call__(self, events: EventColumns) -> EventColumns:
        """The events of the next chunk from other pixels."""
        return events.take(self._cold[events.y, events.x])


def pixels_above_rate(counts: Int64[np.ndarray, "h w"], duration_us: int, rate_hz: float) -> Int64[np.ndarray, " k"]:
    """Raster indices of pixels whose mean rate over the recording is above `rate_hz` events a second."""
    return np.flatnonzero(counts.reshape(-1) * 1e6 > rate_hz * max(duration_us, 1)).astype(np.int64)


@dataclass
class BackgroundActivity:
    """Keeps an event where one of its eight neighbours had an event at most `dt_us` before.

    Every event counts as a neighbour's, dropped or not; of events at one time, those earlier in the stream count as
    before. Delbruck, "Frame-free dynamic digital vision" (2008), section 3.
    """

    dt_us: int
    """Longest time since the neighbour's event, microseconds."""
    width: int
    """Columns of the sensor."""
    height: int
    """Rows of the sensor."""
    name: str = "of background activity"

    def __post_init__(self) -> None:
        # A border of one pixel around the sensor, where nothing ever happens, saves all checks for the border.
        self._stride = self.width + 2
        places = (self.height + 2) * self._stride
        self._last_us = np.full(places, _LONG_AGO, dtype=np.int64)
        self._first = np.full(places, _NEVER, dtype=np.int32)
        rows = (-self._stride, 0, self._stride)
        self._neighbours = np.array([dy + dx for dx in (-1, 0, 1) for dy in rows if dy or dx], dtype=np.int64)

    def __call__(self, events: EventColumns) -> EventColumns:
        """The events of the next chunk that have support."""
        if events.count == 0:
            return events
        pixel = (events.y.astype(np.int64) + 1) * self._stride + events.x + 1
        periods = 1 + int(events.t_us[-1] - events.t_us[0]) // max(self.dt_us, 1)
        dense = events.count >= _DENSE * periods
        return events.take((self._by_block if dense else self._by_search)(pixel, events.t_us))

    def _by_block(self, pixel: np.ndarray, t_us: np.ndarray) -> Bool[np.ndarray, " n"]:
        """Support of events where many fall into `dt_us`: blocks no longer than that, one after the other.

        Inside of a block any earlier event is recent enough, so it takes only the first event of each pixel there.
        """
        supported = np.empty(len(pixel), dtype=bool)
        start = 0
        while start < len(pixel):
            stop = min(start + _BLOCK, int(np.searchsorted(t_us, t_us[start] + self.dt_us, side="right")))
            own, now_us = pixel[start:stop], t_us[start:stop]
            around = own + self._neighbours[:, None]
            order = np.arange(stop - start, dtype=np.int32)
            self._first[own[::-1]] = order[::-1]  # of several events of a pixel the earliest is written last
            supported[start:stop] = self._first.take(around).min(axis=0) < order
            supported[start:stop] |= self._last_us.take(around).max(axis=0) >= now_us - self.dt_us
            self._first[own] = _NEVER
            self._last_us[own] = now_us
            start = stop
        return supported

    def _by_search(self, pixel: np.ndarray, t_us: np.ndarray) -> Bool[np.ndarray, " n"]:
        """Support of events far apart: the newest event of each neighbour is searched among all, sorted by pixel."""
        supported = np.zeros(len(pixel), dtype=bool)
        # Chunks before this one can support only events near its start.
        before = int(np.searchsorted(t_us, int(self._last_us.max()) + self.dt_us, side="right"))
        for shift in self._neighbours if before else ():
            supported[:before] |= self._last_us[pixel[:before] + shift] >= t_us[:before] - self.dt_us
        keys, bits = _sorted_by_pixel(pixel)
        row_of = keys & ((1 << bits) - 1)
        sorted_us = t_us[row_of]
        open_ = np.flatnonzero(~supported[row_of])  # places in the sorted order, so that look-ups stay in the cache
        for shift in self._neighbours:
            wanted = keys[open_] + (shift << bits)
            newest = np.searchsorted(keys, wanted) - 1  # -1 takes the last key, which is of another pixel
            found = (keys[newest] >> bits == wanted >> bits) & (sorted_us[newest] >= sorted_us[open_] - self.dt_us)
            supported[row_of[open_[found]]] = True
            open_ = open_[~found]
        self._last_us[pixel] = t_us  # the last of several events of a pixel stays
        return supported


@dataclass
class Refractory:
    """Drops events that come less than `period_us` after the last event of their pixel that was kept."""

    period_us: int
    """Refractory period, microseconds."""
    width: int
    """Columns of the sensor."""
    height: int
    """Rows of the sensor."""
    name: str = "in the refractory period"

    def __post_init__(self) -> None:
        self._last_kept_us = np.full(self.height * self.width, _LONG_AGO, dtype=np.int64)

    def __call__(self, events: EventColumns) -> EventColumns:
        """The events of the next chunk that a pixel with this refractory period would have sent."""
        pixel = events.y.astype(np.int64) * self.width + events.x
        kept = np.flatnonzero(events.t_us - self._last_kept_us[pixel] >= self.period_us)
        if kept.size:
            kept = kept[self._spaced(pixel[kept], events.t_us[kept])]
        self._last_kept_us[pixel[kept]] = events.t_us[kept]
        return events.take(kept)

    def _spaced(self, pixel: np.ndarray, t_us: np.ndarray) -> Int64[np.ndarray, " k"]:
        """Indices, increasing, of the events that stay when the first of each pixel does."""
        keys, bits = _sorted_by_pixel(pixel)
        row_of = keys & ((1 << bits) - 1)
        gap_us = np.minimum(np.diff(t_us[row_of]), self.period_us)
        gap_us[np.diff(keys >> bits) != 0] = self.period_us
        # Time along the sorted events, with long gaps cut to one period: an event after a gap of a period always
        # stays, so what lies behind the gap does not matter, and one search finds each event's successor.
        along_us = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(gap_us)))
        stays = np.concatenate((np.ones(1, dtype=bool), gap_us >= self.period_us))
        in_doubt = ~stays
        if in_doubt.any():
            # Only runs of short gaps are in doubt: their events, and the event before each run.
            chosen = np.flatnonzero(in_doubt | np.concatenate((in_doubt[1:], np.zeros(1, dtype=bool))))
            stays[chosen] = _reached(along_us[chosen], stays[chosen], self.period_us)
        return np.sort(row_of[stays])


@dataclass
class Thin:
    """Keeps the first of every `n` events."""

    n: int
    """How many events one stands for."""
    name: str = "thinned out"
    _seen: int = field(default=0, repr=False)

    def __call__(self, events: EventColumns) -> EventColumns:
        """Every n-th event of the next chunk, counted from the start of the stream."""
        first = -self._seen % self.n
        self._seen += events.count
        return events.take(slice(first, None, self.n))


def _sorted_by_pixel(pixel: np.ndarray) -> tuple[Int64[np.ndarray, " n"], int]:
    """Keys `pixel << bits | index`, sorted, and the bits: in order of pixel, and of time in each. Fast to sort."""
    bits = max(1, int(len(pixel) - 1).bit_length())
    return np.sort(pixel << bits | np.arange(len(pixel), dtype=np.int64)), bits


def _reached(along_us: np.ndarray, first: np.ndarray, period_us: int) -> np.ndarray:
    """Which events are reached from those marked `first` by steps to the next event a period or more later.

    Steps are doubled in each round, so that long runs take few rounds.
    """
    reached = first.copy()
    step = np.searchsorted(along_us, along_us + period_us)
    size = len(along_us)
    while True:
        inside = np.flatnonzero(reached & (step < size))
        target = step[inside]
        if reached[target].all():
            return reached
        reached[target] = True
        step = np.where(step < size, step[np.minimum(step, size - 1)], size)
