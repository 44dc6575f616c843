"""The shader against a field in closed form, and against the numpy march of the same codes, in every mode."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from efields.export.background import one_colour
from efields.export.baked_renderer import BakedRenderer
from efields.export.volume import Volume
from efields.geometry.boxes import Box
from tests.viewer import analytic
from tests.viewer.conftest import visits
from tests.viewer.scenes import camera_of, document_of, orbit_pose, psnr, shown, view_of, write_page
from tests.viewer.visit import Visit

pytestmark = pytest.mark.browser

SIZE = 160
RESOLUTION = 128
VOXEL = 2.0 / RESOLUTION
POSES = [orbit_pose(0.08, 0.5), orbit_pose(0.4, -0.3), orbit_pose(0.75, 1.1)]
CROP = Box((-0.7, -0.5, -0.4), (0.8, 0.6, 0.3))
PSNR, DEPTH, OPACITY = 48.0, 1.0, 0.005
"""Bounds of the specification: dB, voxels, and share."""


@pytest.fixture(scope="module")
def volume() -> Volume:
    return analytic.volume(RESOLUTION)


@pytest.fixture(scope="module")
def opened(
    chromium: Any, built_page: Path, volume: Volume, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    """The page of the analytic scene, from disk; the tests change nothing in it."""
    document = document_of(volume, analytic.BACKGROUND, POSES)
    address = write_page(built_page, document, volume.blobs(), tmp_path_factory.mktemp("analytic") / "scene.html")
    for open_page in visits(chromium):
        yield open_page(address, 320, 240).ready()


@pytest.fixture(scope="module")
def reference(volume: Volume) -> BakedRenderer:
    return BakedRenderer(volume, one_colour(np.array(analytic.BACKGROUND)))


def crop_of(box: Box | None) -> list[list[float]] | None:
    return None if box is None else [list(box.lo), list(box.hi)]


@pytest.mark.parametrize(("pose", "crop"), [(0, None), (1, None), (0, CROP)])
def test_a_volume_of_128_voxels_shows_the_field_itself(opened: Visit, pose: int, crop: Box | None) -> None:
    true = analytic.truth(camera_of(SIZE, SIZE), POSES[pose], crop)
    view = view_of(POSES[pose], SIZE, SIZE, crop=crop_of(crop))
    seen = opened.raw(view)
    depth = opened.raw({**view, "mode": "depth"})[..., 0]
    both = np.isfinite(true.depth) & np.isfinite(depth)
    found = psnr(shown(seen[..., :3]), shown(true.radiance))
    opacity = float(np.abs(seen[..., 3] - true.opacity).mean())
    off = float(np.abs(depth[both] - true.depth[both]).mean()) / VOXEL
    print(f"PSNR {found:.1f} dB, opacity {opacity:.4f}, depth {off:.2f} voxels over {both.mean():.0%} of the picture")
    assert found >= PSNR
    assert opacity < OPACITY
    assert off < DEPTH
    assert 0.05 < both.mean() < 0.9
    assert (np.isfinite(true.depth) != np.isfinite(depth)).mean() < 0.005


@pytest.mark.parametrize("mode", ["colour", "depth", "opacity", "normal"])
@pytest.mark.parametrize("crop", [None, CROP], ids=["whole", "cropped"])
def test_leaving_out_empty_blocks_changes_no_bit(opened: Visit, mode: str, crop: Box | None) -> None:
    for pose in POSES if mode == "colour" else POSES[:1]:
        view = view_of(pose, 144, 128, mode=mode, crop=crop_of(crop))
        assert np.array_equal(opened.raw(view, skip=True), opened.raw(view, skip=False))


def test_it_leaves_out_most_of_the_samples(opened: Visit) -> None:
    view = view_of(POSES[0], 96, 96, mode="samples")
    few, all_ = (opened.raw(view, skip=skip)[..., 0].mean() for skip in (True, False))
    assert 0 < few < 0.6 * all_


@pytest.mark.parametrize("crop", [None, CROP], ids=["whole", "cropped"])
def test_every_mode_equals_the_numpy_march_of_the_same_codes(
    opened: Visit, reference: BakedRenderer, crop: Box | None
) -> None:
    expected = reference.view(camera_of(SIZE, SIZE), POSES[2], crop=crop, normals=True)
    assert expected.normal is not None
    seen = {
        mode: opened.raw(view_of(POSES[2], SIZE, SIZE, mode=mode, crop=crop_of(crop)))
        for mode in ("colour", "depth", "opacity", "normal")
    }
    assert np.abs(seen["colour"][..., :3] - expected.radiance).max() < 2e-3
    assert np.abs(seen["colour"][..., 3] - expected.opacity).max() < 2e-3
    assert np.abs(seen["opacity"][..., 0] - expected.opacity).max() < 2e-3
    deep = np.isfinite(expected.depth)
    assert (deep != np.isfinite(seen["depth"][..., 0])).sum() <= 4  # opacity of one half to the last bit
    both = deep & np.isfinite(seen["depth"][..., 0])
    assert np.abs(seen["depth"][both, 0] - expected.depth[both]).max() < 0.5 * VOXEL
    alike = (seen["normal"][..., :3] * expected.normal).sum(axis=-1)[both]
    assert np.percentile(alike, 1) > 0.999


def test_a_crop_box_removes_exactly_what_is_outside(opened: Visit, reference: BakedRenderer) -> None:
    nothing = Box((0.9, 0.9, 0.9), (0.99, 0.99, 0.99))
    view = view_of(POSES[0], 64, 64, crop=crop_of(nothing))
    expected = np.broadcast_to([*analytic.BACKGROUND, 0.0], (64, 64, 4))
    assert np.abs(opened.raw(view) - expected).max() < 1e-6
    whole = opened.raw(view_of(POSES[0], 64, 64))
    assert np.array_equal(opened.raw(view_of(POSES[0], 64, 64, crop=[[-1, -1, -1], [1, 1, 1]])), whole)
    inside = reference.view(camera_of(64, 64), POSES[0], crop=CROP)
    assert np.abs(opened.raw(view_of(POSES[0], 64, 64, crop=crop_of(CROP)))[..., 3] - inside.opacity).max() < 2e-3


def test_the_picture_on_screen_is_the_tone_of_the_exact_values(opened: Visit) -> None:
    view = view_of(POSES[1], 160, 120)
    seen = captured(opened, view)
    assert np.abs(seen - shown(opened.raw(view)[..., :3])).max() <= 2 / 255
    wiped = captured(opened, {**view, "wipe": {"mode": "opacity", "at": 0.5}})
    assert np.array_equal(wiped[:, :79], seen[:, :79])
    opacity = captured(opened, {**view, "mode": "opacity"})
    assert np.array_equal(wiped[:, 81:], opacity[:, 81:])
    assert not np.array_equal(wiped[:, 81:], seen[:, 81:])


def captured(visit: Visit, view: dict[str, Any]) -> np.ndarray:
    """The picture as it is saved, `[h, w, 3]` 0 to 1."""
    from PIL import Image

    script = """async (view) => {
      const bytes = new Uint8Array(await (await window.efields.renderer.capture(view)).arrayBuffer());
      let text = "";
      for (const byte of bytes) text += String.fromCharCode(byte);
      return btoa(text);
    }"""
    picture = Image.open(io.BytesIO(base64.b64decode(visit.ask(script, view))))
    return np.asarray(picture.convert("RGB"), dtype=np.float64) / 255
