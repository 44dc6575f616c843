"""Builds the columns of a `PixelIndex`: in memory, or part by part in files."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from efields.events import kernels, scratch
from efields.events.stream import EventStream

_CHUNK = 1 << 22
"""Events that are dealt out together."""

Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
"""t_us [n], cum_pos [n + 1] and start [pixels + 1] of a `PixelIndex`."""


def columns_in_memory(stream: EventStream) -> Columns:
    """Sorted at once: by compiled kernels, or by numpy without a loop over events."""
    found = kernels.index_columns(stream)
    if found is not None:
        return found
    order = _pixel_order(stream)
    start = np.zeros(stream.pixels + 1, dtype=np.int64)
    np.cumsum(np.bincount(stream.pixel, minlength=stream.pixels), out=start[1:])
    cum_pos = np.zeros(len(stream) + 1, dtype=_counter(len(stream)))
    np.cumsum(stream.polarity[order], out=cum_pos[1:])
    return stream.t_us[order], cum_pos, start


def columns_in_files(stream: EventStream, part_events: int | None = None) -> Columns:
    """Sorted in two passes over the stream, in constant memory; the columns lie in files.

    The first pass counts the events of each pixel. The second deals them to runs of neighbouring pixels, each of about
    `part_events` events (default `scratch.IN_MEMORY / 4`), in files; each run is then indexed in memory.
    """
    start = np.zeros(stream.pixels + 1, dtype=np.int64)
    for piece in scratch.pieces(len(stream), _CHUNK, stream.x, stream.y):
        start[1:] += np.bincount(stream[piece].pixel, minlength=stream.pixels)
    np.cumsum(start, out=start)
    parts = _parts(start, part_events or scratch.IN_MEMORY // 4)
    files = scratch.Scratch()
    dealt = _dealt(stream, parts, files)
    t_us, cum_pos = files.column(np.int64), files.column(_counter(len(stream)))
    ons = 0
    cum_pos.append(np.zeros(1))
    for number, columns in enumerate(dealt):
        x, y, t, polarity = (column.array() for column in columns)
        part = EventStream(x, y, t, polarity, stream.width, stream.height)  # the whole sensor, for its numbering
        part_t, part_cum, _ = columns_in_memory(part)
        t_us.append(part_t)
        cum_pos.append(part_cum[1:] + np.int64(ons))
        ons += int(part_cum[-1])
        dealt[number] = ()
    return t_us.array(), cum_pos.array(), start


def _parts(start: Int64[np.ndarray, " bounds"], part_events: int) -> Int64[np.ndarray, " parts"]:
    """First pixels of runs of pixels with about so many events each, and the end of the last."""
    count = -(-int(start[-1]) // part_events)
    borders = np.searchsorted(start, np.linspace(0, start[-1], count + 1)[1:-1])
    return np.unique(np.concatenate([[0], borders, [len(start) - 1]])).astype(np.int64)


def _dealt(stream: EventStream, parts: np.ndarray, files: scratch.Scratch) -> list[tuple[scratch.Column, ...]]:
    """The events of each run of pixels, in order of time, as columns x, y, t_us and polarity in files."""
    types = (np.uint16, np.uint16, np.int64, np.bool_)
    dealt: list[tuple[scratch.Column, ...]] = [tuple(map(files.column, types)) for _ in parts[1:]]
    for piece in scratch.pieces(len(stream), _CHUNK, stream.x, stream.y, stream.t_us, stream.polarity):
        chunk = stream[piece]
        part = (np.searchsorted(parts, chunk.pixel, side="right") - 1).astype(np.uint16)
        chunk = chunk[np.argsort(part, kind="stable")]
        ends = np.cumsum(np.bincount(part, minlength=len(dealt)))
        for number, columns in enumerate(dealt):
            here = slice(int(ends[number - 1]) if number else 0, int(ends[number]))
            if here.stop > here.start:
                for column, values in zip(columns, (chunk.x, chunk.y, chunk.t_us, chunk.polarity), strict=True):
                    column.append(values[here])
    return dealt


def _counter(events: int) -> type:
    return np.int32 if events < 2**31 else np.int64


def _pixel_order(stream: EventStream) -> Int64[np.ndarray, " n"]:
    """Order of the events by pixel, then time: numpy sorts uint16 stably by radix, first by column, then by row."""
    if stream.pixels <= 2**16 and stream.width < 2**16:
        return np.argsort(stream.y * np.uint16(stream.width) + stream.x, kind="stable")
    by_column = np.argsort(stream.x, kind="stable")
    return by_column[np.argsort(stream.y[by_column], kind="stable")]
