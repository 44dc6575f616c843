"""A problem: intervals of events alone, with the camera's motion corrected where the config asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from efields.backends.reference import Backend
from efields.draws import EventSource, Source
from efields.errors import InputError
from efields.events.intervals import Intervals, PixelIndex
from efields.geometry.rays import Rays, camera_rays
from efields.losses import draws_of
from efields.parameters import ParameterGroup
from efields.problems import Setup, Terms
from efields.render.model import Model
from efields.render.model_content import model_content, model_from
from efields.render.renderer import LookConfig, Renderer
from efields.supervision import IntervalSupervision, Supervision


@dataclass(frozen=True)
class Config:
    """Settings of the problem."""

    frames: ClassVar[bool] = False
    default_losses: ClassVar[tuple[str, ...]] = ("outside.agreement",)

    def build(self, setup: Setup) -> SpansAlone:
        """The problem; raises `InputError` for a recording without poses or box."""
        if setup.recording.trajectory is None or setup.recording.box is None:
            raise InputError("the recording has no poses or no box", setup.recording.path, "give another")
        return SpansAlone(setup)

    def resumed(self, content: Mapping[str, Any]) -> Config:
        """Nothing was found that could be sought again."""
        if content["mark"] != "outside":
            raise InputError("is not of this problem", do="train anew")
        return self

    def open(self, content: Mapping[str, Any], look: LookConfig, backend: Backend, step: int) -> Model:
        """The model that was saved."""
        return model_from(content["scene"], look, backend, step)


class SpansAlone(nn.Module):
    """Renders both ends of every drawn interval."""

    notes = ("Made by a package outside.",)
    bearings: Tensor

    def __init__(self, setup: Setup) -> None:
        super().__init__()
        recording = setup.recording
        assert recording.trajectory is not None and recording.box is not None
        self.losses, self.camera, self.sensor = setup.losses, recording.calibrated, recording.sensor
        self.renderer = Renderer.over(
            recording.box, setup.look, 1, setup.backend, setup.generator, span_s=recording.trajectory.seconds_span
        )
        self.motion = setup.motion.build(recording.trajectory.about(self.renderer.origin), self.renderer.box.diagonal)
        events = EventSource(recording.covered, PixelIndex.build(recording.covered), 0.0, 1000)
        self.draws = {name: draw.build(Source(events, None)) for name, draw in setup.draws.items()}
        self.register_buffer("bearings", torch.from_numpy(np.array(self.camera.bearings())), persistent=False)

    def draw(self, rays: int, rng: np.random.Generator) -> dict[str, Intervals]:
        """As many of each draw."""
        drawn = {name: draw(max(rays // (2 * len(self.draws)), 1), rng) for name, draw in self.draws.items()}
        return {name: found for name, found in drawn.items() if isinstance(found, Intervals)}

    def terms(self, batch: dict[str, Intervals], generator: torch.Generator) -> Terms:
        """Everything in one look, then each loss on what it asks for."""
        every = Intervals.concat(list(batch.values()))
        pixel = torch.from_numpy(every.pixel)
        origin_us = self.motion.given.origin_us
        ends = [torch.from_numpy((t - origin_us) * 1e-6) for t in (every.t_start_us, every.t_end_us)]
        rays = Rays.concat([camera_rays(self.bearings, pixel, self.motion.at(t_s), t_s) for t_s in ends])
        jitter = torch.rand(len(every), generator=generator).repeat(2)
        rendered = self.renderer(rays, jitter, with_spans=True)
        start, end = torch.log(rendered.radiance[:, 0]).split(len(every))
        n_pos, n_neg = (torch.from_numpy(counts).to(start) for counts in (every.n_pos, every.n_neg))
        compared = IntervalSupervision(
            log_start=start,
            log_end=end,
            observed=self.sensor.log_change(n_pos, n_neg),
            events=(n_pos + n_neg).to(torch.int64),
            starts_at_event=torch.from_numpy(every.starts_at_event),
            pixel=pixel,
            start_s=ends[0],
            end_s=ends[1],
            start_ray=torch.arange(len(every)),
            end_ray=torch.arange(len(every), 2 * len(every)),
            c_pos=torch.tensor(self.sensor.c_pos),
            c_neg=torch.tensor(self.sensor.c_neg),
        )
        parts = dict(zip(batch, compared.split([len(drawn) for drawn in batch.values()]), strict=True))
        extent, losses = self.renderer.box.diagonal, {}
        for name, loss in self.losses.items():
            asked = {draw: parts[draw] for draw in draws_of(loss)}
            losses[name] = loss.weight * loss(Supervision(asked, rendered, rays, extent, generator, self.motion))
        return Terms(losses, len(rays), rendered.samples)

    def after_step(self, step: int, generator: torch.Generator) -> None:
        """Let the sampler look."""
        self.renderer.after_step(step, generator)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Field, background, sampler and poses."""
        return [*self.renderer.parameter_groups(), *self.motion.parameter_groups()]

    def model(self, step: int) -> Model:
        """The field and where the camera was."""
        x, y, z = self.renderer.origin
        return Model(self.renderer, self.camera, self.motion.current().about((-x, -y, -z)), self.sensor, step)

    def content(self) -> dict[str, Any]:
        """The scene, and a mark of one's own."""
        return {"mark": "outside", "scene": model_content(self.model(0))}
