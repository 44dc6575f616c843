"""Square patches of pixels of frames, for losses that compare structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from efields.draws import FramePixels, Source
from efields.errors import InputError
from efields.ranges import Positive, Range, check_ranges
from efields.recordings.recording import Views


@dataclass(frozen=True)
class Config:
    """Settings of the draw of patches."""

    of_frames: ClassVar[bool] = True
    share: Positive = 0.3
    """Weight of this draw in the rays of a step, relative to the other draws."""
    side: Annotated[int, Range(2, 256)] = 8
    """Pixels along each side of a patch."""

    __post_init__ = check_ranges

    def build(self, source: Source) -> PatchDraw:
        """The draw; raises `InputError` without frames, or for patches larger than one of them."""
        return PatchDraw(source.need_frames("patches"), self.side)


class PatchDraw:
    """Draws the same number of patches from each image, at positions inside it."""

    rays_each: ClassVar[int] = 1

    def __init__(self, frames: Views, side: int) -> None:
        self.side = side
        sizes = np.array([(camera.width, camera.height) for camera in frames.cameras])[frames.camera_of]
        self.width, self.height = sizes[:, 0], sizes[:, 1]
        least = int(sizes.min(initial=side))
        if least < side:
            raise InputError(
                f"a frame of {least} pixels along one side cannot contain a patch of {side}", do="lower draws side"
            )

    def __call__(self, count: int, rng: np.random.Generator) -> FramePixels:
        """The pixels of about `count / side ** 2` whole patches, patch by patch, row by row."""
        side, patches = self.side, max(1, count // self.side**2)
        view = rng.integers(0, len(self.width), patches)
        x, y = (rng.integers(0, sizes[view] - side + 1) for sizes in (self.width, self.height))
        row, column = np.divmod(np.arange(side**2), side)
        pixel = (y[:, None] + row) * self.width[view][:, None] + x[:, None] + column
        return FramePixels(np.repeat(view, side**2), pixel.reshape(-1), side)
