"""Random draws of intervals that supervise a field, from generators that the caller seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int64

from efields.errors import InputError
from efields.events import kernels
from efields.events.intervals import NO_EVENT_BEFORE, Intervals, PixelIndex
from efields.events.stream import EventStream

_TRIES = 12
"""Rounds of redrawing event intervals before all are looked for."""
_ROUNDS = 64
"""Rounds of redrawing silent intervals before the recording is said to have none."""


def draw_event_intervals(index: PixelIndex, n: int, rng: np.random.Generator, refractory_us: float = 0) -> Intervals:
    """Draw `n` of `index.event_intervals(refractory_us)`, uniformly with replacement, without making them all.

    Uniform over events adapts to their density: equal numbers of events are equal shares of the draw, however long they
    took, so the fast parts of a motion are drawn more often and none is starved.

    Raises `InputError` when there are none.
    """
    found: list[Intervals] = []
    missing = n
    for _ in range(_TRIES):
        if missing <= 0 and found:
            return Intervals.concat(found).take(slice(n))
        # Places are drawn until as many as are wanted start an interval: those that do are uniform among themselves.
        place = rng.integers(0, len(index), size=2 * missing + 16)
        found.append(index.intervals_after(place, refractory_us))
        missing -= len(found[-1])
    # Few events start one: all that do are looked for.
    every = Intervals.concat([index.intervals_after(places, refractory_us) for places in index.places()])
    if len(every) == 0:
        do = "use a longer recording or a shorter refractory period"
        raise InputError("no pixel has two usable events", do=do)
    return every.take(rng.integers(0, len(every), size=n))


def draw_count_windows(
    index: PixelIndex,
    stream: EventStream,
    n: int,
    rng: np.random.Generator,
    bands: Sequence[tuple[float, float]] = ((0.1, 1.0), (1 / 300, 1 / 30)),
    n_max: int = 100_000,
    silent_share: float = 0.3,
    at_events: bool = False,
) -> Intervals:
    """Draw `n` windows whose length is set by a number of events of the whole sensor, so that it follows the motion.

    A window's number of events is log-uniform in `band * n_max`, with the bands taken in turn; its last event is drawn
    uniformly, and it starts at the time of the event that many before. Its pixel is that of one of its events, except
    for a `silent_share`, which is uniform over the sensor. Windows end at an event of the stream.

    Raises `InputError` for a stream of fewer than two events.
    """
    last = len(stream) - 1
    if last < 1 or n_max < 1:
        raise InputError(f"windows of up to {n_max} events in a stream of {last + 1}", do="use a longer recording")
    low, high = np.log(np.asarray(bands, dtype=np.float64) * n_max).take(np.arange(n) % len(bands), axis=0).T
    length = np.rint(np.exp(low + (high - low) * rng.random(n))).astype(np.int64)
    length = np.minimum(np.maximum(length, 1), last)
    end = rng.integers(length, last + 1)
    inside = rng.integers(end - length + 1, end + 1)
    anywhere, elsewhere = rng.random(n) < silent_share, rng.integers(0, stream.pixels, size=n)
    columns = kernels.drawn_windows(index, stream, end, length, inside, anywhere, elsewhere, at_events)
    if columns is not None:
        return Intervals(*columns)
    t1_us = stream.t_us[end]
    # Many events can share one microsecond; a window is at least that long, and holds the event that lends its pixel.
    t0_us = np.minimum(stream.t_us[end - length], t1_us - 1)
    inside = np.where(stream.t_us[inside] > t0_us, inside, end)
    active = stream.y[inside].astype(np.int64) * stream.width + stream.x[inside]
    pixel = np.where(anywhere, elsewhere, active)
    return _between_events(index, pixel, t0_us, t1_us) if at_events else index.windows(pixel, t0_us, t1_us)


def _between_events(
    index: PixelIndex, pixel: Int64[np.ndarray, " n"], t0_us: Int64[np.ndarray, " n"], t1_us: Int64[np.ndarray, " n"]
) -> Intervals:
    """Windows moved to events of their own pixels where those have some before and some inside; else as they are."""
    before = index.last_event_before(pixel, t0_us + 1)
    latest = index.last_event_before(pixel, t1_us + 1)
    anchored = (before != NO_EVENT_BEFORE) & (latest > before)
    moved = index.windows(pixel, np.where(anchored, before, t0_us), np.where(anchored, latest, t1_us))
    return replace(moved, starts_at_event=anchored)


def draw_silent(
    index: PixelIndex,
    stream: EventStream,
    n: int,
    rng: np.random.Generator,
    refractory_us: float = 0,
    longest_us: int | None = None,
) -> Intervals:
    """Draw `n` intervals (t0, t1] without an event at their pixel, half of each sort.

    The first half start at an event of their pixel (drawn uniformly) and end more than `refractory_us` later, before
    the next event there: the reference level is known. The others start at any time at any pixel (drawn uniformly).
    The end is uniform in what is left before the pixel's next event, or the end of the stream, or `longest_us`.

    Raises `InputError` when the recording has no room for them.
    """
    n_known = n // 2
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for known, wanted in ((True, n_known), (False, n - n_known)):
        dead_us = int(np.ceil(refractory_us)) if known else 0
        for _ in range(_ROUNDS):
            if wanted == 0:
                break
            pixel, t0_us, t1_first, t1_last = _silent_starts(index, stream, known, wanted, rng, dead_us, longest_us)
            found.append((pixel, t0_us, rng.integers(t1_first, t1_last + 1)))
            wanted -= len(pixel)
        if wanted:
            raise InputError(
                "hardly any pixel is ever silent", do="use a longer recording, or leave the silent loss out"
            )
    if not found:
        return index.windows(*np.empty((3, 0), np.int64))
    pixel, t0_us, t1_us = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return Intervals(pixel, t0_us, t1_us, np.zeros(n, np.int32), np.zeros(n, np.int32), np.arange(n) < n_known)


def _silent_starts(
    index: PixelIndex,
    stream: EventStream,
    known: bool,
    n: int,
    rng: np.random.Generator,
    dead_us: int,
    longest_us: int | None,
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " m"], Int64[np.ndarray, " m"], Int64[np.ndarray, " m"]]:
    """Pixels and starts of silence (at events if `known`, else anywhere), with the first and last time of its end.

    Of `n` that are drawn, those without room for an end are left out.
    """
    if known:
        place = rng.integers(0, len(index), size=n)
        pixel, t0_us = index.pixel_at(place), index.t_us[place]
    else:
        pixel = rng.integers(0, stream.pixels, size=n)
        t0_us = rng.integers(index.first_us, index.last_us + 1, size=n)
    found = kernels.silence(index, pixel, t0_us, dead_us, index.span_us if longest_us is None else longest_us)
    if found is not None:
        return found
    t1_last = np.minimum(index.next_event_after(pixel, t0_us) - 1, index.last_us)
    if longest_us is not None:
        t1_last = np.minimum(t1_last, t0_us + longest_us)
    room = np.flatnonzero(t1_last > t0_us + dead_us)
    return pixel[room], t0_us[room], t0_us[room] + dead_us + 1, t1_last[room]
