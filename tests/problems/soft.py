"""A recording whose light changes smoothly: thin balls, seen by one exact ray a pixel, so that the truth is a field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from efields.backends.reference import Backend
from efields.backgrounds import color
from efields.config import resolve
from efields.draws import DrawConfig
from efields.events.sensor import Sensor
from efields.fields.analytic import AnalyticField, Ball, Config
from efields.geometry import camera_motion
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.paths import look_at
from efields.geometry.rays import Rays
from efields.geometry.trajectory import Trajectory
from efields.losses import draws_of
from efields.problems import Setup, event_radiance
from efields.problems.event_radiance import EventRadiance
from efields.recordings.recording import Recording, Views
from efields.render.renderer import LookConfig, Rendered, Renderer
from efields.samplers import Quality, stratified
from efields.simulation.event_camera import EventCamera, simulate_events
from tests.looks import renderer_over
from tests.tiny import BACKGROUND, exact_image

SIZE, FRAMES = 16, 1500
C_POS, C_NEG = 0.1, 0.08


class ExactRenderer(Renderer):
    """Looks at an analytic field in closed form, so that what is left to err is the problem; differentiable in rays."""

    def forward(
        self,
        rays: Rays,
        jitter: torch.Tensor | None = None,
        *,
        quality: Quality | None = None,
        crop: Box | None = None,
        with_spans: bool = False,
    ) -> Rendered:
        field, background = self.field, self.background
        assert isinstance(field, AnalyticField) and isinstance(background, color.ColorBackground)
        radiance, opacity = field.exact(rays, background.radiance)
        samples = self.sampler(rays, jitter, self.density, self.backend, quality=quality or "train").samples
        nothing = torch.zeros_like(opacity)
        return Rendered(radiance, opacity, nothing, nothing, int(samples.used.sum()))


def balls(channels: int) -> Config:
    """A large thin dark ball and two small ones beside it."""
    radiance = ((0.1, 0.3, 0.05), (0.02, 0.1, 0.3), (0.3, 0.02, 0.15))
    places = (((0.0, 0.0, 0.0), 0.45, 4.0), ((0.7, 0.0, 0.2), 0.22, 9.0), ((-0.5, 0.5, -0.2), 0.25, 8.0))
    return Config(
        tuple(Ball(center, r, d, colour[:channels]) for (center, r, d), colour in zip(places, radiance, strict=True))
    )


def pose(turn: float) -> np.ndarray:
    angle = 2 * math.pi * turn
    return look_at(2.4 * np.array([math.cos(angle), math.sin(angle), 0.4 + 0.2 * math.sin(angle)]), np.zeros(3))


@lru_cache
def soft_recording(bayer: str = "", refractory_us: float = 0.0, color_space: str = "linear") -> Recording:
    """A quarter of a turn in half a second, in steps so small that light is linear between them; twenty frames."""
    channels = 3 if bayer else 1
    field = AnalyticField(balls(channels), channels)
    camera = Camera(SIZE, SIZE, 1.4 * SIZE, 1.4 * SIZE, (SIZE - 1) / 2, (SIZE - 1) / 2, bayer=bayer)
    plain = Camera(SIZE, SIZE, camera.fx, camera.fy, camera.cx, camera.cy)
    t_s = np.linspace(0.0, 0.5, FRAMES)
    poses = np.stack([pose(0.5 * t) for t in t_s])
    images = [exact_image(field, plain, T, fine=1) for T in poses]
    stack = [image[..., 0] if channels == 1 else image for image in images]
    sensor = EventCamera(c_pos=C_POS, c_neg=C_NEG, log_eps=1e-6, refractory_us=refractory_us, bayer=bayer)
    events, _ = simulate_events(stack, t_s, sensor)
    t_us = np.rint(t_s * 1e6).astype(np.int64)
    chosen = np.arange(0, FRAMES, 75)
    image = np.stack([images[k] for k in chosen]).astype(np.float32)
    frames = Views.stacked(
        image=image if color_space == "linear" else image ** np.float32(1 / 2.2),
        T_world_camera=poses[chosen],
        camera=plain,
        names=tuple(str(k) for k in chosen),
        t_us=t_us[chosen],
    )
    return Recording(
        events=events,
        camera=camera,
        sensor=Sensor(C_POS, C_NEG, refractory_us=refractory_us),
        trajectory=Trajectory.from_matrices(t_us, poses, origin_us=int(events.t_us[0])),
        frames=frames,
        box=Box((-1.0, -1.0, -0.7), (1.0, 1.0, 0.7)),
    )


def true_problem(
    recording: Recording,
    losses: Mapping[str, Any],
    config: event_radiance.Config | None = None,
    frames: Views | None = None,
    draws: Mapping[str, DrawConfig] | None = None,
) -> EventRadiance:
    """The problem with the true field and the true background in it; draws that are not given have their defaults."""
    settings, channels = config or event_radiance.Config(), recording.calibrated.channels
    channels = channels if frames is None else max(channels, frames.channels)
    box = recording.box
    assert box is not None
    look = LookConfig(balls(channels), stratified.Config(samples=4), color.Config())
    field = look.field.build(box, channels, torch.Generator())
    renderer = renderer_over(field, box, look.sampling, cls=ExactRenderer, background=look.background)
    assert isinstance(renderer.background, color.ColorBackground)
    with torch.no_grad():
        renderer.background.raw.fill_(math.log(math.expm1(BACKGROUND - 1e-3)))
    asked = {name: resolve("draws", name)() for loss in losses.values() for name in draws_of(loss)}
    setup = Setup(
        recording, frames, losses, asked | dict(draws or {}), look, camera_motion.Config(), Backend(), torch.Generator()
    )
    return EventRadiance(settings, setup, frames, renderer)
