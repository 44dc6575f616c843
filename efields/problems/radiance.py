"""A radiance field optimised against posed images alone, as in NeRF (Mildenhall et al., ECCV 2020): no events.

What the field renders is linear radiance; images that are encoded for a display are compared as radiance ** (1 / 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from efields.backends.reference import Backend
from efields.errors import InputError
from efields.events.sensor import LearnableSensor
from efields.geometry.boxes import Box
from efields.geometry.motion import box_looked_at
from efields.geometry.origin import poses_about
from efields.geometry.pose import rotation_to_quaternion
from efields.geometry.trajectory import Trajectory
from efields.problem import ParameterGroup, Terms, field_groups
from efields.problems._batches import FramePixels
from efields.problems._frames import frame_rays, frame_supervision, weighted
from efields.ranges import Range
from efields.recording import Recording, Views
from efields.render.renderer import Renderer, Sampling

DISPLAY_GAMMA = 2.2
"""Exponent between display values and linear light, as in the protocols of evaluation."""
_PICTURE_US = 1_000_000  # from image to image on the path through them: images without times are a second apart


@dataclass(frozen=True)
class Config:
    """Settings of the radiance problem."""

    frames: ClassVar[bool] = True
    default_losses: ClassVar[tuple[str, ...]] = ("photometric", "distortion")
    box: Annotated[tuple[tuple[float, float, float], tuple[float, float, float]], Range(-1e12, 1e12)] | None = None
    """Two opposite corners of the field's box, world units; None takes the recording's, or what the cameras circle."""

    def build(
        self,
        recording: Recording,
        frames: Views | None,
        losses: Mapping[str, Any],
        field: Any,
        sampling: Sampling,
        backend: Backend,
        generator: torch.Generator,
    ) -> Radiance:
        """The problem on the images that may be trained on; `field` is a Config of efields.fields.

        Raises `InputError` when there are none, or a loss asks for events.
        """
        if frames is None or len(frames) == 0:
            raise InputError("holds no posed images that may be trained on", recording.path, "give a recording of some")
        for name, loss in losses.items():
            if loss.draws not in ("", "frames"):
                do = 'take it out, or set problem.kind = "event_radiance"'
                raise InputError(f"the loss {name} compares events, and this problem looks at images alone", do=do)
        trajectory = path_through(frames)
        box = Box(*self.box) if self.box else recording.box or box_looked_at(trajectory, frames.camera)
        renderer = Renderer.over(box, field, frames.image.shape[-1], sampling, backend, generator)
        return Radiance(self, recording, frames, trajectory, losses, renderer)


def path_through(frames: Views) -> Trajectory:
    """A camera that goes from image to image, in the order of their times or, without times, as they come."""
    poses, t_us = frames.T_world_camera, frames.t_us
    if t_us is None or len(np.unique(t_us)) < len(t_us):
        t_us = np.arange(len(poses), dtype=np.int64) * _PICTURE_US
    order = np.argsort(t_us)
    if len(order) == 1:  # a path has two ends
        order, t_us = np.array([0, 1]), np.append(t_us, t_us[0] + _PICTURE_US)
        poses = np.repeat(poses, 2, axis=0)
    orientation = rotation_to_quaternion(torch.from_numpy(np.array(poses[order, :3, :3]))).numpy()
    return Trajectory.from_arrays(t_us[order], poses[order, :3, 3], orientation, origin_us=0)


class Radiance(nn.Module):
    """The field and its losses, ready for the training loop."""

    bearings: Tensor
    pose: Tensor

    def __init__(
        self,
        config: Config,
        recording: Recording,
        frames: Views,
        trajectory: Trajectory,
        losses: Mapping[str, Any],
        renderer: Renderer,
    ) -> None:
        super().__init__()
        self.config, self.losses, self.renderer = config, dict(losses), renderer
        self.frames, self.trajectory = frames, trajectory
        self.sensor = LearnableSensor(recording.sensor, False, False, 1.0)
        self.gain = 1 / DISPLAY_GAMMA if frames.color_space == "display" else 1.0
        self.register_buffer("bearings", torch.from_numpy(np.array(frames.camera.bearings())), persistent=False)
        poses = poses_about(frames.T_world_camera, renderer.origin)
        self.register_buffer("pose", torch.from_numpy(poses), persistent=False)

    def draw(self, rays: int, rng: np.random.Generator) -> FramePixels:
        """Pixels of the images, evenly."""
        count, height, width = self.frames.image.shape[:3]
        return FramePixels(rng.integers(0, count, rays), rng.integers(0, height * width, rays))

    def terms(self, batch: FramePixels, generator: torch.Generator) -> Terms:
        """The weighted losses of a batch."""
        rays = frame_rays(self.bearings, self.pose, batch)
        rendered = self.renderer(rays, torch.rand(len(rays), generator=generator).to(self.bearings.device))
        gain, offset = rendered.radiance.new_tensor(self.gain), rendered.radiance.new_zeros(())
        compared = frame_supervision(self.frames, batch, torch.log(rendered.radiance), gain, offset)
        losses = weighted(self.losses, {"frames": compared}, rendered, self.renderer.box.diagonal)
        return Terms(losses, rays=len(rays), samples=rendered.samples)

    def after_step(self, step: int, generator: torch.Generator) -> None:
        """Keep the occupancy grid up to date."""
        self.renderer.after_step(step, generator)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Table, perceptrons, background."""
        return field_groups(self.renderer)
