"""The scene document of a run: what a viewer needs besides the field itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float64

from efields import __version__
from efields.errors import InputError
from efields.evaluate.heldout import finite, spread
from efields.export.background import BakedBackground, by_direction, one_colour
from efields.export.cameras import even_times, pinhole, pinhole_document, poses_at, scene_views, trajectory_document
from efields.export.contract import FORMAT, SCHEMA_VERSION, CamerasDocument, SceneDocument, SceneView, WorldDocument
from efields.export.events import MOST_EVENTS, pack_events, rate_document
from efields.export.tone import aligned_tone, tone_document
from efields.geometry.origin import poses_about
from efields.loaders import load
from efields.recordings.recording import Recording, Views
from efields.render.image import render_view
from efields.render.model import Model
from efields.samplers import Quality
from efields.supplied.supply import supply
from efields.train import Run, views_for
from efields.train.records import read_scores
from efields.wire.writing import table_of

MOST_VIEWS = 200
"""Views of a document."""
RECORDED_VIEWS = 40
"""Poses of the trajectory that stand for it among the views."""
LOOKS = 6
"""Poses of the trajectory that are rendered to find brightness and what to frame."""
LOOK_WIDTH = 64
SHORT_METRICS = (
    "protocol", "protocol_summary", "views", "views_are", "psnr", "psnr_reason", "ssim", "lpips", "depth_abs_rel",
    "depth_coverage", "train_seconds", "events", "steps",
)  # fmt: skip


@dataclass(frozen=True)
class SceneParts:
    """A scene before its volume."""

    scene: SceneDocument
    """Its `volume` is None."""
    blobs: dict[str, bytes]
    """zlib streams by name, as they are stored and served."""

    @property
    def document(self) -> dict[str, Any]:
        """scene.json: plain finite numbers."""
        return finite(table_of(self.scene))

    def with_tone(self, mode: Literal["auto", "fixed", "aligned"]) -> SceneParts:
        """The same, shown otherwise at first."""
        return replace(self, scene=replace(self.scene, tone=replace(self.scene.tone, mode=mode)))


def recording_of(run: Run) -> tuple[Recording | None, str]:
    """The recording that the run was trained on, or None and a sentence that says why it is not there."""
    experiment = run.experiment
    if not experiment.scene:
        return None, "The run names no recording: events are not shown."
    if not Path(experiment.scene).expanduser().exists():
        return None, "The recording is no longer at its path: events are not shown."
    try:
        options: dict[str, Any] = dict(experiment.loader)
        return supply(load(experiment.scene, **options), experiment.supplied), ""
    except InputError as error:
        return None, f"The recording cannot be read ({error.what}): events are not shown."


def scene_parts(
    run: Run,
    model: Model,
    recording: Recording | None,
    *,
    events: bool = True,
    most_events: int = MOST_EVENTS,
    quality: Quality | None = None,
) -> SceneParts:
    """The document of a run with its events, from the trained field and the recording where it is there.

    Its positions count from the renderer's origin (`world.origin`), as browsers compute in single precision.
    """
    metrics = read_scores(run.path)
    origin_us = model.trajectory.origin_us
    looks = look_around(model, quality)
    packed = None
    if recording is not None and events and len(recording.covered):
        packed = pack_events(
            recording.covered, recording.calibrated, model.sensor or recording.sensor, origin_us, most_events,
            assumed=recording.thresholds_assumed,
        )  # fmt: skip
    background = background_of(model)
    scene = SceneDocument(
        format=FORMAT,
        schema_version=SCHEMA_VERSION,
        name=str(metrics.get("scene") or run.name),
        generator=f"efields {__version__}",
        origin_us=origin_us,
        time_range_s=_time_range(model, recording),
        world=world_document(model, looks.points),
        volume=None,
        background=background.document,
        tone=tone_document(looks.log_radiance, aligned_tone(metrics, run.path, model.renderer.channels)),
        cameras=CamerasDocument(pinhole_document(model.camera), tuple(_views(run, model, recording))),
        trajectory=trajectory_document(model.near_trajectory),
        events=None if packed is None else packed.document,
        rate=None if recording is None or not events else rate_document(recording.covered, origin_us),
        metrics={key: metrics[key] for key in SHORT_METRICS if metrics.get(key) is not None},
        provenance=_provenance(run, model, recording),
        notes=(),
        moves_s=model.moves_s,
    )
    return SceneParts(scene, {**background.blobs, **({} if packed is None else packed.blobs)})


def background_of(model: Model) -> BakedBackground:
    """What stands behind the field of a model."""
    renderer = model.renderer

    def seen(way: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n c"]:
        with torch.no_grad():
            direction = torch.from_numpy(np.asarray(way, dtype=np.float32)).to(renderer.device)
            return renderer.background(direction).double().cpu().numpy()

    return by_direction(seen) if renderer.background.by_direction else one_colour(seen(np.eye(3)[:1])[0])


@dataclass(frozen=True)
class Looks:
    """What a few poses of the trajectory see of the field."""

    log_radiance: Float64[np.ndarray, "n c"]
    """Log radiance of their pixels."""
    points: Float64[np.ndarray, "m 3"]
    """Points of their surfaces, counted from the renderer's origin; none where nothing is opaque."""


def look_around(model: Model, quality: Quality | None = None) -> Looks:
    """Render a few small pictures along the trajectory."""
    flat = pinhole(model.camera)
    small = flat.scaled(min(1.0, LOOK_WIDTH / flat.width))
    bearings = small.bearings()
    bearings /= np.linalg.norm(bearings, axis=1, keepdims=True)
    seen, points = [], []
    t_s = even_times(model.trajectory, LOOKS)
    for pose, time in zip(poses_at(model.trajectory, t_s), t_s.tolist(), strict=True):
        view = render_view(model.renderer, small, pose, time, quality)
        seen.append(np.log(np.maximum(view.radiance, 1e-9)).reshape(small.pixels, -1))
        depth = view.depth.reshape(-1).astype(np.float64)
        hit = np.isfinite(depth)
        place = pose[:3, 3] - model.renderer.origin
        points.append(place + depth[hit, None] * (bearings[hit] @ pose[:3, :3].T))
    return Looks(np.concatenate(seen).astype(np.float64), np.concatenate(points))


def world_document(model: Model, points: Float64[np.ndarray, "m 3"]) -> WorldDocument:
    """The box of the field, up, and the ball to frame: around the surfaces that the cameras see, or the whole box."""
    cameras = poses_at(model.near_trajectory, even_times(model.trajectory, 64))
    up = -cameras[:, :3, 1].mean(axis=0)
    length = float(np.linalg.norm(up))
    up = up / length if length > 0.1 else np.array([0.0, 0.0, 1.0])
    box = model.renderer.box
    if len(points) >= 32:
        low, high = (np.clip(np.percentile(points, q, axis=0), box.lo, box.hi) for q in (2.0, 98.0))
    else:
        low, high = np.array(box.lo), np.array(box.hi)
    radius = max(0.5 * float(np.linalg.norm(high - low)), 1e-3 * box.diagonal)
    return WorldDocument((box.lo, box.hi), _triple(up), _triple(0.5 * (low + high)), radius, model.renderer.origin)


def _triple(vector: Float64[np.ndarray, "3"]) -> tuple[float, float, float]:
    x, y, z = vector.tolist()
    return x, y, z


def _time_range(model: Model, recording: Recording | None) -> tuple[float, float]:
    """From the first event or pose to the last."""
    first, last = model.trajectory.seconds_span
    if recording is not None and len(recording.covered):
        t_us, origin_us = recording.covered.t_us, model.trajectory.origin_us
        first, last = min(first, (int(t_us[0]) - origin_us) * 1e-6), max(last, (int(t_us[-1]) - origin_us) * 1e-6)
    return first, last


def _views(run: Run, model: Model, recording: Recording | None) -> list[SceneView]:
    """Poses of the trajectory, frames that were trained on, and held-out views."""
    t_s = even_times(model.trajectory, RECORDED_VIEWS)
    recorded = scene_views("recorded", [f"{t:.3f} s" for t in t_s], poses_at(model.near_trajectory, t_s), t_s.tolist())
    if recording is None:
        return recorded + _heldout_of_run(run, model)[: MOST_VIEWS - len(recorded)]
    training, heldout = views_for(run.experiment, recording)
    room = MOST_VIEWS - len(recorded)
    most = room // 2 if training and heldout else room
    trained = [] if training is None else _some("training", training, model, most)
    return [*recorded, *trained, *([] if heldout is None else _some("heldout", heldout, model, most))]


def _some(kind: Literal["training", "heldout"], views: Views, model: Model, most: int) -> list[SceneView]:
    chosen = views.take(spread(len(views), most))
    t_s = None if chosen.t_us is None else ((chosen.t_us - model.trajectory.origin_us) * 1e-6).tolist()
    poses = poses_about(chosen.T_world_camera, model.renderer.origin)
    cameras = [None if camera == model.camera else camera for camera in chosen.camera_of_each]
    return scene_views(kind, chosen.names, poses, t_s, cameras)


def _heldout_of_run(run: Run, model: Model) -> list[SceneView]:
    """Held-out views that the evaluation kept in the run folder."""
    try:
        with np.load(run.path / "heldout.npz", allow_pickle=False) as stored:
            if "truth" not in stored.files:
                return []
            names, poses = [str(name) for name in stored["names"]], stored["T_world_camera"]
            t_us = stored["t_us"] if "t_us" in stored.files else None
            t_s = None if t_us is None else ((t_us - model.trajectory.origin_us) * 1e-6).tolist()
    except Exception:  # a broken file of images is reported by the report; here it only means fewer views
        return []
    return scene_views("heldout", names, poses_about(poses, model.renderer.origin), t_s)


def _provenance(run: Run, model: Model, recording: Recording | None) -> dict[str, Any]:
    """Where the scene comes from, without paths of the machine that made it."""
    training = run.training()
    return {
        "run": run.name,
        "step": model.step,
        "seed": training.get("seed", run.experiment.seed),
        "efields": __version__,
        "recording": (recording.name if recording is not None else "") or Path(run.experiment.scene).name,
        "trained_with": training.get("backend", run.experiment.backend),
    }
