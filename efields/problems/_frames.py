"""What problems that look at frames share: rays of drawn pixels, what is compared, and the weighted losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from efields.geometry.pose import Poses
from efields.geometry.rays import Rays, camera_rays
from efields.problems._batches import FramePixels
from efields.recording import Views
from efields.render.renderer import Rendered
from efields.supervision import FrameSupervision, IntervalSupervision, Supervision


def frame_rays(bearings: Float64[Tensor, "p 3"], pose: Float64[Tensor, "v 4 4"], drawn: FramePixels) -> Rays:
    """Rays of pixels of frames, by the bearings of their camera and the poses of all frames."""
    at = pose[torch.from_numpy(drawn.view)]
    pixel = torch.from_numpy(drawn.pixel).to(bearings.device)
    return camera_rays(bearings, pixel, Poses(at[:, :3, :3], at[:, :3, 3]))


def frame_supervision(
    frames: Views, drawn: FramePixels, log_radiance: Float[Tensor, "n c"], gain: Tensor, offset: Tensor
) -> FrameSupervision:
    """Drawn pixels beside what the field predicts for them: `exp(gain * log radiance + offset)`, per channel."""
    truth = frames.image.reshape(len(frames), -1, frames.image.shape[-1])
    observed = torch.from_numpy(truth[drawn.view, drawn.pixel]).to(log_radiance)
    return FrameSupervision(torch.exp(gain * log_radiance + offset), observed)


def weighted(
    losses: Mapping[str, Any],
    compared: Mapping[str, IntervalSupervision | FrameSupervision],
    rendered: Rendered,
    extent: float,
) -> dict[str, Tensor]:
    """Each loss on what it asked for by its `draws`, times its weight."""
    terms: dict[str, Tensor] = {}
    for name, loss in losses.items():
        found = compared.get(loss.draws)
        supervision = Supervision(
            found if isinstance(found, IntervalSupervision) else None,
            found if isinstance(found, FrameSupervision) else None,
            rendered,
            extent,
        )
        terms[name] = loss.weight * loss(supervision)
    return terms
