"""What a conversion changes in a recording, as given by the user; imports little, as flags are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from efields.errors import InputError
from efields.ranges import NotNegative, Positive, Range


@dataclass(frozen=True)
class Changes:
    """Filters, changes of pixels and changes of times; none by default."""

    crop: str | None = None
    """Rectangle to keep: `x,y,width,height` in pixels."""
    start: NotNegative | None = None
    """Start of the part to convert, in seconds after the first event."""
    stop: Positive | None = None
    """End of the part to convert, in seconds after the first event."""
    downsample: Annotated[int, Range(1, 16384)] = 1
    """Combine blocks of this many pixels a side."""
    accumulate: bool = False
    """With --downsample: a block emits an event when its mean has changed by one threshold, not for every event."""
    rotate: Literal[0, 90, 180, 270] = 0
    """Rotate the image clockwise, degrees."""
    flip: Literal["none", "horizontal", "vertical"] = "none"
    """Mirror left-right or top-bottom."""
    hot_pixels: bool = False
    """Drop hot pixels (far more events than their neighbours), detected in a first pass."""
    hot_rate_hz: Positive | None = None
    """Drop pixels with more than this many events per second on average."""
    background_us: Annotated[int, Range(0, 10**15)] | None = None
    """Drop events without an event at one of the eight neighbouring pixels in this many microseconds before."""
    refractory_us: Annotated[int, Range(0, 10**15)] | None = None
    """Drop events that follow the last kept event of their pixel within less than this many microseconds."""
    thin: Annotated[int, Range(1, 10**12)] = 1
    """Keep one of this many events."""
    from_zero: bool = False
    """Shift all times so that the first remaining event is at 0."""
    shift: Annotated[float, Range(-(10**12), 10**12)] = 0.0
    """Seconds added to all times, after --from-zero."""

    @property
    def needs_counts(self) -> bool:
        """Whether a first pass over all events is needed."""
        return self.hot_pixels or self.hot_rate_hz is not None

    @property
    def rectangle(self) -> tuple[int, int, int, int] | None:
        """First column, first row, columns and rows to keep. Raises `InputError` for anything else in `crop`."""
        if self.crop is None:
            return None
        try:
            x, y, width, height = (int(word) for word in self.crop.split(","))
        except ValueError:
            do = "give x,y,width,height: four whole numbers of pixels"
            raise InputError(f"--crop is '{self.crop}'", do=do) from None
        return x, y, width, height

    def check(self) -> None:
        """Raise `InputError` for an invalid rectangle or an empty slice of time."""
        _ = self.rectangle
        if self.start is not None and self.stop is not None and self.start >= self.stop:
            raise InputError("there is no time between --start and --stop", do="give a later --stop")
