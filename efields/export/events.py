"""Events as a scene carries them: chunks of 16-bit columns in the undistorted pinhole, and the rate over time."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, UInt16

from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.export.cameras import undistorted_pixels
from efields.export.contract import CHUNK, EventChunk, EventsDocument, RateDocument
from efields.geometry.camera import Camera

MOST_EVENTS = 5_000_000
"""Largest number of events in a scene; 2 to 4 bytes each in the file."""
LONGEST_GAP_US = 0xFFFF
"""Largest gap between two events that 16 bits of microseconds hold."""
RATE_BINS = 600
"""Bins of the rate curve."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class PackedEvents:
    """The part `events` of a scene document and its blobs."""

    document: EventsDocument
    """What the document says."""
    blobs: dict[str, bytes]
    """zlib streams by name."""


def pack_events(
    events: EventStream,
    camera: Camera,
    sensor: Sensor,
    origin_us: int,
    most: int = MOST_EVENTS,
    *,
    assumed: bool = False,
) -> PackedEvents:
    """The first `most` events that fall inside the pinhole of `camera`, in chunks of the scene format.

    `assumed`: nobody gave the thresholds of `sensor`.
    """
    place = undistorted_pixels(camera)
    x, y, t_us, polarity, seen = _inside(events, place, most)
    chunks, blobs = [], {}
    for number, (first, last) in enumerate(_chunks(t_us)):
        name = f"events-{number}.bin"
        part = slice(first, last)
        dt = np.diff(t_us[part], prepend=t_us[first])
        columns = (x[part] | (polarity[part].astype(np.uint16) << 15), y[part], dt)
        blobs[name] = zlib.compress(b"".join(column.astype("<u2").tobytes() for column in columns), 6)
        t0, t1 = (float(t_us[i] - origin_us) * 1e-6 for i in (first, last - 1))
        chunks.append(EventChunk(name, last - first, t0, t1))
    note = _note(len(events), len(t_us), seen, chunks[-1].t1_s if chunks else 0.0)
    size, thresholds = (camera.width, camera.height), (sensor.c_pos, sensor.c_neg)
    document = EventsDocument(*size, *thresholds, len(events), len(t_us), tuple(chunks), note, assumed)
    return PackedEvents(document, blobs)


def unpack_events(
    chunks: Sequence[EventChunk], columns_of: Callable[[EventChunk], UInt16[np.ndarray, "3 k"]]
) -> tuple[UInt16[np.ndarray, " n"], UInt16[np.ndarray, " n"], Int64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Column, row, microseconds since the origin and polarity of the events of chunks."""
    parts = [(chunk, columns_of(chunk)) for chunk in chunks]
    if not parts:
        return np.zeros(0, np.uint16), np.zeros(0, np.uint16), np.zeros(0, np.int64), np.zeros(0, bool)
    x, y, _ = np.concatenate([columns for _, columns in parts], axis=1)
    t_us = np.concatenate([round(c.t0_s * 1e6) + columns[2].astype(np.int64).cumsum() for c, columns in parts])
    return x & np.uint16(0x7FFF), y, t_us, x >> 15 > 0


def rate_document(events: EventStream, origin_us: int, bins: int = RATE_BINS) -> RateDocument | None:
    """Events in even spans of time; None for a stream that takes no time."""
    if len(events) == 0 or events.t_us[-1] <= events.t_us[0]:
        return None
    first, last = int(events.t_us[0]), int(events.t_us[-1]) + 1
    bins = min(bins, last - first)
    edges = first + np.arange(bins + 1, dtype=np.float64) * ((last - first) / bins)
    cuts = np.searchsorted(events.t_us, np.ceil(edges).astype(np.int64), side="left")
    cuts[-1] = len(events)
    bin_s = (last - first) / bins * 1e-6
    return RateDocument((first - origin_us) * 1e-6, bin_s, tuple(np.diff(cuts).tolist()))


def _inside(
    events: EventStream, place: Int64[np.ndarray, "p 2"], most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Columns of at most `most` events that fall inside, and how many were looked at."""
    parts: list[tuple[np.ndarray, ...]] = []
    kept = seen = 0
    for first in range(0, len(events), _PIECE):
        if kept >= most:
            break
        piece = events[first : first + _PIECE]
        moved = place[piece.pixel]
        keep = np.flatnonzero(moved[:, 0] >= 0)[: most - kept]
        seen = first + (int(keep[-1]) + 1 if kept + len(keep) >= most else len(piece))
        kept += len(keep)
        x, y = moved[keep].astype(np.uint16).T
        parts.append((x, y, piece.t_us[keep], piece.polarity[keep]))
    if not parts:
        return (*(np.zeros(0, kind) for kind in (np.uint16, np.uint16, np.int64, bool)), 0)  # type: ignore[return-value]
    x, y, t_us, polarity = (np.concatenate(column) for column in zip(*parts, strict=True))
    return x, y, t_us, polarity, seen


def _chunks(t_us: Int64[np.ndarray, " n"]) -> list[tuple[int, int]]:
    """Ranges of events without a long gap, none longer than a chunk."""
    if len(t_us) == 0:
        return []
    cuts = [0, *(np.flatnonzero(np.diff(t_us) > LONGEST_GAP_US) + 1).tolist(), len(t_us)]
    ranges = []
    for begin, end in itertools.pairwise(cuts):
        ranges += [(first, min(first + CHUNK, end)) for first in range(begin, end, CHUNK)]
    return ranges


def _note(count: int, shown: int, seen: int, end_s: float) -> str:
    """What is missing, in plain sentences."""
    said = []
    if seen < count:
        said.append(
            f"These are the first {shown:,} of {count:,} events, up to {end_s:.3f} s; the rate counts all of them."
        )
    if shown < seen:
        said.append(f"{seen - shown:,} events fall outside the undistorted image and are left out.")
    return " ".join(said)
