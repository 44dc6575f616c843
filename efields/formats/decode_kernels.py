"""Compiled decoding of event files: the same events as the numpy versions in its callers.

Every function gives None where the kernels are not compiled; the caller goes on in numpy.
"""

from __future__ import annotations

import ctypes

import numpy as np

from efields import native
from efields.events.columns import EventColumns
from efields.events.kernels import present

_long = ctypes.c_int64
Decoded = tuple[EventColumns, np.ndarray, np.ndarray]
"""Events, times of triggers, and whether they rise."""


def evt(name: str, words: np.ndarray, state: np.ndarray) -> Decoded | None:
    """Words of the decoder that the kernel `name` equals, after those that led to `state`, which is carried on."""
    if not present():
        return None
    counts = np.zeros(2, np.int64)
    native.function(f"{name}_count")(_at(words), _long(len(words)), _at(counts))
    columns = _columns(int(counts[0]) + 1)  # kernels write one event ahead
    t_us, rising = np.empty(counts[1], np.int64), np.empty(counts[1], np.bool_)
    native.function(name)(
        _at(words), _long(len(words)), *map(_at, (state, *columns, t_us, rising, counts)),
    )  # fmt: skip
    return columns.take(slice(int(counts[0]))), t_us[: counts[1]], rising[: counts[1]]


def event_stream(data: np.ndarray, atis: bool, state: np.ndarray) -> tuple[EventColumns, int] | None:
    """Events of these bytes, rows as stored, and how many bytes they are; see `event_stream_bytes`."""
    if not present():
        return None
    counts = np.zeros(2, np.int64)
    columns = _columns(len(data) // 5)
    native.function("event_stream")(
        _at(data), _long(len(data)), int(atis), *map(_at, (state, *columns, counts)),
    )  # fmt: skip
    return columns.take(slice(int(counts[0]))), int(counts[1])


def _columns(count: int) -> EventColumns:
    return EventColumns(
        np.empty(count, np.uint16), np.empty(count, np.uint16), np.empty(count, np.int64), np.empty(count, np.bool_)
    )


def _at(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
