"""Data of the motion benchmark: simulated scenes with a clean and a noisy sensor, and their ground-truth motion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from efields.evaluate.motion_truth import MOTION_TRUTH_FILE, MotionTruth, load_truth
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.loaders import load
from efields.simulation.event_camera import simulate_events
from efields.simulation.rendered import rendered_scene
from efields.simulation.scene import load_scene
from efields.simulation.sensor_model import EventCamera


@dataclass(frozen=True, eq=False)
class MotionScene:
    """Events and what is known of them."""

    name: str
    """Name of the scene."""
    sensor: str
    """`clean`, `noisy`, or `recorded` for a folder."""
    events: EventStream
    """All events."""
    camera: Camera
    """The camera."""
    truth: MotionTruth
    """True motion, depth and movers."""

    def middle(self, seconds: float) -> EventStream:
        """Events of so many seconds from the middle."""
        centre = (int(self.events.t_us[0]) + int(self.events.t_us[-1])) // 2
        half = round(seconds * 5e5)
        return self.events.between(centre - half, centre + half)

    def middle_events(self, count: int) -> EventStream:
        """So many events from the middle, or all."""
        first = max((len(self.events) - count) // 2, 0)
        return self.events[first : first + count]


def noisy(sensor: EventCamera) -> EventCamera:
    """A sensor with the same thresholds and what real ones add: mismatch, jitter, leak, shot noise, hot pixels, delay.

    Of the size that Hu et al. (v2e, CVPR Workshops 2021) call noisy, or worse.
    """
    return replace(
        sensor,
        threshold_sigma=0.05,
        threshold_jitter=0.02,
        refractory_us=300.0,
        cutoff_hz=300.0,
        leak_rate_hz=0.1,
        shot_noise_rate_hz=5.0,
        hot_pixel_share=0.0005,
        hot_pixel_rate_hz=200.0,
    )


def simulated_scene(source: Path, with_noise: bool) -> MotionScene:
    """A scene file's events before its own sensor or a noisy one; its frames come from the cache if they are there.

    Raises `ValueError` for a scene without a free path, whose motion is not known.
    """
    scene = load_scene(source)
    sensor = noisy(scene.sensor) if with_noise else scene.sensor
    rendered = rendered_scene(scene)
    if rendered.truth is None:
        raise ValueError(f"{scene.name} has no ground-truth motion")
    exposure = np.float32(scene.image.exposure)
    frames = (np.asarray(frame, dtype=np.float32) * exposure for frame in rendered.frames)
    events, _ = simulate_events(frames, rendered.t_s, sensor)
    return MotionScene(scene.name, "noisy" if with_noise else "clean", events, scene.camera(), rendered.truth)


def recorded_scene(folder: Path) -> MotionScene:
    """A recording's folder with a motion truth in it. Raises `InputError` where there is none."""
    recording = load(folder)
    truth = load_truth(folder / MOTION_TRUTH_FILE)
    return MotionScene(recording.name or folder.name, "recorded", recording.events, recording.calibrated, truth)
