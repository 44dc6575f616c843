"""What problems that look at frames share: rays of drawn pixels, what is compared, and the weighted losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from efields.events.sensor import LUMINANCE
from efields.geometry.boxes import Triple
from efields.geometry.many_cameras import bearings_at
from efields.geometry.origin import poses_about
from efields.geometry.pose import Poses
from efields.geometry.rays import Rays, camera_rays
from efields.recordings.recording import Views
from efields.render.renderer import Rendered
from efields.supervision import FrameSupervision, IntervalSupervision, Supervision


@dataclass(frozen=True)
class FramePixels:
    """Pixels drawn from frames."""

    view: np.ndarray
    """Index of the frame, i64[n]."""
    pixel: np.ndarray
    """Row-major pixel of the frame, i64[n]."""


class FrameLooks(nn.Module):
    """Frames that may be trained on: what their pixels are, and the rays that lead to them, about the field's origin.

    The bearings of one camera are kept; those of several are solved for the pixels that are drawn, as a table of every
    pixel of every camera would be larger than the images.
    """

    bearings: Tensor
    pose: Tensor

    def __init__(self, frames: Views, origin: Triple) -> None:
        super().__init__()
        self.frames = frames
        self.several = len(frames.cameras) > 1
        self.first_pixel = frames.first_pixel
        self.pixels_of = np.diff(self.first_pixel)
        table = np.zeros((0, 3)) if self.several else frames.camera.bearings()
        self.register_buffer("bearings", torch.from_numpy(np.array(table)), persistent=False)
        self.register_buffer("pose", torch.from_numpy(poses_about(frames.T_world_camera, origin)), persistent=False)

    def draw(self, count: int, rng: np.random.Generator) -> FramePixels:
        """Pixels of the images, as many of each image."""
        view = rng.integers(0, len(self.frames), count)
        return FramePixels(view, rng.integers(0, self.pixels_of[view]))

    def rays(self, drawn: FramePixels) -> Rays:
        """Rays of pixels, from where their frames were taken."""
        at = self.pose[torch.from_numpy(drawn.view)]
        bearings, pixel = self.bearings, torch.from_numpy(drawn.pixel)
        if self.several:
            solved = bearings_at(self.frames.cameras, self.frames.camera_of[drawn.view], drawn.pixel)
            bearings, pixel = torch.from_numpy(solved).to(at.device), torch.arange(len(solved))
        return camera_rays(bearings, pixel.to(bearings.device), Poses(at[:, :3, :3], at[:, :3, 3]))

    def supervision(
        self, drawn: FramePixels, log_radiance: Float[Tensor, "n c"], gain: Tensor, offset: Tensor
    ) -> FrameSupervision:
        """Drawn pixels beside what is predicted for them: `exp(gain * log radiance + offset)`, per channel."""
        observed = torch.from_numpy(self.frames.pixels[self.first_pixel[drawn.view] + drawn.pixel]).to(log_radiance)
        return FrameSupervision(torch.exp(gain * log_radiance + offset), observed)


def seen_in(radiance: Float[Tensor, "n c"], channels: int) -> Float[Tensor, "n channels"]:
    """Radiance in as many channels as a camera has: a grey one sees the luminance of a field of colours."""
    if radiance.shape[1] == channels:
        return radiance
    return (radiance @ radiance.new_tensor(LUMINANCE))[:, None]


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
