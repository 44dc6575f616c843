"""What problems that look at frames share: rays of drawn pixels, and what is compared there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from efields.draws import FramePixels
from efields.errors import InputError
from efields.events.sensor import LUMINANCE
from efields.geometry.boxes import Triple
from efields.geometry.camera_motion import CameraMotion
from efields.geometry.many_cameras import bearings_at
from efields.geometry.origin import poses_about
from efields.geometry.pose import Poses
from efields.geometry.rays import Rays, camera_rays
from efields.recordings.recording import Views
from efields.render.renderer import Renderer
from efields.supervision import FrameSupervision


class FrameLooks(nn.Module):
    """Frames that may be trained on: what their pixels are, and the rays that lead to them, about the field's origin.

    The bearings of one camera are kept; those of several are solved for the pixels that are drawn, as a table of every
    pixel of every camera would be larger than the images.
    """

    bearings: Tensor
    rotation: Tensor
    position: Tensor
    on_path_s: Tensor | None

    def __init__(self, frames: Views, origin: Triple, on_path_s: np.ndarray | None, t_s: np.ndarray | None) -> None:
        """`on_path_s` says where each frame is on the camera's path, `t_s` when it was taken, where that is known."""
        super().__init__()
        self.frames = frames
        self.several = len(frames.cameras) > 1
        self.first_pixel = frames.first_pixel
        self.t_s = None if t_s is None else torch.from_numpy(t_s)
        table = np.zeros((0, 3)) if self.several else frames.camera.bearings()
        pose = poses_about(frames.T_world_camera, origin)
        for name, values in {
            "bearings": np.array(table), "rotation": pose[:, :3, :3].copy(), "position": pose[:, :3, 3].copy(),
            "on_path_s": on_path_s,
        }.items():  # fmt: skip
            self.register_buffer(name, None if values is None else torch.from_numpy(values), persistent=False)

    def rays(self, drawn: FramePixels, motion: CameraMotion) -> Rays:
        """Rays of pixels, from where their frames were taken, moved as the camera's motion is corrected there."""
        device = self.rotation.device
        view, pixel = torch.from_numpy(drawn.view).to(device), torch.from_numpy(drawn.pixel).to(device)
        given = Poses(self.rotation, self.position)
        every = given if self.on_path_s is None else motion.carried(given, self.on_path_s)
        bearings = self.bearings
        if self.several:
            solved = bearings_at(self.frames.cameras, self.frames.camera_of[drawn.view], drawn.pixel)
            bearings, pixel = torch.from_numpy(solved).to(device), torch.arange(len(solved), device=device)
        return camera_rays(bearings, pixel, every[view], self._times(drawn, device))

    def supervision(
        self, drawn: FramePixels, log_radiance: Float[Tensor, "n c"], gain: Tensor, offset: Tensor, first_ray: int
    ) -> FrameSupervision:
        """Drawn pixels together with their prediction: `exp(gain * log radiance + offset)`, per channel.

        `first_ray` of the step sees the first of them, and those after it the others.
        """
        device = log_radiance.device
        observed = torch.from_numpy(self.frames.pixels[self.first_pixel[drawn.view] + drawn.pixel]).to(log_radiance)
        return FrameSupervision(
            predicted=torch.exp(gain * log_radiance + offset),
            observed=observed,
            view=torch.from_numpy(drawn.view).to(device),
            pixel=torch.from_numpy(drawn.pixel).to(device),
            ray=torch.arange(first_ray, first_ray + len(drawn.pixel), device=device),
            patch=drawn.patch,
            t_s=self._times(drawn, device),
        )

    def _times(self, drawn: FramePixels, device: torch.device) -> Tensor | None:
        return None if self.t_s is None else self.t_s[torch.from_numpy(drawn.view)].to(device)


def check_timed(frames: Views, renderer: Renderer, where: Path | None, *, apart: bool = False) -> None:
    """Raise `InputError` where the field moves and frames have no times, or, if they must lie `apart`, the same."""
    if not renderer.field.moves:
        return
    do = "give each image its time, or choose a field that does not move"
    if frames.t_us is None:
        raise InputError("holds images without times, and this field moves with time", where, do)
    if apart and len(np.unique(frames.t_us)) < len(frames):
        raise InputError("several images have the same time, and this field moves with time", where, do)


def seen_in(radiance: Float[Tensor, "n c"], channels: int) -> Float[Tensor, "n channels"]:
    """Radiance in as many channels as a camera has: a grey one sees the luminance of a field of colours."""
    if radiance.shape[1] == channels:
        return radiance
    return (radiance @ radiance.new_tensor(LUMINANCE))[:, None]
