"""One trained field three ways: the renderer of efields, the numpy march of its baked codes, the shader of the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from efields.export.bake import encode, sample_voxels
from efields.export.baked_renderer import BakedRenderer
from efields.export.cameras import even_times, poses_at
from efields.export.document import background_of
from efields.render.image import render_view
from efields.train import Run
from tests.viewer.scenes import camera_of, document_of, psnr, shown, view_of, write_page
from tests.viewer.visit import Visit

pytestmark = pytest.mark.browser

SIZE = 112
RESOLUTION = 96
LIVE_TO_BAKED, BAKED_TO_SHADER = 40.0, 1e-3
"""Bounds: dB of brightness on screen that baking leaves, the largest difference of radiance on the graphics card."""


def test_renderer_codes_and_shader_show_one_trained_field(
    trained_run: Run, built_page: Path, tmp_path: Path, visit: Callable[..., Visit]
) -> None:
    model = trained_run.load_model()
    times = even_times(model.trajectory, 7)[1:-1:2]
    poses = list(poses_at(model.trajectory, times))
    eyes = np.stack([pose[:3, 3] for pose in poses])
    volume = encode([(None, sample_voxels(model.renderer, eyes, RESOLUTION))], "alpha")
    background = background_of(model).document
    document = document_of(volume, background, poses)
    page = visit(write_page(built_page, document, volume.blobs(), tmp_path / "scene.html"), 700, 560).ready()
    codes = BakedRenderer(volume, background_of(model))
    camera = camera_of(SIZE, SIZE)
    for pose in poses:
        live = render_view(model.renderer, camera, pose)
        baked = codes.view(camera, pose)
        view = view_of(pose, SIZE, SIZE, channels=1)
        shader = page.raw(view)
        one = psnr(shown(baked.radiance), shown(live.radiance))
        two = float(np.abs(shader[..., :1] - baked.radiance).max())
        depth = page.raw({**view, "mode": "depth"})[..., 0]
        both = np.isfinite(live.depth) & np.isfinite(depth)
        off = float(np.median(np.abs(live.depth[both] - depth[both])) / volume.edge.max())
        print(f"live to baked {one:.1f} dB, baked to shader {two:.1e} at most, depth {off:.2f} voxels (median)")
        assert one >= LIVE_TO_BAKED
        assert two < BAKED_TO_SHADER
        assert np.abs(shader[..., 3] - baked.opacity).max() < BAKED_TO_SHADER
        assert off < 1.0
        assert both.mean() > 0.05
    assert page.errors == []
