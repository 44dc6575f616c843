"""Statistics of an event stream: balance of polarities, hot pixels."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from efields.events.columns import CHUNK
from efields.events.scratch import pieces
from efields.events.stream import EventStream

_NEIGHBOURS = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0))


def positive_share(stream: EventStream) -> float:
    """Share of ON events, 0 to 1; NaN for an empty stream."""
    return float(np.count_nonzero(stream.polarity)) / len(stream) if len(stream) else float("nan")


def event_counts(stream: EventStream) -> Int64[np.ndarray, "h w"]:
    """Events of each pixel, both polarities together."""
    counts = np.zeros(stream.pixels, np.int64)
    for piece in pieces(len(stream), CHUNK, *map(np.asarray, (stream.x, stream.y))):
        counts += np.bincount(stream[piece].pixel, minlength=stream.pixels)
    return counts.reshape(stream.height, stream.width)


def hot_pixels(stream: EventStream, sigmas: float = 6.0) -> Int64[np.ndarray, " k"]:
    """Raster indices of pixels that fire far more than all but one of their eight neighbours (`hot_pixels_of`)."""
    return hot_pixels_of(event_counts(stream), sigmas)


def hot_pixels_note(count: int) -> tuple[str, ...]:
    """A sentence on so many hot pixels; none where there are none."""
    if count == 0:
        return ()
    fire = f"{count:,} pixels fire" if count > 1 else "One pixel fires"
    return (f"{fire} far more than neighbouring pixels: efields convert --hot-pixels removes such pixels.",)


def hot_pixels_of(counts: Int64[np.ndarray, "h w"], sigmas: float = 6.0) -> Int64[np.ndarray, " k"]:
    """Raster indices of pixels whose count of events is far above all but one of their eight neighbours.

    Square roots of counts, `z = 2 sqrt(n + 3/8)`, have the same noise everywhere (Anscombe, Biometrika 1948). A pixel
    is hot where its `z` exceeds the second largest of its neighbours by `sigmas` times the spread of that difference
    over all pixels near events: 1.4826 times its median absolute deviation, at least the 1 of pure counting noise. The
    second largest, since an edge passes on to two neighbours at least, while hot pixels come alone or in pairs (the
    very tip of a line one pixel wide looks like one of a pair, and is taken for it).
    """
    root = 2.0 * np.sqrt(counts + 0.375)
    padded = np.pad(root, 1, constant_values=root.min())
    height, width = counts.shape
    around = np.stack([padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy, dx in _NEIGHBOURS])
    around.partition(6, axis=0)  # sorts the seventh and eighth of eight into place
    excess = root - around[6]
    near = (counts > 0) | (around[7] > root.min()) if (counts == 0).any() else np.ones_like(counts, dtype=bool)
    if not near.any():
        return np.zeros(0, dtype=np.int64)
    spread = 1.4826 * float(np.median(np.abs(excess[near] - np.median(excess[near]))))
    return np.flatnonzero(excess.reshape(-1) > sigmas * max(1.0, spread)).astype(np.int64)
