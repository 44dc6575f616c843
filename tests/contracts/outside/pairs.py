"""A draw: spans over two intervals of a pixel in a row, from an event to the next but one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from efields.draws import EventSource, Source
from efields.events.intervals import Intervals
from efields.ranges import Positive


@dataclass(frozen=True)
class Config:
    """Settings of the draw."""

    of_frames: ClassVar[bool] = False
    share: Positive = 0.5
    """Part of the rays of a step."""

    def build(self, source: Source) -> PairDraw:
        """The draw; raises `InputError` without events."""
        return PairDraw(source.need_events("outside.pairs"))


class PairDraw:
    """Draws events that have two successors at their pixel."""

    rays_each = 2

    def __init__(self, source: EventSource) -> None:
        self.index = source.index
        place = np.arange(len(self.index) - 2)
        self.place = place[place + 2 < self.index.start[self.index.pixel_at(place) + 1]]

    def __call__(self, count: int, rng: np.random.Generator) -> Intervals:
        """`count` spans."""
        place = self.place[rng.integers(0, len(self.place), count)]
        t_us = self.index.t_us
        return self.index.windows(self.index.pixel_at(place), t_us[place], t_us[place + 2])
