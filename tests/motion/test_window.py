"""Windows of events: those that overlap share events, which count once."""

from __future__ import annotations

import numpy as np

from efields.events.stream import EventStream
from efields.motion.window import distinct_events


def test_events_of_overlapping_windows_count_once() -> None:
    t_us = np.array([0, 10, 10, 10, 20, 30, 40, 50])
    events = EventStream.from_arrays(np.zeros(8), np.zeros(8), t_us, np.ones(8, bool), 2, 2)
    for spans, count in (
        ([(0, 50)], 8),
        ([(0, 50), (0, 50)], 8),
        ([(0, 10), (10, 20)], 5),  # both hold the three events at 10
        ([(0, 20), (10, 40)], 7),
        ([(0, 0), (50, 50)], 2),
        ([(5, 9)], 0),
        ([(10, 30), (12, 18)], 5),
    ):
        assert distinct_events(events, spans) == count
