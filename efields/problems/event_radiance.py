"""A radiance field optimised against the events of a moving camera, and its frames where they are trusted.

One forward model serves every loss: look(pixel, t) renders what the pixel sees from where the camera was at time t;
the change of log radiance between two looks is compared with what the sensor counted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor, nn

from efields.backends.reference import Backend
from efields.errors import InputError
from efields.events.intervals import Intervals, PixelIndex
from efields.events.learnable_sensor import LearnableSensor
from efields.events.stream import mean_on_pixel
from efields.geometry.boxes import Box
from efields.geometry.looked_at import box_points, image_speed
from efields.geometry.rays import Rays
from efields.geometry.trajectory import Trajectory
from efields.problem import ParameterGroup, Terms, field_groups
from efields.problems._batches import Batch, BatchDraws, Shares
from efields.problems._frames import FrameLooks, FramePixels, seen_in, weighted
from efields.ranges import Range
from efields.recordings.recording import Recording, Views
from efields.render.renderer import Renderer, Sampling
from efields.scene_box import Corners, FoundBox, find_box
from efields.supervision import FrameSupervision, IntervalSupervision

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Config:
    """Settings of the event radiance problem."""

    frames: bool = False
    """Whether the camera's own frames supervise the field beside its events (losses.photometric)."""
    box: Corners | None = None
    """Two opposite corners of the field's box, world units; None takes the recording's, or finds one: around
    what the camera circles, around depth maps or points, or as far as the parallax of events shows."""
    window_motion_px: Annotated[float, Range(above=0, most=10_000)] = 60.0
    """Image motion, in pixels, that the longest windows span; it sets their number of events. Long windows make a field
    converge many times sooner, as brightness need not spread from pixel to pixel; threshold errors add up over them."""
    windows_at_events: bool = True
    """Whether windows are moved to events of their own pixels, between which counts are exact."""
    learn_ratio: bool = False
    """Whether the ratio c_pos / c_neg is learned; from events alone only the ratio is observable."""
    learn_refractory: bool = False
    """Whether the refractory period is learned."""
    shares: Shares = Shares()
    """How rays are divided among the draws."""

    def __post_init__(self) -> None:
        if self.box is not None:
            Box.between(*self.box)

    @property
    def default_losses(self) -> tuple[str, ...]:
        """Losses of an experiment that names none."""
        events = ("event_interval", "event_window", "silent", "distortion")
        return (*events, "photometric") if self.frames else events

    def build(
        self,
        recording: Recording,
        frames: Views | None,
        losses: Mapping[str, Any],
        field: Any,
        sampling: Sampling,
        backend: Backend,
        generator: torch.Generator,
    ) -> EventRadiance:
        """The problem on a recording; `field` is a Config of efields.fields, `frames` the views that may be trained on.

        Raises `InputError` when the recording lacks poses, or a loss asks for frames that are not there.
        """
        if recording.trajectory is None:
            raise InputError("the recording has no camera poses", recording.path, "training needs them: give --poses")
        wants_frames = any(loss.draws == "frames" for loss in losses.values())
        if wants_frames and frames is None:
            raise InputError(
                "a loss compares with frames, but none may be trained on",
                recording.path,
                "set problem.frames = true for a recording that has frames, or take the loss out",
            )
        channels = recording.calibrated.channels
        if wants_frames and frames is not None:  # a field of colours where either camera sees colours
            channels = max(channels, frames.channels)
        found = find_box(recording, recording.trajectory, recording.calibrated, recording.frames, self.box)
        renderer = Renderer.over(found.box, field, channels, sampling, backend, generator)
        problem = EventRadiance(self, recording, frames if wants_frames else None, losses, renderer)
        problem.found_box = found
        return problem


class EventRadiance(nn.Module):
    """The field, its sensor and its losses, ready for the training loop."""

    found_box: FoundBox | None = None
    bearings: Tensor
    channel: Tensor

    def __init__(
        self,
        config: Config,
        recording: Recording,
        frames: Views | None,
        losses: Mapping[str, Any],
        renderer: Renderer,
    ) -> None:
        super().__init__()
        assert recording.trajectory is not None
        self.config, self.losses, self.renderer = config, dict(losses), renderer
        self.trajectory: Trajectory = recording.trajectory
        self._near = self.trajectory.about(renderer.origin)
        self.origin_us = self.trajectory.origin_us
        self.camera, self.frames = recording.calibrated, frames
        self.looks = None if frames is None else FrameLooks(frames, renderer.origin)
        self.draws = self._batch_draws(recording)
        shortest = self.draws.index.shortest_interval(self.draws.refractory_us)
        if shortest is None:
            raise InputError("no pixel has two events", recording.path, "a longer recording is needed")
        self.sensor = LearnableSensor(recording.sensor, config.learn_ratio, config.learn_refractory, float(shortest))
        bearings = self.camera.bearings()
        bearings[:, :2] += mean_on_pixel(self.draws.events) / (self.camera.fx, self.camera.fy)
        self.register_buffer("bearings", torch.from_numpy(bearings), persistent=False)
        channel = torch.from_numpy(np.array(self.camera.channel_of_pixel()))
        self.register_buffer("channel", channel, persistent=False)
        channels = self.camera.channels if frames is None else frames.channels
        self.frame_gain = nn.Parameter(torch.ones(channels), requires_grad=frames is not None)
        self.frame_offset = nn.Parameter(torch.zeros(channels), requires_grad=frames is not None)

    def _batch_draws(self, recording: Recording) -> BatchDraws:
        """The recording's events, indexed; windows of at most the events while the image moves `window_motion_px`."""
        events, config = recording.covered, self.config
        if len(events) < len(recording.events):
            beyond = len(recording.events) - len(events)
            said = "%s: %d of %d events lie outside the time of the poses and are not used"
            _log.warning(said, recording.path or recording.name, beyond, len(recording.events))
        index = PixelIndex.build(events)
        refractory_us = 0.0 if config.learn_refractory else recording.sensor.refractory_us
        speed = image_speed(self._near, self.camera, box_points(self.renderer.box))
        seconds = config.window_motion_px / max(speed, 1e-9)
        window_events = int(np.clip(events.rate_hz * seconds, 30, max(len(events) // 2, 30)))
        known = self.camera.undistortable()
        return BatchDraws(
            shares=config.shares,
            index=index,
            events=events,
            refractory_us=refractory_us,
            window_events=window_events,
            windows_at_events=config.windows_at_events,
            longest_silent_us=max(int(1e6 * window_events / max(events.rate_hz, 1e-9)), 2),
            known_direction=None if known.all() else known,
            frames=self.looks,
        )

    def draw(self, rays: int, rng: np.random.Generator) -> Batch:
        """A batch of about `rays` rays, by the draw that losses ask for; an interval costs two rays."""
        return self.draws.draw((loss.draws for loss in self.losses.values()), rays, rng)

    def terms(self, batch: Batch, generator: torch.Generator) -> Terms:
        """The weighted losses of a batch: all its rays are rendered in one call."""
        drawn = {name: d for name, d in batch.items() if isinstance(d, Intervals)}
        intervals = Intervals.concat(list(drawn.values())) if drawn else None
        pixels = [d for d in batch.values() if isinstance(d, FramePixels)]
        rays: list[Rays] = []
        jitters: list[Tensor] = []
        if intervals is not None:
            # Both ends share the jitter, never the depths: their sampling errors cancel in the difference.
            jitter = torch.rand(len(intervals), generator=generator).to(self.bearings.device)
            rays += self._interval_rays(intervals)
            jitters += [jitter, jitter]
        for of_frames in pixels:
            assert self.looks is not None
            rays.append(self.looks.rays(of_frames))
            jitters.append(torch.rand(len(of_frames.pixel), generator=generator).to(self.bearings.device))
        joined = Rays(torch.cat([r.origin for r in rays]), torch.cat([r.direction for r in rays]))
        rendered = self.renderer(joined, torch.cat(jitters))
        radiance = rendered.radiance
        compared: dict[str, IntervalSupervision | FrameSupervision] = {}
        if intervals is not None:
            n = len(intervals)
            of_events = torch.log(seen_in(radiance[: 2 * n], self.camera.channels))
            every = self._interval_supervision(intervals, of_events[:n], of_events[n:])
            compared |= dict(zip(drawn, every.split([len(d) for d in drawn.values()]), strict=True))
            radiance = radiance[2 * n :]
        for of_frames in pixels:
            assert self.looks is not None
            log_radiance = torch.log(seen_in(radiance, self.looks.frames.channels))
            compared["frames"] = self.looks.supervision(of_frames, log_radiance, self.frame_gain, self.frame_offset)
        losses = weighted(self.losses, compared, rendered, self.renderer.box.diagonal)
        return Terms(losses, rays=len(joined.origin), samples=rendered.samples)

    def _interval_supervision(self, drawn: Intervals, start: Tensor, end: Tensor) -> IntervalSupervision:
        change = end - start
        if change.shape[1] > 1:
            pixel = torch.from_numpy(drawn.pixel).to(start.device)
            change = change.gather(1, self.channel[pixel][:, None])
        n_pos = torch.from_numpy(drawn.n_pos).to(start)
        n_neg = torch.from_numpy(drawn.n_neg).to(start)
        return IntervalSupervision(
            predicted=change[:, 0],
            observed=self.sensor.log_change(n_pos, n_neg).to(start.dtype),
            events=(n_pos + n_neg).to(torch.int64),
            starts_at_event=torch.from_numpy(drawn.starts_at_event).to(start.device),
            c_pos=torch.as_tensor(self.sensor.c_pos, dtype=start.dtype),
            c_neg=torch.as_tensor(self.sensor.c_neg, dtype=start.dtype),
        )

    def _interval_rays(self, drawn: Intervals) -> list[Rays]:
        pixel = torch.from_numpy(drawn.pixel).to(self.bearings.device)
        start, end = (self._seconds(t).to(self.bearings.device) for t in (drawn.t_start_us, drawn.t_end_us))
        # After an event the pixel is blind for the refractory period; its new reference is the level at the end of it.
        after_event = torch.from_numpy(drawn.starts_at_event).to(start.device)
        start = start + torch.where(after_event, self.sensor.refractory_s.to(start), torch.zeros_like(start))
        rays_at = self.renderer.backend.camera_rays_at
        return [rays_at(self._near, self.bearings, pixel, t) for t in (torch.minimum(start, end), end)]

    def _seconds(self, t_us: np.ndarray) -> Tensor:
        return torch.from_numpy((t_us - self.origin_us) * 1e-6)

    def after_step(self, step: int, generator: torch.Generator) -> None:
        """Keep the occupancy grid up to date, and memory bounded."""
        self.draws.after_step(step)
        self.renderer.after_step(step, generator)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Table, perceptrons, background, sensor, and the frames' gain and offset."""
        groups = field_groups(self.renderer)
        sensor = [p for p in self.sensor.parameters() if p.requires_grad]
        if sensor:
            groups.append(ParameterGroup("sensor", sensor, 1.0))
        if self.looks is not None:
            groups.append(ParameterGroup("frames", [self.frame_gain, self.frame_offset], 1.0))
        return groups
