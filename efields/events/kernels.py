"""Compiled versions of indexing events and looking windows up: the same integers as numpy's next to each call.

Every function gives None where the kernels are not compiled, or do not take these arrays; the caller goes on in numpy.
Random numbers are never drawn here, so that a batch does not depend on whether the kernels are there.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Bool, Int, Int32, Int64

from efields import native
from efields.errors import InputError
from efields.events.stream import EventStream
from efields.native.build import BuildError

_MOST_EVENTS = 2**31
_MOST_PIXELS = 2**31

_long = ctypes.c_int64
_Bytes = ctypes.c_char * 0

Integers = Int64[np.ndarray, " n"]
Kept = Int64[np.ndarray, " k"]


class Index(Protocol):
    """The columns and numbers of a `PixelIndex`, which says what they are."""

    @property
    def t_us(self) -> Int64[np.ndarray, " n"]:
        """Absolute times in microseconds."""
        ...

    @property
    def cum_pos(self) -> Int[np.ndarray, " places"]:
        """Number of ON events before each place."""
        ...

    @property
    def start(self) -> Int64[np.ndarray, " bounds"]:
        """Place of each pixel's first event."""
        ...

    @property
    def pixels(self) -> int:
        """Number of pixels of the sensor."""
        ...

    @property
    def last_us(self) -> int:
        """Absolute time of the last event."""
        ...

    def __len__(self) -> int: ...


@lru_cache(maxsize=1)
def present() -> bool:
    """Whether the kernels are compiled and run here; asked once."""
    try:
        native.instruction_set()
    except (BuildError, InputError):
        return False
    return True


class _EventIndex(ctypes.Structure):
    """struct EventIndex of src/events.h; alive only while the index is."""

    _fields_ = (
        *[(name, ctypes.c_void_p) for name in ("start", "t_us", "cum_pos")],
        *[(name, ctypes.c_int64) for name in ("pixels", "n")],
    )


_structures: WeakKeyDictionary[Index, _EventIndex] = WeakKeyDictionary()


def index_columns(
    stream: EventStream,
) -> tuple[Int64[np.ndarray, " n"], Int32[np.ndarray, " places"], Int64[np.ndarray, " bounds"]] | None:
    """The arrays t_us, cum_pos and start of `PixelIndex`, which says what they are."""
    n, pixels = len(stream), stream.pixels
    if not present() or n >= _MOST_EVENTS or pixels >= _MOST_PIXELS:
        return None
    x, y = (np.require(column, np.uint16, ["C", "A"]) for column in (stream.x, stream.y))
    t, polarity = np.require(stream.t_us, np.int64, ["C", "A"]), np.require(stream.polarity, np.bool_, ["C", "A"])
    records = np.empty(2 * n, np.int64)
    start, cum_pos = np.empty(pixels + 1, np.int64), np.empty(n + 1, np.int32)
    t_us = np.empty(n, np.int64)
    native.function("event_index")(
        *_pointers(x, y, t, polarity), _long(n), _long(stream.width), _long(pixels),
        *_pointers(records, start, t_us, cum_pos),
    )  # fmt: skip
    return t_us, cum_pos, start


def places_after(index: Index, pixel: Integers, t_us: Integers) -> Integers | None:
    """Places behind each pixel's last event with t <= t_us; see `PixelIndex`."""
    if not _takes(index) or len(pixel) != len(t_us):
        return None
    pixel, t_us = _integers(pixel), _integers(t_us)
    place = np.empty(len(pixel), np.int64)
    native.function("event_places")(_of(index), *_pointers(pixel, t_us), _long(len(pixel)), *_pointers(place))
    return place


def counts(
    index: Index, pixel: Integers, t0_us: Integers, t1_us: Integers
) -> tuple[Int32[np.ndarray, " n"], Int32[np.ndarray, " n"]] | None:
    """Numbers of ON and of OFF events of each pixel in (t0, t1]; see `PixelIndex.counts`."""
    if not _takes(index) or not len(pixel) == len(t0_us) == len(t1_us):
        return None
    pixel, t0_us, t1_us = (_integers(column) for column in (pixel, t0_us, t1_us))
    n_pos, n_neg = (np.empty(len(pixel), np.int32) for _ in range(2))
    native.function("event_windows")(
        _of(index), *_pointers(pixel, t0_us, t1_us), _long(len(pixel)), *_pointers(n_pos, n_neg)
    )
    return n_pos, n_neg


def drawn_windows(
    index: Index,
    stream: EventStream,
    last: Integers,
    length: Integers,
    inside: Integers,
    anywhere: Bool[np.ndarray, " n"],
    elsewhere: Integers,
    at_events: bool,
) -> tuple[np.ndarray, ...] | None:
    """The columns of the `Intervals` of `draw_count_windows` once its random numbers are drawn.

    `last`, `length` and `inside` are the window's last event, its number of events and the event that lends its pixel,
    all places in the stream; where `anywhere`, the pixel is that of `elsewhere`.
    """
    columns = (stream.x, np.uint16), (stream.y, np.uint16), (stream.t_us, np.int64)
    if not _takes(index) or index.pixels != stream.pixels or not all(_plain(*column) for column in columns):
        return None
    n = len(last)
    pixel = np.array(elsewhere, np.int64)
    t0_us, t1_us = np.empty(n, np.int64), np.empty(n, np.int64)
    n_pos, n_neg, starts_at_event = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.bool_)
    last, length, inside = (_integers(column) for column in (last, length, inside))
    native.function("event_drawn_windows")(
        _of(index), *_pointers(stream.x, stream.y, stream.t_us), _long(stream.width),
        *_pointers(last, length, inside, anywhere), _long(n), int(at_events),
        *_pointers(pixel, t0_us, t1_us, n_pos, n_neg, starts_at_event),
    )  # fmt: skip
    return pixel, t0_us, t1_us, n_pos, n_neg, starts_at_event


def silence(
    index: Index, pixel: Integers, t0_us: Integers, dead_us: int, longest_us: int
) -> tuple[Kept, Kept, Kept, Kept] | None:
    """Pixels, starts, first and last times of the end of those silent intervals that have room; see `draw_silent`."""
    if not _takes(index):
        return None
    pixel, t0_us = _integers(pixel), _integers(t0_us)
    n = len(pixel)
    columns, kept = np.empty((4, n), np.int64), ctypes.c_int64()
    native.function("event_silence")(
        _of(index), *_pointers(pixel, t0_us), _long(n), _long(dead_us), _long(index.last_us), _long(longest_us),
        *_pointers(*columns), ctypes.byref(kept),
    )  # fmt: skip
    pixel, t0_us, t1_first, t1_last = columns[:, : kept.value]
    return pixel, t0_us, t1_first, t1_last


def _takes(index: Index) -> bool:
    """Whether the kernels take this index: as `PixelIndex.build` makes it, of fewer than 2^31 events."""
    columns = (index.start, np.int64), (index.t_us, np.int64), (index.cum_pos, np.int32)
    return present() and all(_plain(*column) for column in columns)


def _plain(column: np.ndarray, kind: type) -> bool:
    return column.dtype == kind and column.flags.c_contiguous and column.flags.aligned


def _integers(column: np.ndarray) -> np.ndarray:
    column = np.asarray(column)
    return column if _plain(column, np.int64) else np.require(column, np.int64, ["C", "A"])


def _of(index: Index) -> object:
    """The structure of an index, made once for each."""
    if index not in _structures:
        addresses = (column.ctypes.data for column in (index.start, index.t_us, index.cum_pos))
        _structures[index] = _EventIndex(*addresses, index.pixels, len(index))
    return ctypes.byref(_structures[index])


def _pointers(*columns: np.ndarray) -> list[Any]:
    """What ctypes passes as the addresses of arrays: their buffers where it can, as `column.ctypes` is far slower."""
    return [_Bytes.from_buffer(c.data) if c.flags.writeable else ctypes.c_void_p(c.ctypes.data) for c in columns]
