"""The complete scene of a run: its document with the baked volume, and all blobs; and the loss in PSNR by baking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64

from efields.evaluate import scores
from efields.evaluate.heldout import finite, mean_psnr, render_views, seconds_of, spread
from efields.evaluate.protocols import protocol_named
from efields.export.bake import OnShare
from efields.export.baked_renderer import BakedRenderer
from efields.export.cameras import even_times, poses_at
from efields.export.contract import SceneDocument
from efields.export.document import SceneParts, background_of, scene_parts
from efields.export.events import MOST_EVENTS
from efields.export.keyframes import Times, baked_volume, keyframe_times, time_note
from efields.export.volume import Volume
from efields.geometry.camera import Camera
from efields.geometry.origin import poses_about
from efields.recordings.recording import Recording
from efields.render.model import Model
from efields.train import Run, views_for
from efields.wire.writing import table_of

RESOLUTION = 192
"""Default number of voxels along the longest edge."""
SCORED_VIEWS = 8
"""Views on which live and baked renders are compared."""


@dataclass(frozen=True)
class BakedScene:
    """What an exporter writes."""

    scene: SceneDocument
    """Volume included."""
    blobs: dict[str, bytes]
    """zlib streams by name."""
    volume: Volume
    """The codes."""
    diffuse: bool
    """False where the field's radiance depends on direction and was averaged."""

    @property
    def document(self) -> dict[str, Any]:
        """scene.json: plain finite numbers."""
        return finite(table_of(self.scene))


@dataclass(frozen=True)
class BakingLoss:
    """PSNR of baked renders against the reference views, or against live renders if there are none."""

    views: int
    """Views compared."""
    protocol: str
    """Protocol of the comparison with the truth; "" for live against baked."""
    live: float | None
    """PSNR of live renders, dB; None without references."""
    baked: float
    """PSNR of baked renders: against the truth, or against live renders, dB."""

    def sentence(self) -> str:
        """The loss in words."""
        if self.live is None:
            return f"baked against live renders: {self.baked:.1f} dB on {self.views} views (no reference frames)"
        numbers = f"live {self.live:.2f} dB, baked {self.baked:.2f} dB, a drop of {self.live - self.baked:.2f} dB"
        return f"{numbers}, on {self.views} held-out views, protocol {self.protocol}"


def baked_scene(
    run: Run,
    model: Model,
    recording: Recording | None,
    *,
    resolution: int = RESOLUTION,
    times: Times | None = None,
    most_events: int = MOST_EVENTS,
    on_share: OnShare | None = None,
) -> BakedScene:
    """Bake the field of a run with `resolution` voxels along the longest edge.

    A field that moves is baked at `times`, those of `keyframe_times` if None.
    Raises `InputError` for a resolution outside 8 to 256.
    """
    parts: SceneParts = scene_parts(run, model, recording, events=most_events > 0, most_events=most_events)
    times = keyframe_times(model) if times is None else times
    volume, diffuse = baked_volume(model, resolution, times, on_share)
    notes = (*parts.scene.notes, *time_note(times))
    if not diffuse:
        notes = (*notes, "Radiance that depends on direction was averaged over the cameras.")
    world = replace(parts.scene.world, aabb=(volume.box.lo, volume.box.hi))
    scene = replace(parts.scene, world=world, volume=volume.document(), notes=notes)
    return BakedScene(scene, {**parts.blobs, **volume.blobs()}, volume, diffuse)


def baking_loss(run: Run, model: Model, scene: BakedScene, recording: Recording | None) -> BakingLoss:
    """PSNR of live and of baked renders on a few held-out views, each after its own fit of the run's protocol."""
    views = None if recording is None else views_for(run.experiment, recording)[1]
    if views is None or len(views) == 0:
        return _against_live(model, scene.volume)
    some = views.take(spread(len(views), SCORED_VIEWS))
    name = run.experiment.evaluate.protocol
    rule, t_s = protocol_named(name), seconds_of(model.renderer, some)
    if t_s is None:  # of a field that moves, both are the first picture
        t_s = np.full(len(some), model.renderer.span_s[0])
    places = some.camera_of_each, some.T_world_camera, t_s
    live, _, _ = render_views(model.renderer, *places)
    both = live, _renders(scene.volume, model, *places)
    return BakingLoss(len(some), name, *(mean_psnr(seen, some, rule) for seen in both))


def _renders(
    volume: Volume, model: Model, cameras: list[Camera], poses: np.ndarray, t_s: Float64[np.ndarray, " n"]
) -> list[np.ndarray]:
    """Pictures of the codes, each at its time."""
    background, pictures, baked = background_of(model), [], None
    for camera, pose, time in zip(cameras, poses_about(poses, model.renderer.origin), t_s.tolist(), strict=True):
        if baked is None or len(volume.keyframes) > 1:
            baked = BakedRenderer(volume, background, time)
        pictures.append(baked.view(camera, pose).radiance.astype(np.float32))
    return pictures


def _against_live(model: Model, volume: Volume) -> BakingLoss:
    t_s = even_times(model.trajectory, SCORED_VIEWS)
    poses = poses_at(model.trajectory, t_s)
    places = [model.camera] * len(poses), poses, t_s
    live = np.stack(render_views(model.renderer, *places)[0])
    span = max(float(live.max() - live.min()), 1e-9)
    each = [scores.psnr(x, y, span) for x, y in zip(_renders(volume, model, *places), live, strict=True)]
    return BakingLoss(len(poses), "", None, float(np.mean(each)))
