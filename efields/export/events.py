"""Events as a scene carries them: chunks of 16-bit columns in the undistorted pinhole, and the rate over time."""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64

from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.export.cameras import undistorted_pixels
from efields.geometry.camera import Camera

MOST_EVENTS = 5_000_000
"""Largest number of events in a scene; 2 to 4 bytes each in the file."""
CHUNK = 1 << 18
"""Events of a chunk at most."""
LONGEST_GAP_US = 0xFFFF
"""Largest gap between two events that 16 bits of microseconds hold."""
RATE_BINS = 600
"""Bins of the rate curve."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class PackedEvents:
    """The part `events` of a scene document and its blobs."""

    table: dict[str, Any]
    """What the document says."""
    blobs: dict[str, bytes]
    """zlib streams by name."""


def pack_events(
    events: EventStream, camera: Camera, sensor: Sensor, origin_us: int, most: int = MOST_EVENTS
) -> PackedEvents:
    """The first `most` events that fall inside of the pinhole of `camera`, in chunks of the scene format."""
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
        chunks.append({"blob": name, "count": last - first, "t0_s": t0, "t1_s": t1})
    table = {
        "width": camera.width,
        "height": camera.height,
        "c_pos": sensor.c_pos,
        "c_neg": sensor.c_neg,
        "count": len(events),
        "shown": len(t_us),
        "chunks": chunks,
        "note": _note(len(events), len(t_us), seen, chunks[-1]["t1_s"] if chunks else 0.0),
    }
    return PackedEvents(table, blobs)


def rate_table(events: EventStream, origin_us: int, bins: int = RATE_BINS) -> dict[str, Any] | None:
    """Events in even spans of time; None for a stream that takes no time."""
    if len(events) == 0 or events.t_us[-1] <= events.t_us[0]:
        return None
    first, last = int(events.t_us[0]), int(events.t_us[-1]) + 1
    bins = min(bins, last - first)
    edges = first + np.arange(bins + 1, dtype=np.float64) * ((last - first) / bins)
    cuts = np.searchsorted(events.t_us, np.ceil(edges).astype(np.int64), side="left")
    cuts[-1] = len(events)
    bin_s = (last - first) / bins * 1e-6
    return {"t0_s": (first - origin_us) * 1e-6, "bin_s": bin_s, "counts": np.diff(cuts).tolist()}


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
