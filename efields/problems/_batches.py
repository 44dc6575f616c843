"""What one step compares: intervals of events and pixels of frames, drawn by the shares that losses ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from efields.events import scratch
from efields.events.draws import draw_count_windows, draw_event_intervals, draw_silent
from efields.events.intervals import Intervals, PixelIndex
from efields.events.stream import EventStream
from efields.problems._frames import FrameLooks, FramePixels
from efields.ranges import Positive, check_ranges

_GIVE_BACK_EVERY = 2
"""Steps; reading at random, a batch maps some 200 MB, as the system maps the neighbours of what is read."""


@dataclass(frozen=True)
class Shares:
    """How the rays of a step are divided among the draws that losses ask for; they need not sum to one."""

    events: Positive = 0.15
    """Intervals between two events of a pixel."""
    windows: Positive = 0.8
    """Windows of many events."""
    silent: Positive = 0.05
    """Intervals without an event."""
    frames: Positive = 0.3
    """Pixels of frames."""

    __post_init__ = check_ranges


Batch = dict[str, Intervals | FramePixels]
"""What was drawn, by the draw that losses ask for."""


@dataclass(frozen=True)
class BatchDraws:
    """Everything that draws need; each batch is a function of the number of rays and a generator alone."""

    shares: Shares
    """How rays are divided."""
    index: PixelIndex
    """The events by pixel."""
    events: EventStream
    """The events by time."""
    refractory_us: float
    """Blind time after an event, which silent intervals outlast."""
    window_events: int
    """Events of the whole sensor in the longest windows."""
    windows_at_events: bool
    """Whether windows are moved to events of their own pixels."""
    longest_silent_us: int
    """Length of the longest silent intervals."""
    known_direction: np.ndarray | None
    """bool[p]: whether the lens distortion of each pixel can be undone; None when all can."""
    frames: FrameLooks | None
    """The frames that may be trained on."""

    def draw(self, draws: Iterable[str], rays: int, rng: np.random.Generator) -> Batch:
        """A batch of about `rays` rays for the named draws; an interval costs two rays."""
        names = sorted(set(draws) - {""})
        share = {name: float(getattr(self.shares, name)) for name in names}
        total = sum(share.values())
        each = {name: 1 if name == "frames" else 2 for name in names}
        return {name: self._drawn(name, max(int(rays * share[name] / total / each[name]), 1), rng) for name in names}

    def after_step(self, step: int) -> None:
        """Now and then give back what reading here and there in a recording larger than memory has mapped."""
        if step % _GIVE_BACK_EVERY == 0 and len(self.events) > scratch.IN_MEMORY:
            events, index = self.events, self.index
            scratch.give_back(events.x, events.y, events.t_us, events.polarity, index.t_us, index.cum_pos)

    def _drawn(self, name: str, n: int, rng: np.random.Generator) -> Intervals | FramePixels:
        if name == "frames":
            assert self.frames is not None
            return self.frames.draw(n, rng)
        if name == "events":
            drawn = draw_event_intervals(self.index, n, rng, self.refractory_us)
        elif name == "windows":
            drawn = draw_count_windows(
                self.index, self.events, n, rng, n_max=self.window_events, at_events=self.windows_at_events
            )
        else:
            drawn = draw_silent(self.index, self.events, n, rng, self.refractory_us, self.longest_silent_us)
        if self.known_direction is None:
            return drawn
        return drawn.take(np.flatnonzero(self.known_direction[drawn.pixel]))
