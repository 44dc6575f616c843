"""A scene that moves, before a background by direction: the shader at each moment against the numpy march."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from efields.export.background import by_direction
from efields.export.baked_renderer import BakedRenderer
from efields.export.volume import Keyframe, Volume
from tests.export.test_background import sky
from tests.viewer import analytic
from tests.viewer.scenes import camera_of, document_of, orbit_pose, view_of, write_page
from tests.viewer.visit import Visit

pytestmark = pytest.mark.browser

SIZE = 64
PIXELS = "window.efields.renderer.canvas.toDataURL()"
FULL = "window.efields.status()?.state === 'full'"
POSES = [orbit_pose(turn, 0.4) for turn in (0.05, 0.45, 0.8)]
"""Recorded at 0, 0.1 and 0.2 s."""


@pytest.fixture
def moving() -> Volume:
    """The analytic field, and from 0.04 to 0.2 s on its way to what it is in a mirror, darker."""
    still = analytic.volume(24)
    codes = still.keyframes[0].codes
    mirrored = codes[:, :, ::-1].copy()
    mirrored[..., :3] //= 2
    return dataclasses.replace(still, keyframes=(Keyframe(0.04, codes), Keyframe(0.2, mirrored)))


def test_each_moment_is_drawn_as_numpy_draws_it(
    moving: Volume, built_page: Path, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    behind = by_direction(sky, rows=16)
    document = document_of(moving, behind.document, POSES)
    blobs = {**moving.blobs(), **behind.blobs}
    page = visit(write_page(built_page, document, blobs, tmp_path / "scene.html"), 320, 240).ready()
    for t_s, pose in ((0.0, POSES[0]), (0.15, POSES[1]), (9.0, POSES[2])):
        expected = BakedRenderer(moving, behind, t_s).view(camera_of(SIZE, SIZE), pose)
        seen = page.raw(view_of(pose, SIZE, SIZE, tS=t_s))
        assert expected.opacity.min() < 0.01 < 0.9 < expected.opacity.max()
        assert np.abs(seen[..., 3] - expected.opacity).max() < 2e-3
        assert np.abs(seen[..., :3] - expected.radiance).max() < 2e-3
    shown = ""
    for key, t_s in (("End", 0.2), ("Home", 0.0)):
        page.part("time").press(key)
        # The time bar leads to another picture than the one that was there.
        page.wait_for(f"([seen, t]) => window.efields.view().tS === t && {FULL} && {PIXELS} !== seen", 20, [shown, t_s])
        shown = page.pixels()
    assert page.errors == []
