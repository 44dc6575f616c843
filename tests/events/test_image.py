from __future__ import annotations

import numpy as np
import pytest

from efields.events.image import DARK, LIGHT, OFF, ON, UNKNOWN, count_image, event_image, log_change_image
from efields.events.stream import EventStream
from tests.events.streams import random_stream


def small() -> EventStream:
    """Pixel (0, 0) falls, (2, 0) rises, (1, 1) rises and then falls."""
    return EventStream.from_arrays(
        np.array([0, 2, 1, 1]), np.array([0, 0, 1, 1]), np.arange(4), np.array([0, 1, 1, 0]), 3, 2
    )


def test_colours_are_the_documented_ones():
    as_hex = ["#" + "".join(f"{part:02X}" for part in colour) for colour in (ON, OFF, DARK)]
    assert as_hex == ["#FFB000", "#2F6BFF", "#15171C"]


@pytest.mark.parametrize(("dark", "background"), [(True, DARK), (False, LIGHT)])
def test_event_image_draws_on_over_off(dark, background):
    image = event_image(small(), dark)
    assert image.shape == (2, 3, 3) and image.dtype == np.uint8
    expected = [[OFF, background, ON], [background, ON, background]]
    assert image.tolist() == np.array(expected).tolist()


def test_count_image_equals_a_loop():
    stream = random_stream(1)
    rose, fell = np.zeros((5, 7), int), np.zeros((5, 7), int)
    for x, y, p in zip(stream.x, stream.y, stream.polarity, strict=True):
        (rose if p else fell)[y, x] += 1
    n_pos, n_neg = count_image(stream)
    assert (n_pos == rose).all() and (n_neg == fell).all() and n_pos.dtype == np.int32
    assert not any(counts.any() for counts in count_image(stream[:0]))


def test_log_change_image_is_centred_and_saturates():
    change = np.array([[0.0, 0.5, 2.0], [-0.5, -9.0, np.nan]])
    image = log_change_image(change, 0.5)
    assert image.tolist() == np.array([[DARK, ON, ON], [OFF, OFF, UNKNOWN]]).tolist()
    half = log_change_image(np.array([[0.25]], np.float32), 0.5)[0, 0]
    np.testing.assert_allclose(half, (np.array(DARK) + np.array(ON)) / 2, atol=0.5)
    assert log_change_image(np.zeros((1, 1)), 1.0, dark=False)[0, 0].tolist() == list(LIGHT)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_log_change_image_needs_a_scale(scale):
    with pytest.raises(ValueError, match="above 0"):
        log_change_image(np.zeros((1, 1)), scale)
