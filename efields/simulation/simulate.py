"""From a scene file to a recording with ground truth: frames, events, trajectory, held-out views with depth."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording, Views
from efields.simulation.event_camera import simulate_events
from efields.simulation.motion_truth import MotionTruth
from efields.simulation.rendered import OnProgress, RenderedScene, rendered_scene
from efields.simulation.scene import ExpectedEvents, Scene, load_scene

log = logging.getLogger(__name__)

POSE_RATE_HZ = 1000
"""Rate of the trajectory; poses between are interpolated linearly."""


@dataclass(frozen=True)
class Simulated:
    """A simulated recording and its ground truth."""

    recording: Recording
    """Events, camera, sensor, trajectory, frames, held-out views and box."""
    labels: UInt8[np.ndarray, " n"]
    """Cause of each event: 0 signal, 1 noise, 2 a hot pixel."""
    expected_events: ExpectedEvents | None
    """Number of events that the scene file expects; None if it does not say, or for a quick preview."""
    truth: MotionTruth | None = None
    """Ground-truth motion and depth along a free path; None for other paths."""

    @property
    def as_expected(self) -> bool | None:
        """Whether the number of events is within the scene's tolerance; None if none is expected."""
        return None if self.expected_events is None else self.expected_events.holds(len(self.recording.events))


def quick_scene(scene: Scene, width: int) -> Scene:
    """A quick preview of a scene: images `width` pixels across, few samples, 8 held-out views, no expected count."""
    height = max(round(scene.image.height * width / scene.image.width), 2)
    return replace(
        scene,
        image=replace(scene.image, width=width, height=height),
        render=replace(scene.render, samples=16, samples_heldout=64, max_motion_px=max(scene.render.max_motion_px, 1)),
        heldout=replace(scene.heldout, count=min(scene.heldout.count, 8)),
        expected_events=None,
    )


def simulate_scene(path: str | Path, *, on_progress: OnProgress | None = None, quick: int | None = None) -> Simulated:
    """Simulate the scene of a `scene.toml` or of its folder; frames come from the cache if they are there.

    `quick` is the image width of a quick preview. `on_progress` is called with the stage ("frames", "held-out views",
    "events"), the number done and the total.
    Raises `InputError` for a scene that cannot be read, and when Mitsuba is missing.
    """
    scene = load_scene(path)
    if quick is not None:
        scene = quick_scene(scene, quick)
    rendered = rendered_scene(scene, on_progress)
    exposure = np.float32(scene.image.exposure)
    frames = (np.asarray(frame, dtype=np.float32) * exposure for frame in rendered.frames)

    def report(done: int, total: int | None) -> None:
        if on_progress is not None:
            on_progress("events", done, total or len(rendered.t_s))

    events, labels = simulate_events(frames, rendered.t_s, scene.sensor, on_progress=report)
    recording = _recording(scene, rendered, events, exposure, Path(path))
    simulated = Simulated(recording, labels, scene.expected_events, rendered.truth)
    if simulated.as_expected is False and scene.expected_events is not None:
        expected = scene.expected_events
        band = f"{expected.count} within {expected.tolerance:.0%}"
        log.warning("%s produced %d events, expected %s", scene.name, len(events), band)
    return simulated


def _recording(
    scene: Scene, rendered: RenderedScene, events: EventStream, exposure: np.float32, path: Path
) -> Recording:
    """Everything in the form that loaders return."""
    sensor, camera = scene.sensor, scene.camera()
    poses_at = np.linspace(0, scene.path.duration_s, max(round(scene.path.duration_s * POSE_RATE_HZ), 1) + 1)
    trajectory = Trajectory.from_matrices(
        np.rint(poses_at * 1e6).astype(np.int64), scene.path.poses(poses_at), "linear", int(events.t_us[0])
    )
    kept = np.unique(np.linspace(0, len(rendered.t_s) - 1, scene.render.frames_recorded).round().astype(int))
    frames = Views.stacked(
        image=rendered.frames[kept].astype(np.float32) * exposure,
        T_world_camera=scene.path.poses(rendered.t_s[kept]),
        camera=camera,
        names=tuple(f"frame_{k:03d}" for k in range(len(kept))),
        t_us=np.rint(rendered.t_s[kept] * 1e6).astype(np.int64),
    )
    heldout = Views.stacked(
        image=rendered.heldout * exposure,
        T_world_camera=scene.heldout.poses(scene.path),
        camera=camera,
        names=tuple(f"view_{k:03d}" for k in range(len(rendered.heldout))),
        depth=rendered.depth,
    )
    return Recording(
        events=events,
        camera=camera,
        sensor=Sensor(sensor.c_pos, sensor.c_neg, sensor.refractory_us, sensor.threshold_sigma),
        trajectory=trajectory,
        frames=frames if len(kept) else None,
        heldout=heldout if len(rendered.heldout) else None,
        box=scene.box,
        name=scene.name,
        path=path,
        notes=(f"Simulated: {len(rendered.t_s)} frames of {camera.width}x{camera.height} rendered by Mitsuba.",),
    )
