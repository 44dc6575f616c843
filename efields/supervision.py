"""What a loss compares: what the field predicts beside what the sensor said, for one step."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from efields.render.renderer import Rendered


@dataclass(frozen=True)
class IntervalSupervision:
    """Spans of time at single pixels, rendered at both ends."""

    predicted: Float[Tensor, " n"]
    """Change of log radiance over each interval as the field renders it, in the pixel's own colour channel."""
    observed: Float[Tensor, " n"]
    """Change of log intensity that the sensor reported: c_pos * n_pos - c_neg * n_neg."""
    events: Int[Tensor, " n"]
    """Events inside each interval, both polarities together."""
    starts_at_event: Bool[Tensor, " n"]
    """Whether the interval starts where its pixel's reference level was last set, at an event."""
    c_pos: Float[Tensor, ""]
    """Contrast threshold of positive events, in log intensity."""
    c_neg: Float[Tensor, ""]
    """Contrast threshold of negative events, in log intensity, > 0."""

    @property
    def c_mean(self) -> Float[Tensor, ""]:
        """Mean threshold: the unit in which residuals are measured."""
        return 0.5 * (self.c_pos + self.c_neg)

    def split(self, sizes: list[int]) -> list[IntervalSupervision]:
        """Consecutive parts of these sizes."""
        columns = (self.predicted, self.observed, self.events, self.starts_at_event)
        parts = zip(*(column.split(sizes) for column in columns), strict=True)
        return [IntervalSupervision(p, o, e, s, self.c_pos, self.c_neg) for p, o, e, s in parts]


@dataclass(frozen=True)
class FrameSupervision:
    """Pixels of the camera's own frames."""

    predicted: Float[Tensor, "n c"]
    """Intensity that the field predicts, through the learned gain and offset of the frames' log intensity."""
    observed: Float[Tensor, "n c"]
    """Intensity of the frame."""


@dataclass(frozen=True)
class Supervision:
    """All that one loss may look at."""

    intervals: IntervalSupervision | None
    """The intervals that the loss asked for by `draws`; None for a loss that asked for none."""
    frames: FrameSupervision | None
    """Frame pixels, for a loss with `draws = "frames"`."""
    rendered: Rendered
    """Every ray that was rendered in this step."""
    extent: float
    """Diagonal of the field's box in world units, which makes distances comparable between scenes."""
