"""The complete scene of a run: its document with the baked volume, and all blobs; and the loss in PSNR by baking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from efields.evaluate import scores
from efields.evaluate.heldout import finite, mean_psnr, render_views, spread
from efields.evaluate.protocols import protocol_named
from efields.export.bake import encode, sample_voxels
from efields.export.baked_renderer import BakedRenderer
from efields.export.cameras import even_times, poses_at
from efields.export.contract import SceneDocument
from efields.export.document import SceneParts, background_of, scene_parts
from efields.export.events import MOST_EVENTS
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
_EYES = 8

OnShare = Callable[[int, int], None]


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
    most_events: int = MOST_EVENTS,
    on_share: OnShare | None = None,
) -> BakedScene:
    """Bake the field of a run with `resolution` voxels along the longest edge.

    Raises `InputError` for a resolution outside 8 to 256.
    """
    parts: SceneParts = scene_parts(run, model, recording, events=most_events > 0, most_events=most_events)
    eyes = poses_at(model.near_trajectory, even_times(model.trajectory, _EYES))[:, :3, 3]
    voxels = sample_voxels(model.renderer, eyes, resolution, on_share=on_share)
    volume = encode([(None, voxels)])
    notes = parts.scene.notes
    if not voxels.diffuse:
        notes = (*notes, "Radiance that depends on direction was averaged over the cameras.")
    world = replace(parts.scene.world, aabb=(volume.box.lo, volume.box.hi))
    scene = replace(parts.scene, world=world, volume=volume.document(), notes=notes)
    return BakedScene(scene, {**parts.blobs, **volume.blobs()}, volume, voxels.diffuse)


def baking_loss(run: Run, model: Model, scene: BakedScene, recording: Recording | None) -> BakingLoss:
    """PSNR of live and of baked renders on a few held-out views, each after its own fit of the run's protocol."""
    views = None if recording is None else views_for(run.experiment, recording)[1]
    baked = BakedRenderer(scene.volume, background_of(model))
    if views is None or len(views) == 0:
        return _against_live(model, baked)
    some = views.take(spread(len(views), SCORED_VIEWS))
    name = run.experiment.evaluate.protocol
    places, rule = (some.camera_of_each, some.T_world_camera), protocol_named(name)
    live, _, _ = render_views(model.renderer, *places)
    both = live, _renders(baked, model, *places)
    return BakingLoss(len(some), name, *(mean_psnr(seen, some, rule) for seen in both))


def _renders(baked: BakedRenderer, model: Model, cameras: list[Camera], poses: np.ndarray) -> list[np.ndarray]:
    pairs = zip(cameras, poses_about(poses, model.renderer.origin), strict=True)
    return [baked.view(camera, pose).radiance.astype(np.float32) for camera, pose in pairs]


def _against_live(model: Model, baked: BakedRenderer) -> BakingLoss:
    poses = poses_at(model.trajectory, even_times(model.trajectory, SCORED_VIEWS))
    places = [model.camera] * len(poses), poses
    live = np.stack(render_views(model.renderer, *places)[0])
    span = max(float(live.max() - live.min()), 1e-9)
    each = [scores.psnr(x, y, span) for x, y in zip(_renders(baked, model, *places), live, strict=True)]
    return BakingLoss(len(poses), "", None, float(np.mean(each)))
