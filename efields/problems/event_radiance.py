"""A radiance field optimised against the events of a moving camera, and optionally its frames.

One forward model serves every loss: look(pixel, t) renders what the pixel sees from where the camera was at time t;
the change of log radiance between two looks is compared with what the sensor counted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from efields.backends.reference import Backend
from efields.draws import EventSource, FramePixels, Source
from efields.errors import InputError
from efields.events.intervals import Intervals, PixelIndex
from efields.events.learnable_sensor import LearnableSensor
from efields.events.stream import mean_on_pixel
from efields.geometry.boxes import Box
from efields.geometry.looked_at import box_points, image_speed
from efields.geometry.rays import Rays
from efields.parameters import ParameterGroup
from efields.problems import Setup, Terms
from efields.problems._batch import Batch, BatchDraws
from efields.problems._frames import FrameLooks, check_timed, seen_in
from efields.problems._losses import WeightedLosses
from efields.ranges import Range
from efields.recordings.recording import Recording, Views
from efields.render.model import Model
from efields.render.model_content import box_to_go_on_in, model_content, model_from
from efields.render.renderer import LookConfig, Renderer
from efields.scene_box import Corners, find_box
from efields.supervision import FrameSupervision, IntervalSupervision

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config:
    """Settings of the event radiance problem."""

    frames: bool = False
    """Whether the camera's own frames supervise the field in addition to events (losses.photometric)."""
    box: Corners | None = None
    """Two opposite corners of the field's box, world units; None: the recording's, or one that is estimated: around
    what the camera circles, around depth maps or points, or as far as the parallax of events shows."""
    window_motion_px: Annotated[float, Range(above=0, most=10_000)] = 60.0
    """Image motion, in pixels, that the longest windows span; it sets their number of events. With long windows a field
    converges many times faster, as brightness need not spread from pixel to pixel, but threshold errors accumulate."""
    learn_ratio: bool = False
    """Whether the ratio c_pos / c_neg is learned; from events alone, only this ratio is observable."""
    learn_refractory: bool = False
    """Whether the refractory period is learned."""

    def __post_init__(self) -> None:
        if self.box is not None:
            Box.between(*self.box)

    @property
    def default_losses(self) -> tuple[str, ...]:
        """Losses of an experiment that names none."""
        events = ("event_interval", "event_window", "silent", "distortion")
        return (*events, "photometric") if self.frames else events

    def build(self, setup: Setup) -> EventRadiance:
        """The problem on a recording.

        Raises `InputError` when the recording lacks poses, or a loss asks for frames that are not there.
        """
        recording, frames = setup.recording, setup.frames
        if recording.trajectory is None:
            raise InputError("the recording has no camera poses", recording.path, "training needs them: give --poses")
        wants_frames = any(draw.of_frames for draw in setup.draws.values())
        if wants_frames and frames is None:
            raise InputError(
                "a loss compares with frames, but none may be trained on",
                recording.path,
                "set problem.frames = true for a recording that has frames, or remove the loss",
            )
        channels = recording.calibrated.channels
        if wants_frames and frames is not None:  # a field of colours where either camera sees colours
            channels = max(channels, frames.channels)
        found = find_box(recording, recording.trajectory, recording.calibrated, recording.frames, self.box)
        if found.sought:
            _log.info("%s", found.sentence)
        path = recording.trajectory
        renderer = Renderer.over(
            found.box, setup.look, channels, setup.backend, setup.generator,
            span_s=path.seconds_span, origin_us=path.origin_us,
        )  # fmt: skip
        if wants_frames and frames is not None:
            check_timed(frames, renderer, recording.path)
        problem = EventRadiance(self, setup, frames if wants_frames else None, renderer)
        problem.notes = (found.sentence,)
        return problem

    def resumed(self, content: Mapping[str, Any]) -> Config:
        """The settings with the box that the saved field fills, which is not sought again."""
        return replace(self, box=box_to_go_on_in(self.box, content))

    def open(self, content: Mapping[str, Any], look: LookConfig, backend: Backend, step: int) -> Model:
        """The model that was saved; see `ProblemConfig.open`."""
        return model_from(content, look, backend, step)


class EventRadiance(nn.Module):
    """The field, its sensor and its losses, ready for the training loop."""

    notes: tuple[str, ...] = ()
    bearings: Tensor
    channel: Tensor

    def __init__(self, config: Config, setup: Setup, frames: Views | None, renderer: Renderer) -> None:
        super().__init__()
        recording, trajectory = setup.recording, setup.recording.trajectory
        assert trajectory is not None
        self.config, self.renderer = config, renderer
        self.losses = WeightedLosses(setup.losses, renderer.box.diagonal)
        self.motion = setup.motion.build(trajectory.about(renderer.origin), renderer.box.diagonal)
        self.origin_us, self.camera, self.frames = trajectory.origin_us, recording.calibrated, frames
        self.channels = self.camera.channels
        self.looks = None if frames is None else self._frame_looks(frames)
        events = self._event_source(recording)
        known = self.camera.undistortable()
        self.draws = BatchDraws.build(Source(events, frames), setup.draws, None if known.all() else known)
        shortest = events.index.shortest_interval(events.refractory_us)
        if shortest is None:
            raise InputError("no pixel has two events", recording.path, "a longer recording is needed")
        self.sensor = LearnableSensor(recording.sensor, config.learn_ratio, config.learn_refractory, float(shortest))
        bearings = self.camera.bearings()
        bearings[:, :2] += mean_on_pixel(events.stream) / (self.camera.fx, self.camera.fy)
        self.register_buffer("bearings", torch.from_numpy(bearings), persistent=False)
        channel = torch.from_numpy(np.array(self.camera.channel_of_pixel()))
        self.register_buffer("channel", channel, persistent=False)
        channels = self.channels if frames is None else frames.channels
        self.frame_gain = nn.Parameter(torch.ones(channels), requires_grad=frames is not None)
        self.frame_offset = nn.Parameter(torch.zeros(channels), requires_grad=frames is not None)

    def _frame_looks(self, frames: Views) -> FrameLooks:
        """The frames; where on the path those without times were taken is not known, so their poses stay as given."""
        if frames.t_us is None and self.motion.learned:
            _log.warning("the frames have no times: their poses are taken as given, only those of events are corrected")
        t_s = None if frames.t_us is None else (frames.t_us - self.origin_us) * 1e-6
        return FrameLooks(frames, self.renderer.origin, t_s, t_s)

    def _event_source(self, recording: Recording) -> EventSource:
        """The recording's events, indexed; windows of at most the events while the image moves `window_motion_px`."""
        events, config = recording.covered, self.config
        if len(events) < len(recording.events):
            beyond = len(recording.events) - len(events)
            said = "%s: %d of %d events lie outside the time of the poses and are not used"
            _log.warning(said, recording.path or recording.name, beyond, len(recording.events))
        speed = image_speed(self.motion.given, self.camera, box_points(self.renderer.box))
        seconds = config.window_motion_px / max(speed, 1e-9)
        longest = int(np.clip(events.rate_hz * seconds, 30, max(len(events) // 2, 30)))
        refractory_us = 0.0 if config.learn_refractory else recording.sensor.refractory_us
        return EventSource(events, PixelIndex.build(events), refractory_us, longest)

    def draw(self, rays: int, rng: np.random.Generator) -> Batch:
        """A batch of about `rays` rays, by the draws that losses ask for; an interval costs two rays."""
        return self.draws.draw(rays, rng)

    def terms(self, batch: Batch, generator: torch.Generator) -> Terms:
        """The weighted losses of a batch: all its rays are rendered in one call."""
        drawn = {name: d for name, d in batch.items() if isinstance(d, Intervals)}
        pixels = {name: d for name, d in batch.items() if isinstance(d, FramePixels)}
        intervals = Intervals.concat(list(drawn.values())) if drawn else None
        device = self.bearings.device
        rays: list[Rays] = []
        jitters: list[Tensor] = []
        ends: tuple[Tensor, Tensor] | None = None
        if intervals is not None:
            # Both ends share the jitter, never the depths: their sampling errors cancel in the difference.
            jitter = torch.rand(len(intervals), generator=generator).to(device)
            ends = self._ends(intervals)
            rays += [self._event_rays(torch.from_numpy(intervals.pixel).to(device), t_s) for t_s in ends]
            jitters += [jitter, jitter]
        for of_frames in pixels.values():
            assert self.looks is not None
            rays.append(self.looks.rays(of_frames, self.motion))
            jitters.append(torch.rand(len(of_frames.pixel), generator=generator).to(device))
        joined = Rays.concat(rays)
        rendered = self.renderer(joined, torch.cat(jitters), with_spans=self.losses.with_spans)
        radiance = rendered.radiance
        compared: dict[str, IntervalSupervision | FrameSupervision] = {}
        if intervals is not None and ends is not None:
            n = len(intervals)
            every = self._interval_supervision(intervals, ends, radiance[: 2 * n])
            compared |= dict(zip(drawn, every.split([len(d) for d in drawn.values()]), strict=True))
            radiance = radiance[2 * n :]
        for name, of_frames in pixels.items():
            assert self.looks is not None
            first_ray = len(joined) - len(radiance)
            here, radiance = radiance.split([len(of_frames.pixel), len(radiance) - len(of_frames.pixel)])
            log_radiance = torch.log(seen_in(here, self.looks.frames.channels))
            compared[name] = self.looks.supervision(
                of_frames, log_radiance, self.frame_gain, self.frame_offset, first_ray
            )
        losses = self.losses(compared, rendered, joined, generator, self.motion)
        return Terms(losses, rays=len(joined), samples=rendered.samples)

    def _interval_supervision(
        self, drawn: Intervals, ends: tuple[Tensor, Tensor], radiance: Tensor
    ) -> IntervalSupervision:
        """Intervals together with what is rendered at all their starts, then at all their ends."""
        log_radiance = torch.log(seen_in(radiance, self.channels))
        pixel = torch.from_numpy(drawn.pixel).to(radiance.device)
        start, end = log_radiance[: len(drawn)], log_radiance[len(drawn) :]
        own = self.channel[pixel][:, None] if log_radiance.shape[1] > 1 else None
        start, end = (at[:, 0] if own is None else at.gather(1, own)[:, 0] for at in (start, end))
        n_pos = torch.from_numpy(drawn.n_pos).to(start)
        n_neg = torch.from_numpy(drawn.n_neg).to(start)
        return IntervalSupervision(
            log_start=start,
            log_end=end,
            observed=self.sensor.log_change(n_pos, n_neg).to(start.dtype),
            events=(n_pos + n_neg).to(torch.int64),
            starts_at_event=torch.from_numpy(drawn.starts_at_event).to(start.device),
            pixel=pixel,
            start_s=ends[0],
            end_s=ends[1],
            start_ray=torch.arange(len(drawn), device=pixel.device),
            end_ray=torch.arange(len(drawn), 2 * len(drawn), device=pixel.device),
            c_pos=torch.as_tensor(self.sensor.c_pos, dtype=start.dtype),
            c_neg=torch.as_tensor(self.sensor.c_neg, dtype=start.dtype),
        )

    def _ends(self, drawn: Intervals) -> tuple[Tensor, Tensor]:
        """When intervals start and end, seconds since the recording's start."""
        start, end = (self._seconds(t).to(self.bearings.device) for t in (drawn.t_start_us, drawn.t_end_us))
        # After an event the pixel is blind for the refractory period; its new reference is the level at the end of it.
        after_event = torch.from_numpy(drawn.starts_at_event).to(start.device)
        start = start + torch.where(after_event, self.sensor.refractory_s.to(start), torch.zeros_like(start))
        return torch.minimum(start, end), end

    def _event_rays(self, pixel: Tensor, t_s: Tensor) -> Rays:
        """Rays of pixels of the event camera at times."""
        motion, rays_at = self.motion, self.renderer.backend.camera_rays_at
        rays = rays_at(motion.given, self.bearings, pixel, t_s, motion.correction(t_s))
        return replace(rays, t_s=t_s.to(torch.float32))

    def _seconds(self, t_us: np.ndarray) -> Tensor:
        return torch.from_numpy((t_us - self.origin_us) * 1e-6)

    def after_step(self, step: int, generator: torch.Generator) -> None:
        """Keep the occupancy grid up to date, and memory bounded."""
        self.draws.after_step(step)
        self.renderer.after_step(step, generator)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Field, background, sensor, the frames' gain and offset, and the corrections of poses."""
        groups = self.renderer.parameter_groups()
        sensor = [p for p in self.sensor.parameters() if p.requires_grad]
        if sensor:
            groups.append(ParameterGroup("sensor", sensor, 1.0))
        if self.looks is not None:
            groups.append(ParameterGroup("frames", [self.frame_gain, self.frame_offset], 1.0))
        return [*groups, *self.motion.parameter_groups()]

    def model(self, step: int) -> Model:
        """The field and where the camera was, as they are now."""
        x, y, z = self.renderer.origin
        trajectory = self.motion.current().about((-x, -y, -z))
        return Model(self.renderer, self.camera, trajectory, self.sensor.current(), step)

    def content(self) -> dict[str, Any]:
        """Box, camera, path and sensor."""
        return model_content(self.model(0))
