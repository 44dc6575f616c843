"""Textures: smooth noise, seamless solids, palettes, photographs."""

from __future__ import annotations

import numpy as np
import pytest

from efields.errors import InputError
from efields.simulation import textures
from efields.simulation.patterns import TEXTURES, Cells, Checker, Marble, Noise, Photograph, Procedural
from efields.simulation.shapes import Sphere, Torus


def test_noise_is_zero_at_lattice_points_continuous_and_reproducible() -> None:
    points = np.random.default_rng(0).uniform(-3, 3, (500, 3))
    noise = textures.perlin(points, 4)
    assert 0.2 < noise.std() < 0.6
    assert np.abs(noise).max() < 1.6
    np.testing.assert_allclose(textures.perlin(np.round(points), 4), 0, atol=1e-12)
    np.testing.assert_allclose(textures.perlin(points + 1e-6, 4), noise, atol=2e-5)
    np.testing.assert_array_equal(textures.perlin(points, 4), noise)
    assert np.abs(textures.perlin(points, 5) - noise).max() > 0.1


@pytest.mark.parametrize("kind", [Noise, Marble, Cells])
@pytest.mark.parametrize("shape", [Sphere("m"), Torus("m")])
def test_solid_textures_have_no_seam(kind: type[Noise], shape: Sphere) -> None:
    image = kind(resolution=128, scale=2.0, seed=3).image(shape)
    assert image.shape == (128, 256, 3)
    across_seam = np.abs(image[:, 0] - image[:, -1]).mean()
    anywhere = np.abs(np.diff(image, axis=1)).mean()
    assert across_seam < 3 * anywhere
    assert np.ptp(image) > 0.2


def test_cells_are_reproducible_and_have_joints() -> None:
    cells = Cells(resolution=64, scale=3.0, seed=1, border=(0.5, 0.0, 0.0), palette=((0.0, 0.4, 0.0), (0.0, 0.0, 0.4)))
    image = cells.image(Sphere("m"))
    np.testing.assert_array_equal(image, cells.image(Sphere("m")))
    joints = (image[..., 0] > 0.25).mean()
    assert 0.02 < joints < 0.4


def test_checkers_count_their_tiles() -> None:
    image = Checker(resolution=8, tiles=(4, 2), palette=((0.1, 0.1, 0.1), (0.8, 0.8, 0.8))).image(Sphere("m"))
    row = image[0, :, 0]
    assert (np.diff(row) != 0).sum() == 3
    assert (np.diff(image[:, 0, 0]) != 0).sum() == 1


def test_a_palette_is_linear_and_held_beyond_its_ends() -> None:
    colours = textures.palette_at(np.array([-1.0, 0.0, 0.25, 1.0, 2.0]), ((0.0, 0.0, 0.0), (1.0, 0.5, 0.0)))
    np.testing.assert_allclose(colours[:, 0], [0, 0, 0.25, 1, 1])
    np.testing.assert_allclose(colours[:, 1], colours[:, 0] / 2)


@pytest.mark.parametrize("name", textures.IMAGES)
def test_photographs_span_the_reflectance_that_is_asked_for(name: str) -> None:
    image = textures.image_texture(name, 0.1, 0.6)
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert min(image.shape[:2]) > 100
    assert image.min() == pytest.approx(0.1)
    assert image.max() == pytest.approx(0.6)


def test_a_photograph_stands_upright_and_turns() -> None:
    upright = textures.image_texture("text", 0.0, 1.0)
    np.testing.assert_array_equal(Photograph(name="text", low=0.0, high=1.0).image(Sphere("m"))[-1], upright[0])
    turned = Photograph(name="text", low=0.0, high=1.0, quarter_turns=1).image(Sphere("m"))
    assert turned.shape[:2] == upright.shape[1::-1]
    np.testing.assert_array_equal(turned[-1], upright[:, -1])


def test_an_unknown_photograph_is_named() -> None:
    with pytest.raises(InputError, match="did you mean 'brick'"):
        textures.image_texture("bricks", 0.0, 1.0)


def test_every_kind_of_pattern_makes_an_image() -> None:
    for kind in TEXTURES.values():
        image = (kind(resolution=16) if issubclass(kind, Procedural) else kind()).image(Sphere("m"))
        assert np.isfinite(image).all()
        assert image.shape[2] == 3
