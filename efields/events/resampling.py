"""Changes of the pixel raster of a stream, chunk by chunk: crop, rotate, flip, coarser pixels.

`efields.geometry.resampling` does the same to the camera. Chunks come in order of time, their events inside the
sensor; `width` and `height` of each step are the size of the sensor after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from efields.errors import InputError
from efields.events.columns import EventColumns


class Resampling(Protocol):
    """A filter that also changes the size of the sensor."""

    @property
    def name(self) -> str:
        """What the events that it drops are called in a summary."""
        ...

    @property
    def width(self) -> int:
        """Columns of the sensor afterwards."""
        ...

    @property
    def height(self) -> int:
        """Rows of the sensor afterwards."""
        ...

    def __call__(self, events: EventColumns) -> EventColumns:
        """What becomes of the next chunk."""
        ...


@dataclass(frozen=True)
class Crop:
    """Keeps the events of a rectangle, whose first pixel becomes (0, 0)."""

    x0: int
    """First column that stays."""
    y0: int
    """First row that stays."""
    width: int
    """Columns that stay."""
    height: int
    """Rows that stay."""
    name: str = "outside the crop"

    def checked(self, width: int, height: int) -> Crop:
        """Itself. Raises `InputError` unless the rectangle lies on a sensor of that size."""
        inside = self.x0 >= 0 and self.y0 >= 0 and self.width >= 1 and self.height >= 1
        if not (inside and self.x0 + self.width <= width and self.y0 + self.height <= height):
            rectangle = f"{self.width} x {self.height} at ({self.x0}, {self.y0})"
            raise InputError(f"a crop of {rectangle} does not lie on the sensor of {width} x {height} pixels")
        return self

    def __call__(self, events: EventColumns) -> EventColumns:
        """The events of the next chunk inside the rectangle."""
        inside = (events.x >= self.x0) & (events.x < self.x0 + self.width)
        inside &= (events.y >= self.y0) & (events.y < self.y0 + self.height)
        x, y, t_us, polarity = events.take(inside)
        return EventColumns(x - np.uint16(self.x0), y - np.uint16(self.y0), t_us, polarity)


@dataclass(frozen=True)
class Rotate:
    """Rotates the image clockwise in steps of 90 degrees."""

    turns: Literal[1, 2, 3]
    """Quarter turns."""
    old_width: int
    """Columns of the sensor before."""
    old_height: int
    """Rows of the sensor before."""
    name: str = "lost in rotating"

    @property
    def width(self) -> int:
        """Columns of the sensor afterwards."""
        return self.old_height if self.turns % 2 else self.old_width

    @property
    def height(self) -> int:
        """Rows of the sensor afterwards."""
        return self.old_width if self.turns % 2 else self.old_height

    def __call__(self, events: EventColumns) -> EventColumns:
        """The next chunk, turned: a quarter turn takes (x, y) to (height - 1 - y, x)."""
        right, bottom = np.uint16(self.old_width - 1), np.uint16(self.old_height - 1)
        if self.turns == 1:
            return EventColumns(bottom - events.y, events.x, events.t_us, events.polarity)
        if self.turns == 2:
            return EventColumns(right - events.x, bottom - events.y, events.t_us, events.polarity)
        return EventColumns(events.y, right - events.x, events.t_us, events.polarity)


@dataclass(frozen=True)
class Flip:
    """Mirrors the image."""

    axis: Literal["horizontal", "vertical"]
    """Whether left and right are exchanged, or top and bottom."""
    width: int
    """Columns of the sensor."""
    height: int
    """Rows of the sensor."""
    name: str = "lost in flipping"

    def __call__(self, events: EventColumns) -> EventColumns:
        """The next chunk, mirrored."""
        if self.axis == "horizontal":
            return EventColumns(np.uint16(self.width - 1) - events.x, events.y, events.t_us, events.polarity)
        return EventColumns(events.x, np.uint16(self.height - 1) - events.y, events.t_us, events.polarity)


@dataclass
class Downsample:
    """Joins blocks of `factor` x `factor` pixels into one; blocks at the right and lower border may be smaller.

    Without `accumulate` every event stays, in its block's pixel. With it a block adds the polarities of its events and
    sends one event of that sign each time the sum has changed by the number of its pixels: what a pixel of that size
    would see, as its log intensity is about the mean of theirs.
    """

    factor: int
    """Side of a block, pixels."""
    old_width: int
    """Columns of the sensor before."""
    old_height: int
    """Rows of the sensor before."""
    accumulate: bool = False
    """Whether a block waits until its mean has changed by one threshold."""
    name: str = "joined by downsampling"

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise InputError(f"downsampling by {self.factor}", do="give a whole number of at least 1")
        columns = np.minimum(self.factor, self.old_width - self.factor * np.arange(self.width))
        rows = np.minimum(self.factor, self.old_height - self.factor * np.arange(self.height))
        self._pixels = (rows[:, None] * columns).reshape(-1).astype(np.int64)
        self._sum = np.zeros(self._pixels.size, dtype=np.int64)

    @property
    def width(self) -> int:
        """Columns of the sensor afterwards."""
        return -(-self.old_width // self.factor)

    @property
    def height(self) -> int:
        """Rows of the sensor afterwards."""
        return -(-self.old_height // self.factor)

    def __call__(self, events: EventColumns) -> EventColumns:
        """What the blocks send in the time of the next chunk."""
        size = np.uint16(self.factor) if self.factor <= np.iinfo(np.uint16).max else None
        x, y = (np.zeros_like(c) if size is None else c // size for c in (events.x, events.y))
        joined = EventColumns(x, y, events.t_us, events.polarity)
        return joined.take(self._crossings(joined)) if self.accumulate and joined.count else joined

    def _crossings(self, events: EventColumns) -> np.ndarray:
        """Indices, increasing, of the events by which a block's sum changes by its number of pixels.

        The sum moves by one, and an event is sent where it meets a multiple of that number other than the one it met
        last, so only such meetings need to be looked at.
        """
        block = events.y.astype(np.int64) * self.width + events.x
        order = np.argsort(block, kind="stable")
        block, step = block[order], np.where(events.polarity[order], 1, -1)
        starts = np.flatnonzero(np.concatenate(([True], block[1:] != block[:-1])))
        lengths = np.diff(np.append(starts, len(block)))
        total = np.cumsum(step)
        before = total[starts] - step[starts] - self._sum[block[starts]]
        total -= np.repeat(before, lengths)
        meets = np.flatnonzero(total % self._pixels[block] == 0)
        level, owner = total[meets] // self._pixels[block[meets]], block[meets]
        same = np.concatenate(([False], owner[1:] == owner[:-1]))
        previous = np.where(same, np.concatenate(([0], level[:-1])), 0)
        # What is left over counts from the multiple that was met last.
        ends = starts + lengths - 1
        self._sum[block[ends]] = total[ends]
        last = np.flatnonzero(np.concatenate((~same[1:], [True]))) if len(meets) else meets
        self._sum[owner[last]] -= level[last] * self._pixels[owner[last]]
        return np.sort(order[meets[level != previous]])
