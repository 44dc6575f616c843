"""The scenes that come with efields, really rendered: how far they move from frame to frame, and a rehearsal of one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.cli._shipped import find_shipped, shipped_names
from efields.simulation.render import SceneRenderer
from efields.simulation.rendered import frame_times
from efields.simulation.scene import load_scene
from efields.simulation.simulate import simulate_scene
from tests.simulation.scenes import need_mitsuba

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", shipped_names("scenes"))
def test_points_move_no_farther_than_the_scene_says(name: str) -> None:
    need_mitsuba()
    scene = load_scene(find_shipped(name, "scenes"))
    renderer = SceneRenderer(scene)
    t_s = frame_times(scene, renderer)
    first = np.linspace(0, len(t_s) - 2, 40).astype(int)
    moved = []
    # frame_times looks through a coarser grid at other instants
    for k, before, after in zip(first, scene.path.poses(t_s[first]), scene.path.poses(t_s[first + 1]), strict=True):
        renderer.advance(float(t_s[k]))
        points, velocity = renderer.visible_points(before, across=64)
        moved_points = points + (t_s[k + 1] - t_s[k]) * velocity
        at = [
            renderer.camera.project((seen - T[:3, 3]) @ T[:3, :3])
            for T, seen in ((before, points), (after, moved_points))
        ]
        moved.append(np.linalg.norm(at[1] - at[0], axis=-1).max())
    assert max(moved) <= 1.05 * scene.render.max_motion_px
    assert np.median(moved) > 0.5 * scene.render.max_motion_px, "more frames than the motion needs"


def test_a_rehearsal_of_a_shipped_scene_in_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_mitsuba()
    monkeypatch.setenv("EFIELDS_CACHE", str(tmp_path))
    simulated = simulate_scene(find_shipped("chairlike", "scenes"), quick=32)
    recording, heldout = simulated.recording, simulated.recording.heldout
    assert recording.camera is not None
    assert recording.camera.bayer == "RGGB"
    assert (simulated.labels == 0).all()
    assert len(recording.events) > 10_000
    # every pixel of the filter fires: red, green and blue
    fired = np.bincount(recording.camera.channel_of_pixel()[recording.events.y.astype(int) * 32 + recording.events.x])
    assert (fired / len(recording.events) > [0.15, 0.3, 0.15]).all()
    assert heldout is not None
    assert heldout.depth is not None
    assert heldout.image.shape == (8, 32, 32, 3)
    hit = np.isfinite(heldout.depth)
    assert (hit.mean((1, 2)) > 0.1).all()
    # a pixel that is all chair is no lighter than the white behind it
    np.testing.assert_allclose(heldout.image[:, 0, 0], 1.0, atol=1e-5)
    assert heldout.image[hit].mean() < 0.6
