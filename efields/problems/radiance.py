"""A radiance field optimised against posed images alone, as in NeRF (Mildenhall et al., ECCV 2020): no events.

What the field renders is linear radiance; images that are encoded for a display are compared as radiance ** (1 / 2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from efields.backends.reference import Backend
from efields.errors import InputError
from efields.events.learnable_sensor import LearnableSensor
from efields.geometry.boxes import Box
from efields.geometry.looked_at import widest
from efields.geometry.trajectory import Trajectory
from efields.problem import ParameterGroup, Terms, field_groups
from efields.problems._frames import FrameLooks, FramePixels, weighted
from efields.recordings.recording import Recording, Views
from efields.render.renderer import Renderer, Sampling
from efields.scene_box import Corners, FoundBox, find_box
from efields.scene_box.viewpoints import path_through

DISPLAY_GAMMA = 2.2
"""Exponent between display values and linear light, as in the protocols of evaluation."""


@dataclass(frozen=True)
class Config:
    """Settings of the radiance problem."""

    frames: ClassVar[bool] = True
    default_losses: ClassVar[tuple[str, ...]] = ("photometric", "distortion")
    box: Corners | None = None
    """Two opposite corners of the field's box, world units; None takes the recording's, or finds one: around
    what the cameras circle, or around depth maps or points."""

    def __post_init__(self) -> None:
        if self.box is not None:
            Box.between(*self.box)

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
        found = find_box(recording, trajectory, widest(frames.cameras), frames, self.box)
        renderer = Renderer.over(found.box, field, frames.channels, sampling, backend, generator)
        problem = Radiance(self, recording, frames, trajectory, losses, renderer)
        problem.found_box = found
        return problem


class Radiance(nn.Module):
    """The field and its losses, ready for the training loop."""

    found_box: FoundBox | None = None

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
        self.looks = FrameLooks(frames, renderer.origin)

    def draw(self, rays: int, rng: np.random.Generator) -> FramePixels:
        """Pixels of the images, as many of each image."""
        return self.looks.draw(rays, rng)

    def terms(self, batch: FramePixels, generator: torch.Generator) -> Terms:
        """The weighted losses of a batch."""
        rays = self.looks.rays(batch)
        rendered = self.renderer(rays, torch.rand(len(rays), generator=generator).to(rays.origin.device))
        gain, offset = rendered.radiance.new_tensor(self.gain), rendered.radiance.new_zeros(())
        compared = self.looks.supervision(batch, torch.log(rendered.radiance), gain, offset)
        losses = weighted(self.losses, {"frames": compared}, rendered, self.renderer.box.diagonal)
        return Terms(losses, rays=len(rays), samples=rendered.samples)

    def after_step(self, step: int, generator: torch.Generator) -> None:
        """Keep the occupancy grid up to date."""
        self.renderer.after_step(step, generator)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Table, perceptrons, background."""
        return field_groups(self.renderer)
