"""Backgrounds of scenes: one colour stays exact, a map follows radiance by direction, across its seam and poles too."""

from __future__ import annotations

import numpy as np

from efields.export.background import by_direction, one_colour
from efields.export.contract import BackgroundMap


def sky(way: np.ndarray) -> np.ndarray:
    """Smooth radiance of three channels, 0.2 to 1.2."""
    x, y, z = way.T
    return 0.7 + 0.5 * np.stack([x * y - 0.3 * z, np.sin(2 * y), z * z - x * x], axis=1)


def test_one_colour_is_the_same_everywhere_and_exact() -> None:
    colour = np.array([0.1, 0.2, 1 / 3])
    behind = one_colour(colour)
    assert behind.document == tuple(colour) and behind.blobs == {}
    np.testing.assert_array_equal(behind(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])), [colour, colour])


def test_a_map_follows_radiance_by_direction() -> None:
    behind = by_direction(sky)
    assert behind.document == BackgroundMap("map", 128, 64, 3, "background.bin")
    way = np.random.default_rng(0).normal(size=(4000, 3))
    way = np.concatenate([way / np.linalg.norm(way, axis=1, keepdims=True), np.eye(3), -np.eye(3)])
    away = np.abs(behind(way) - sky(way))
    assert away.max() < 0.03 and away.mean() < 5e-4  # a step of the map is 1/20 radian; poles are held half a step
    low, high = (np.array([[-1.0, side, 0.1]]) / np.hypot(1, 0.1) for side in (-1e-9, 1e-9))
    np.testing.assert_allclose(behind(low), behind(high), atol=1e-7)
