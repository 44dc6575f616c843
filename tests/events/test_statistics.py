"""Numbers that describe a stream: balance, counts, hot pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from efields.events.statistics import event_counts, hot_pixels, positive_share
from efields.events.stream import EventStream


def stream_of(counts: np.ndarray) -> EventStream:
    """A stream with that many events at each pixel, in random order, one a microsecond."""
    height, width = counts.shape
    pixel = np.random.default_rng(0).permutation(np.repeat(np.arange(counts.size), counts.ravel()))
    polarity = np.arange(len(pixel)) % 4 == 0
    return EventStream.from_arrays(pixel % width, pixel // width, np.arange(len(pixel)), polarity, width, height)


def test_counts_and_share() -> None:
    counts = np.arange(12).reshape(3, 4)
    stream = stream_of(counts)
    np.testing.assert_array_equal(event_counts(stream), counts)
    assert positive_share(stream) == math.ceil(counts.sum() / 4) / counts.sum()
    assert math.isnan(positive_share(stream[:0]))
    assert hot_pixels(stream[:0]).tolist() == []


@pytest.mark.parametrize("mean", [0.2, 3.0, 50.0])
def test_no_pixel_of_a_uniform_scene_is_hot(mean: float) -> None:
    for seed in range(5):
        counts = np.random.default_rng(seed).poisson(mean, (60, 80))
        assert hot_pixels(stream_of(counts)).tolist() == []


@pytest.mark.parametrize("mean", [0.2, 3.0, 50.0])
def test_alone_in_pairs_and_in_the_corner_they_are_found(mean: float) -> None:
    counts = np.random.default_rng(1).poisson(mean, (60, 80))
    hot = [(0, 0), (20, 30), (20, 31), (41, 7), (59, 79)]
    for y, x in hot:
        counts[y, x] = 400 + y
    assert hot_pixels(stream_of(counts)).tolist() == [y * 80 + x for y, x in hot]


def test_they_are_found_in_a_silent_scene() -> None:
    counts = np.zeros((40, 50), dtype=int)
    counts[3, 4], counts[30, 20] = 10_000, 40
    assert hot_pixels(stream_of(counts)).tolist() == [3 * 50 + 4, 30 * 50 + 20]


def test_edges_are_not_hot() -> None:
    """Outlines one pixel wide of many events on a quiet ground: a square and a diamond."""
    rng = np.random.default_rng(2)
    outline = np.zeros((60, 80), dtype=bool)
    outline[10:31, [8, 30]] = outline[[10, 30], 8:31] = True
    y, x = np.mgrid[:60, :80]
    outline |= np.abs(x - 55) + np.abs(y - 35) == 20
    counts = np.where(outline, rng.poisson(60, outline.shape), rng.poisson(0.5, outline.shape))
    assert hot_pixels(stream_of(counts)).tolist() == []


def test_a_hot_pixel_on_a_textured_ground() -> None:
    """Counts that vary sixfold from place to place, as texture makes them."""
    y, x = np.mgrid[:60, :80]
    ground = 30 * (1 + 0.7 * np.sin(x / 4.0) * np.cos(y / 5.0))
    counts = np.random.default_rng(3).poisson(ground)
    assert hot_pixels(stream_of(counts)).tolist() == []
    counts[33, 44] = 1500
    assert hot_pixels(stream_of(counts)).tolist() == [33 * 80 + 44]
