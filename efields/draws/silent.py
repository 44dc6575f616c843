"""Intervals in which a pixel has no event, which bound how far its brightness can have moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from efields.draws import EventSource, Source
from efields.events.draws import draw_silent
from efields.events.intervals import Intervals
from efields.ranges import Positive, check_ranges


@dataclass(frozen=True)
class Config:
    """Settings of the draw of silent intervals, the longest as long as the longest windows."""

    of_frames: ClassVar[bool] = False
    share: Positive = 0.05
    """Weight of this draw in the rays of a step, relative to the other draws."""

    __post_init__ = check_ranges

    def build(self, source: Source) -> SilentDraw:
        """The draw; raises `InputError` without events."""
        return SilentDraw(source.need_events("silent"))


@dataclass(frozen=True)
class SilentDraw:
    """Draws silence after events and at any other time, half of each."""

    source: EventSource
    """The events."""
    rays_each: ClassVar[int] = 2

    def __call__(self, count: int, rng: np.random.Generator) -> Intervals:
        """`count` intervals, fewer where there is little silence."""
        source = self.source
        return draw_silent(source.index, source.stream, count, rng, source.refractory_us, source.longest_us)
