"""Baking: codes, the fit between centres, what is skipped, and the reference march against a field in closed form."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from efields.export._refine import coarser, finer, fit_to_finer
from efields.export.background import one_colour
from efields.export.bake import Voxels, encode, grid_shape, sample_voxels, spread_into_empty
from efields.export.baked_renderer import BakedRenderer, blended_codes
from efields.export.codes import DensityCode, RadianceCode
from efields.export.volume import BLOCK, Keyframe, Volume, blocks_that_see
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.rays import Points
from efields.samplers import occupancy
from tests.looks import renderer_over
from tests.tiny import tiny_field
from tests.viewer import analytic
from tests.viewer.scenes import camera_of, orbit_pose, psnr, shown

BACKGROUND = np.array(analytic.BACKGROUND)
POSES = [orbit_pose(0.08, 0.5), orbit_pose(0.4, -0.3)]
CROP = Box((-0.7, -0.5, -0.4), (0.8, 0.6, 0.3))


@pytest.fixture(scope="module")
def small() -> Volume:
    return analytic.volume(40)


@pytest.mark.parametrize("crop", [None, CROP], ids=["whole", "cropped"])
def test_128_voxels_show_the_field_itself(crop: Box | None) -> None:
    volume, camera = analytic.volume(128), camera_of(72, 72)
    true = analytic.truth(camera, POSES[0], crop)
    seen = BakedRenderer(volume, one_colour(BACKGROUND)).view(camera, POSES[0], crop=crop)
    assert psnr(shown(seen.radiance), shown(true.radiance)) >= 48
    assert np.abs(seen.opacity - true.opacity).mean() < 0.005
    both = np.isfinite(seen.depth) & np.isfinite(true.depth)
    assert np.abs(seen.depth[both] - true.depth[both]).mean() < 2 / 128  # a voxel
    assert 0.05 < both.mean() < 0.95


@pytest.mark.parametrize("crop", [None, CROP], ids=["whole", "cropped"])
def test_leaving_out_empty_blocks_changes_no_bit(small: Volume, crop: Box | None) -> None:
    renderer = BakedRenderer(small, one_colour(BACKGROUND))
    for pose in POSES:
        with_skip, without = (
            renderer.view(camera_of(48, 40), pose, crop=crop, skip=skip, normals=True) for skip in (True, False)
        )
        for field in ("radiance", "opacity", "depth", "normal"):
            np.testing.assert_array_equal(getattr(with_skip, field), getattr(without, field))
        assert with_skip.samples < without.samples


def test_crop_leaves_nothing_outside(small: Volume) -> None:
    renderer = BakedRenderer(small, one_colour(BACKGROUND))
    away = Box((0.9, 0.9, 0.9), (0.99, 0.99, 0.99))
    assert (renderer.view(camera_of(16, 16), POSES[0], crop=away).opacity == 0).all()
    beside = renderer.view(camera_of(16, 16), POSES[0], crop=Box((2.0, 2.0, 2.0), (3.0, 3.0, 3.0)))
    np.testing.assert_array_equal(beside.radiance, np.broadcast_to(BACKGROUND, beside.radiance.shape))


def test_keyframes_blend_in_code_space(small: Volume) -> None:
    codes = small.keyframes[0].codes
    darker = codes.copy()
    darker[..., :3] //= 2
    moving = dataclasses.replace(small, keyframes=(Keyframe(1.0, codes), Keyframe(3.0, darker)))
    np.testing.assert_array_equal(blended_codes(moving, 0.0), blended_codes(small, None))
    np.testing.assert_allclose(blended_codes(moving, 2.0), (codes.astype(float) + darker) / 510, atol=1e-6)
    np.testing.assert_array_equal(blended_codes(moving, 9.0), darker.astype(np.float32) / np.float32(255))
    early, late = (
        BakedRenderer(moving, one_colour(BACKGROUND), t).view(camera_of(16, 16), POSES[0]) for t in (1.0, 3.0)
    )
    np.testing.assert_array_equal(early.opacity, late.opacity)
    assert late.radiance.sum() < early.radiance.sum()


def test_normals_point_towards_a_camera_that_looks_at_a_wall() -> None:
    alpha = np.zeros((16, 16, 16), np.float32)
    alpha[:8] = 0.9
    volume = encode([(None, Voxels(analytic.BOX, alpha, np.full((16, 16, 16, 1), 0.5, np.float32), 0.125, True))])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.diag([1.0, -1.0, -1.0]), (0, 0, 3)  # looks down z
    camera = Camera(9, 9, 20.0, 20.0, 4.0, 4.0)
    seen = BakedRenderer(volume, one_colour(np.array([1.0]))).view(camera, pose, normals=True)
    assert seen.normal is not None
    np.testing.assert_allclose(seen.normal, np.broadcast_to([0, 0, 1], seen.normal.shape), atol=1e-6)
    np.testing.assert_allclose(seen.depth[4, 4], 3.0, atol=0.125)
    np.testing.assert_allclose(seen.radiance, 0.5, rtol=0.02)


@pytest.mark.parametrize("encoding", ["linear", "alpha"])
def test_density_codes_are_exact_at_their_ends_and_monotone(encoding) -> None:
    rule = DensityCode(encoding, 300.0, 0.02)
    q = np.arange(256) / 255
    sigma = rule.decode(q)
    assert sigma[0] == 0 and math.isclose(sigma[-1], 300.0, rel_tol=1e-9)
    assert (np.diff(sigma) > 0).all()
    np.testing.assert_array_equal(rule.encode(-np.expm1(-sigma * 0.02)), np.arange(256))
    assert rule.encode(np.array([1.0])) == 255


def test_radiance_codes_come_back_within_half_a_step() -> None:
    rule = RadianceCode((-3.0, -1.0), (0.0, 1.0))
    radiance = np.exp(np.random.default_rng(0).uniform([-3, -1], [0, 1], (100, 2)))
    back = rule.decode(rule.encode(radiance) / 255)
    assert np.abs(np.log(back / radiance)).max() <= 0.5 * 3 / 255 + 1e-9
    assert rule.encode(np.array([0.0, 99.0])).tolist() == [0, 255]


def test_fit_is_a_transpose_and_finds_what_can_be_fitted() -> None:
    rng = np.random.default_rng(1)
    coarse, fine = rng.random((5, 4, 6)), rng.random((10, 8, 12))
    assert math.isclose((finer(coarse) * fine).sum(), 8 * (coarse * coarser(fine)).sum(), rel_tol=1e-12)
    smooth = np.clip(0.5 + 0.3 * np.sin(np.indices((40, 12, 12)).sum(0) / 6), 0, 1)
    found = fit_to_finer(finer(smooth), np.zeros_like(smooth), 60)
    np.testing.assert_allclose(found, smooth, atol=0.01)


def test_fit_in_slabs_is_the_fit_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = np.random.default_rng(2).random((20, 8, 8)).astype(np.float32)
    start = coarser(fine)
    whole = fit_to_finer(fine, start, 3)
    monkeypatch.setattr("efields.export._refine.SLAB", 3)
    np.testing.assert_allclose(fit_to_finer(fine, start, 3), whole, atol=1e-6)


def test_empty_voxels_hold_what_their_neighbours_do() -> None:
    radiance = np.zeros((7, 7, 7, 1), np.float32)
    filled = np.zeros((7, 7, 7), bool)
    filled[3, 3, 3] = True
    radiance[3, 3, 3] = 0.7
    np.testing.assert_allclose(spread_into_empty(radiance, filled), 0.7, rtol=1e-6)
    np.testing.assert_array_equal(spread_into_empty(radiance, np.zeros_like(filled)), 1.0)


def test_blocks_keep_an_apron_of_one_voxel() -> None:
    dense = np.zeros((2 * BLOCK + 3, BLOCK, BLOCK), bool)
    dense[BLOCK] = True
    assert blocks_that_see(dense, BLOCK)[:, 0, 0].tolist() == [1, 1, 0]
    dense[:] = False
    dense[-1] = True  # the block beyond whole ones
    assert blocks_that_see(dense, BLOCK)[:, 0, 0].tolist() == [0, 0, 1]


def test_grids_are_as_cubic_as_whole_numbers_allow() -> None:
    assert grid_shape(Box((0, 0, 0), (2, 1, 0.01)), 100) == (100, 50, 1)


def test_a_field_is_sampled_where_the_renderer_looks() -> None:
    field, box = tiny_field(), Box((-0.9, -0.9, -0.6), (0.9, 0.9, 0.6))
    renderer = renderer_over(field, box, occupancy.Config(samples=64, grid_resolution=12))
    grid = renderer.get_submodule("sampler.grid")
    grid.update(lambda position: renderer.density(Points(position)), torch.Generator().manual_seed(0))
    grid.occupied.view(12, 12, 12)[6:] = False
    voxels = sample_voxels(renderer, np.zeros((1, 3)), 48)
    assert voxels.diffuse and voxels.box.hi[0] <= 1e-6
    z, y, x = voxels.alpha.shape
    middle = voxels.alpha[z // 2, y // 2, x - 2]
    assert middle == pytest.approx(1 - math.exp(-40 * voxels.edge), abs=0.1)  # inside of the middle ball
    assert voxels.radiance[z // 2, y // 2, x - 2, 0] == pytest.approx(0.25)


def test_radiance_that_depends_on_direction_is_averaged_over_the_cameras() -> None:
    class Shiny(torch.nn.Module):
        channels, moves = 1, False

        def density(self, points, backend):
            return torch.full((len(points),), 5.0)

        def forward(self, points, backend):
            return self.density(points, backend), 1.0 + points.view[:, :1]

    box = Box((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0))
    renderer = renderer_over(Shiny(), box)  # type: ignore[arg-type]
    voxels = sample_voxels(renderer, np.array([[-50.0, 0, 0], [50.0, 0, 0], [0, 50.0, 0]]), 8)
    assert not voxels.diffuse
    np.testing.assert_allclose(voxels.radiance, 1.0, atol=0.02)
