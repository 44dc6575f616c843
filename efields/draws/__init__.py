"""Which samples of a recording a step uses; each file has one `Config` whose `build` makes a draw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Protocol, TypeAlias

import numpy as np
from jaxtyping import Int64

from efields.errors import InputError
from efields.events.intervals import Intervals, PixelIndex
from efields.events.stream import EventStream
from efields.recordings.recording import Views


@dataclass(frozen=True)
class FramePixels:
    """Pixels drawn from frames."""

    view: Int64[np.ndarray, " n"]
    """Index of the frame."""
    pixel: Int64[np.ndarray, " n"]
    """Row-major pixel of the frame."""
    patch: int = 1
    """Side of the patches that the pixels form, `patch ** 2` pixels each, row by row."""


Drawn: TypeAlias = Intervals | FramePixels
"""The result of a draw: spans of time at pixels of the event camera, or pixels of frames."""


@dataclass(frozen=True)
class EventSource:
    """The events that may be trained on."""

    stream: EventStream
    """By time."""
    index: PixelIndex
    """By pixel."""
    refractory_us: float
    """Blind time after an event, which silent intervals outlast."""
    longest_events: int
    """Events of the whole sensor while the image moves as far as the longest intervals should span."""

    @cached_property
    def longest_us(self) -> int:
        """Length of the longest intervals, microseconds."""
        return max(int(1e6 * self.longest_events / max(self.stream.rate_hz, 1e-9)), 2)


@dataclass(frozen=True)
class Source:
    """What draws draw from."""

    events: EventSource | None
    """Events; None where a problem looks at images alone."""
    frames: Views | None
    """Frames that may be trained on."""

    def need_events(self, name: str) -> EventSource:
        """The events; raises `InputError` where there are none for the draw `name`."""
        if self.events is None:
            raise InputError(f"the draw {name} is of events, but this problem uses only images", do=_OTHERWISE)
        return self.events

    def need_frames(self, name: str) -> Views:
        """The frames; raises `InputError` where there are none for the draw `name`."""
        if self.frames is None:
            raise InputError(f"the draw {name} is of frames, but none may be trained on", do=_FRAMES)
        return self.frames


_OTHERWISE = 'remove the loss that asks for it, or set problem.kind = "event_radiance"'
_FRAMES = "set problem.frames = true for a recording that has frames, or remove the loss that asks for it"


class Draw(Protocol):
    """Draws from a recording; what it gives depends on the count and the generator alone."""

    rays_each: int
    """Rays that one drawn interval or pixel takes: two ends of an interval, one of a pixel."""

    def __call__(self, count: int, rng: np.random.Generator) -> Drawn:
        """About `count` intervals or pixels, at least one."""
        ...


class DrawConfig(Protocol):
    """Settings of a draw: a frozen dataclass, a `[draws.NAME]` table of a config."""

    of_frames: ClassVar[bool]
    """Whether it draws from frames, else from events."""

    @property
    def share(self) -> float:
        """Its part of the rays of a step, relative to those of the other draws."""
        ...

    def build(self, source: Source) -> Draw:
        """The draw; raises `InputError` for a recording that lacks what it draws from."""
        ...
