"""The losses of a problem, each on what it asks for."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from efields.geometry.camera_motion import CameraMotion
from efields.geometry.rays import Rays
from efields.losses import LossConfig, SpanLoss, draws_of
from efields.render.renderer import Rendered
from efields.supervision import FrameSupervision, IntervalSupervision, Supervision


class WeightedLosses:
    """Losses by name, with their weights."""

    def __init__(self, losses: Mapping[str, LossConfig], extent: float) -> None:
        """`extent` is the diagonal of the field's box, world units."""
        self.losses, self.extent = dict(losses), extent
        self._each = {name: (loss, draws_of(loss)) for name, loss in losses.items()}
        self.with_spans = any(isinstance(loss, SpanLoss) and loss.with_spans for loss in losses.values())
        """Whether one of them looks at every sample of every ray."""

    def __call__(
        self,
        compared: Mapping[str, IntervalSupervision | FrameSupervision],
        rendered: Rendered,
        rays: Rays,
        generator: torch.Generator,
        motion: CameraMotion,
    ) -> dict[str, Tensor]:
        """Each loss on what it asks for by its `draws`, times its weight; zero where a draw found nothing."""
        terms: dict[str, Tensor] = {}
        for name, (loss, draws) in self._each.items():
            asked = {draw: compared[draw] for draw in draws}
            if len(rays) and all(len(part) for part in asked.values()):
                found = loss(Supervision(asked, rendered, rays, self.extent, generator, motion))
            else:
                found = 0.0 * rendered.radiance.sum()
            terms[name] = loss.weight * found
        return terms
