"""A radiance field optimised against posed images alone, as in NeRF (Mildenhall et al., ECCV 2020): no events.

What the field renders is linear radiance; images that are encoded for a display are compared as radiance ** (1 / 2.2).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from efields.backends.reference import Backend
from efields.draws import FramePixels, Source
from efields.errors import InputError
from efields.geometry.boxes import Box
from efields.geometry.looked_at import widest
from efields.geometry.rays import Rays
from efields.losses import draws_of
from efields.parameters import ParameterGroup
from efields.problems import Setup, Terms
from efields.problems._batch import Batch, BatchDraws
from efields.problems._frames import FrameLooks, check_timed
from efields.problems._losses import WeightedLosses
from efields.recordings.recording import Views
from efields.render.model import Model
from efields.render.model_content import box_to_go_on_in, model_content, model_from
from efields.render.renderer import LookConfig, Renderer
from efields.scene_box import Corners, find_box
from efields.scene_box.viewpoints import path_through, times_on_path

_log = logging.getLogger(__name__)

DISPLAY_GAMMA = 2.2
"""Exponent between display values and linear light, as in the protocols of evaluation."""


@dataclass(frozen=True)
class Config:
    """Settings of the radiance problem."""

    frames: ClassVar[bool] = True
    default_losses: ClassVar[tuple[str, ...]] = ("photometric", "distortion")
    box: Corners | None = None
    """Two opposite corners of the field's box, world units; None: the recording's, or one that is estimated: around
    what the cameras circle, or around depth maps or points."""

    def __post_init__(self) -> None:
        if self.box is not None:
            Box.between(*self.box)

    def build(self, setup: Setup) -> Radiance:
        """The problem on the images that may be trained on.

        Raises `InputError` when there are none, or a loss asks for events.
        """
        recording, frames = setup.recording, setup.frames
        if frames is None or len(frames) == 0:
            raise InputError("contains no posed images to train on", recording.path, "give a recording with images")
        for name, loss in setup.losses.items():
            if not all(setup.draws[draw].of_frames for draw in draws_of(loss)):
                do = 'remove it, or set problem.kind = "event_radiance"'
                raise InputError(f"the loss {name} compares events, but this problem uses only images", do=do)
        trajectory = path_through(frames)
        found = find_box(recording, trajectory, widest(frames.cameras), frames, self.box)
        if found.sought:
            _log.info("%s", found.sentence)
        renderer = Renderer.over(
            found.box,
            setup.look,
            frames.channels,
            setup.backend,
            setup.generator,
            span_s=trajectory.seconds_span,
            origin_us=trajectory.origin_us,
        )
        check_timed(frames, renderer, recording.path, apart=True)
        problem = Radiance(self, setup, frames, renderer)
        problem.notes = (found.sentence,)
        return problem

    def resumed(self, content: Mapping[str, Any]) -> Config:
        """The settings with the box that the saved field fills, which is not sought again."""
        return replace(self, box=box_to_go_on_in(self.box, content))

    def open(self, content: Mapping[str, Any], look: LookConfig, backend: Backend, step: int) -> Model:
        """The model that was saved; see `ProblemConfig.open`."""
        return model_from(content, look, backend, step)


class Radiance(nn.Module):
    """The field and its losses, ready for the training loop."""

    notes: tuple[str, ...] = ()

    def __init__(self, config: Config, setup: Setup, frames: Views, renderer: Renderer) -> None:
        super().__init__()
        self.config, self.renderer = config, renderer
        self.losses = WeightedLosses(setup.losses, renderer.box.diagonal)
        self.camera = setup.recording.calibrated
        self.gain = 1 / DISPLAY_GAMMA if frames.color_space == "display" else 1.0
        self.draws = BatchDraws.build(Source(None, frames), setup.draws)
        path = path_through(frames).about(renderer.origin)
        on_path_s = (times_on_path(frames) - path.origin_us) * 1e-6
        self.motion = setup.motion.build(path, renderer.box.diagonal, on_path_s)
        t_s = None if frames.t_us is None else on_path_s
        self.looks = FrameLooks(frames, renderer.origin, on_path_s, t_s)

    def draw(self, rays: int, rng: np.random.Generator) -> Batch:
        """Pixels of the images, as many of each image."""
        return self.draws.draw(rays, rng)

    def terms(self, batch: Batch, generator: torch.Generator) -> Terms:
        """The weighted losses of a batch."""
        drawn = {name: d for name, d in batch.items() if isinstance(d, FramePixels)}
        rays = Rays.concat([self.looks.rays(d, self.motion) for d in drawn.values()])
        jitter = torch.rand(len(rays), generator=generator).to(rays.origin.device)
        rendered = self.renderer(rays, jitter, with_spans=self.losses.with_spans)
        gain, offset = rendered.radiance.new_tensor(self.gain), rendered.radiance.new_zeros(())
        counts = [len(d.pixel) for d in drawn.values()]
        parts = torch.log(rendered.radiance).split(counts)
        first_rays = accumulate(counts, initial=0)
        compared = {
            name: self.looks.supervision(d, log_radiance, gain, offset, first_ray)
            for (name, d), log_radiance, first_ray in zip(drawn.items(), parts, first_rays, strict=False)
        }
        losses = self.losses(compared, rendered, rays, generator, self.motion)
        return Terms(losses, rays=len(rays), samples=rendered.samples)

    def after_step(self, step: int, generator: torch.Generator) -> None:
        """Let the sampler look at the field."""
        self.renderer.after_step(step, generator)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Field, background, and the corrections of poses."""
        return [*self.renderer.parameter_groups(), *self.motion.parameter_groups()]

    def model(self, step: int) -> Model:
        """The field and the path through the images, as they are now."""
        x, y, z = self.renderer.origin
        return Model(self.renderer, self.camera, self.motion.current().about((-x, -y, -z)), None, step)

    def content(self) -> dict[str, Any]:
        """Box, camera and path."""
        return model_content(self.model(0))
