"""Windows of many events of the whole sensor, which tie pixels together over long baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from efields.draws import EventSource, Source
from efields.events.draws import draw_count_windows
from efields.events.intervals import Intervals
from efields.ranges import Positive, check_ranges


@dataclass(frozen=True)
class Config:
    """Settings of the draw of windows, the longest of which span `problem.window_motion_px` of image motion."""

    of_frames: ClassVar[bool] = False
    share: Positive = 0.8
    """Weight of this draw in the rays of a step, relative to the other draws."""
    at_events: bool = True
    """Whether windows are moved to events of their own pixels, between which counts are exact."""

    __post_init__ = check_ranges

    def build(self, source: Source) -> WindowDraw:
        """The draw; raises `InputError` without events."""
        return WindowDraw(source.need_events("windows"), self.at_events)


@dataclass(frozen=True)
class WindowDraw:
    """Draws windows by a number of events, so that their length follows the motion."""

    source: EventSource
    """The events."""
    at_events: bool
    """Whether windows are moved to events of their own pixels."""
    rays_each: ClassVar[int] = 2

    def __call__(self, count: int, rng: np.random.Generator) -> Intervals:
        """`count` windows."""
        source = self.source
        return draw_count_windows(
            source.index, source.stream, count, rng, n_max=source.longest_events, at_events=self.at_events
        )
