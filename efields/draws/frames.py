"""Single pixels of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from efields.draws import FramePixels, Source
from efields.ranges import Positive, check_ranges
from efields.recordings.recording import Views


@dataclass(frozen=True)
class Config:
    """Settings of the draw of pixels of frames."""

    of_frames: ClassVar[bool] = True
    share: Positive = 0.3
    """Weight of this draw in the rays of a step, relative to the other draws."""

    __post_init__ = check_ranges

    def build(self, source: Source) -> FrameDraw:
        """The draw; raises `InputError` without frames."""
        return FrameDraw(source.need_frames("frames"))


class FrameDraw:
    """Draws the same number of pixels from each image, whatever its size."""

    rays_each: ClassVar[int] = 1

    def __init__(self, frames: Views) -> None:
        self.pixels_of = np.diff(frames.first_pixel)

    def __call__(self, count: int, rng: np.random.Generator) -> FramePixels:
        """`count` pixels."""
        view = rng.integers(0, len(self.pixels_of), count)
        return FramePixels(view, rng.integers(0, self.pixels_of[view]))
