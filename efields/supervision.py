"""What a loss compares: what the field predicts beside what was recorded, for one step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Float64, Int, Int64
from torch import Tensor

from efields.errors import InputError
from efields.geometry.camera_motion import CameraMotion
from efields.geometry.rays import Rays
from efields.render.renderer import Rendered

_KIND = "leave out the kind of that [draws.NAME], or give one that draws what the loss compares"


@dataclass(frozen=True)
class IntervalSupervision:
    """Spans of time at single pixels, rendered at both ends."""

    log_start: Float[Tensor, " n"]
    """Log radiance at the start of each interval as the field renders it, in the pixel's own colour channel."""
    log_end: Float[Tensor, " n"]
    """Log radiance at its end."""
    observed: Float[Tensor, " n"]
    """Change of log intensity that the sensor reported: c_pos * n_pos - c_neg * n_neg."""
    events: Int[Tensor, " n"]
    """Events inside each interval, both polarities together."""
    starts_at_event: Bool[Tensor, " n"]
    """Whether the interval starts where its pixel's reference level was last set, at an event."""
    pixel: Int64[Tensor, " n"]
    """Raster index of the pixel on the raw sensor."""
    start_s: Float64[Tensor, " n"]
    """When the interval starts, seconds since the recording's start, after the refractory period."""
    end_s: Float64[Tensor, " n"]
    """When it ends."""
    start_ray: Int64[Tensor, " n"]
    """Which of the step's rays sees the start (`Supervision.rays`, and the rows of `Supervision.rendered`)."""
    end_ray: Int64[Tensor, " n"]
    """Which of them sees the end."""
    c_pos: Float[Tensor, ""]
    """Contrast threshold of positive events, in log intensity."""
    c_neg: Float[Tensor, ""]
    """Contrast threshold of negative events, in log intensity, > 0."""

    def __len__(self) -> int:
        return len(self.pixel)

    @property
    def predicted(self) -> Float[Tensor, " n"]:
        """Change of log radiance over each interval as the field renders it."""
        return self.log_end - self.log_start

    @property
    def c_mean(self) -> Float[Tensor, ""]:
        """Mean threshold: the unit in which residuals are measured."""
        return 0.5 * (self.c_pos + self.c_neg)

    def split(self, sizes: list[int]) -> list[IntervalSupervision]:
        """Consecutive parts of these sizes."""
        columns = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("c_pos", "c_neg")}
        parts = zip(*(column.split(sizes) for column in columns.values()), strict=True)
        return [replace(self, **dict(zip(columns, part, strict=True))) for part in parts]


@dataclass(frozen=True)
class FrameSupervision:
    """Pixels of the camera's own frames."""

    predicted: Float[Tensor, "n c"]
    """Intensity that the field predicts, through the learned gain and offset of the frames' log intensity."""
    observed: Float[Tensor, "n c"]
    """Intensity of the frame."""
    view: Int64[Tensor, " n"]
    """Which of the frames that are trained on each pixel is of."""
    pixel: Int64[Tensor, " n"]
    """Raster index of the pixel in its frame."""
    ray: Int64[Tensor, " n"]
    """Which of the step's rays sees each pixel (`Supervision.rays`, and the rows of `Supervision.rendered`)."""
    patch: int
    """Side of the patches that the pixels form, `patch ** 2` pixels each, row by row; 1 for single pixels."""
    t_s: Float64[Tensor, " n"] | None
    """When each frame was taken, seconds since the recording's start; None for images without times."""

    def __len__(self) -> int:
        return len(self.pixel)


@dataclass(frozen=True)
class Supervision:
    """All that one loss may look at."""

    compared: Mapping[str, IntervalSupervision | FrameSupervision]
    """What the loss asked for by its `draws`, by their names; in the order in which it was drawn."""
    rendered: Rendered
    """Every ray that was rendered in this step; with `spans` for a loss that asks for them."""
    rays: Rays
    """The rays."""
    extent: float
    """Diagonal of the field's box in world units, which makes distances comparable between scenes."""
    generator: torch.Generator
    """For losses that draw; it differs between ranks."""
    motion: CameraMotion
    """How the camera moved, for losses on what is learned of it (`correction`)."""

    @property
    def intervals(self) -> IntervalSupervision:
        """The intervals that the loss asked for; raises `InputError` where its draw gives something else."""
        (only,) = self.compared.values()
        if not isinstance(only, IntervalSupervision):
            raise InputError("the loss compares intervals, and its draw gives pixels of frames", do=_KIND)
        return only

    @property
    def frames(self) -> FrameSupervision:
        """The pixels of frames that the loss asked for; raises `InputError` where its draw gives something else."""
        (only,) = self.compared.values()
        if not isinstance(only, FrameSupervision):
            raise InputError("the loss compares pixels of frames, and its draw gives intervals", do=_KIND)
        return only
