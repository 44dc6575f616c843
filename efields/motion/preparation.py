"""Preparation of events before motion estimation, the same for all models."""

from __future__ import annotations

import numpy as np

from efields.errors import InputError
from efields.events.statistics import hot_pixels
from efields.events.stream import EventStream
from efields.motion.flicker import flicker


def prepared(events: EventStream, least_events: int, drop_hot_pixels: bool) -> tuple[EventStream, list[str]]:
    """Events without hot pixels, and what a user should know about them, one sentence each.

    Raises `InputError` when fewer than `least_events` are left.
    """
    notes: list[str] = []
    count = len(events)
    if drop_hot_pixels and len(hot := hot_pixels(events)):
        events = events[~np.isin(events.pixel, hot)]
        left_out = f"1 hot pixel and its {count - len(events):,} events" if len(hot) == 1 else (
            f"{len(hot)} hot pixels and their {count - len(events):,} events"
        )  # fmt: skip
        notes.append(f"{left_out} are left out.")
    if len(events) < least_events:
        held = "1 event is" if len(events) == 1 else f"{len(events):,} events are"
        without = f" ({notes[0].removesuffix('.')})" if notes else ""
        raise InputError(f"{held} too few to estimate motion{without}", do=f"give at least {least_events:,}")
    if (found := flicker(events)) is not None:
        notes.append(
            f"The light flickers at {found.hz:.0f} Hz ({100 * found.share:.0f} % of the signed events): "
            "where that is stronger than motion, the estimate follows the light."
        )
    return events, notes
