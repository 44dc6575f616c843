"""What a conversion changes of a recording, as a user says it; light, as commands make their flags of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from efields.errors import InputError
from efields.ranges import NotNegative, Positive, Range


@dataclass(frozen=True)
class Changes:
    """Filters, changes of the pixels and changes of the times; none of them if not asked for."""

    crop: str | None = None
    """Rectangle that stays: `x,y,width,height` in pixels."""
    start: NotNegative | None = None
    """Seconds after the first event at which the slice of time begins."""
    stop: Positive | None = None
    """Seconds after the first event at which it ends."""
    downsample: Annotated[int, Range(1, 16384)] = 1
    """Join blocks of this many pixels a side."""
    accumulate: bool = False
    """With --downsample: a block sends an event when its mean has changed by one threshold, not for every event."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Turn the picture clockwise, degrees."""
    flip: Literal["none", "horizontal", "vertical"] = "none"
    """Exchange left and right, or top and bottom."""
    hot_pixels: bool = False
    """Drop pixels that fire far more than their neighbours, found in a pass before."""
    hot_rate_hz: Positive | None = None
    """Drop pixels that fire more than this many events a second on average."""
    background_us: Annotated[int, Range(0, 10**15)] | None = None
    """Drop events none of whose eight neighbours had an event in so many microseconds before."""
    refractory_us: Annotated[int, Range(0, 10**15)] | None = None
    """Drop events that follow the last one kept of their pixel in less than so many microseconds."""
    thin: Annotated[int, Range(1, 10**12)] = 1
    """Keep one of so many events."""
    from_zero: bool = False
    """Move all times so that the first event that is left is at 0."""
    shift: Annotated[float, Range(-(10**12), 10**12)] = 0.0
    """Seconds that are added to all times, after --from-zero."""

    @property
    def needs_counts(self) -> bool:
        """Whether a first pass over all events is needed."""
        return self.hot_pixels or self.hot_rate_hz is not None

    @property
    def rectangle(self) -> tuple[int, int, int, int] | None:
        """First column, first row, columns and rows that stay. Raises `InputError` for anything else in `crop`."""
        if self.crop is None:
            return None
        try:
            x, y, width, height = (int(word) for word in self.crop.split(","))
        except ValueError:
            do = "give x,y,width,height: four whole numbers of pixels"
            raise InputError(f"--crop is '{self.crop}'", do=do) from None
        return x, y, width, height

    def check(self) -> None:
        """Raise `InputError` for a rectangle that is none, and a slice of time without time in it."""
        _ = self.rectangle
        if self.start is not None and self.stop is not None and self.start >= self.stop:
            raise InputError("--start and --stop hold no time between them", do="give a later --stop")
