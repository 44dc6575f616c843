"""Intervals between two events of a pixel, the tightest constraint that an event camera gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from efields.draws import EventSource, Source
from efields.events.draws import draw_event_intervals
from efields.events.intervals import Intervals
from efields.ranges import Positive, check_ranges


@dataclass(frozen=True)
class Config:
    """Settings of the draw of event intervals."""

    of_frames: ClassVar[bool] = False
    share: Positive = 0.15
    """Weight of this draw in the rays of a step, relative to the other draws."""

    __post_init__ = check_ranges

    def build(self, source: Source) -> EventDraw:
        """The draw; raises `InputError` without events."""
        return EventDraw(source.need_events("events"))


@dataclass(frozen=True)
class EventDraw:
    """Draws intervals uniformly over events, so that fast parts of a motion are drawn more often."""

    source: EventSource
    """The events."""
    rays_each: ClassVar[int] = 2

    def __call__(self, count: int, rng: np.random.Generator) -> Intervals:
        """`count` intervals."""
        return draw_event_intervals(self.source.index, count, rng, self.source.refractory_us)
