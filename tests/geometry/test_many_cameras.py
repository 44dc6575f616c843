"""Which cameras are one, and the directions of pixels of several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from efields.geometry.camera import Camera
from efields.geometry.many_cameras import bearings_at, distinct

BASE = Camera(640, 480, 500.0, 502.0, 319.5, 239.5, "plumb_bob", (-0.1, 0.02, 0.001, 0.0))


@pytest.mark.parametrize(
    ("changed", "one"),
    [
        ({"cx": 319.509}, True),
        ({"cx": 319.511}, False),
        ({"fx": 500.015}, True),  # times 0.64 at the edge: 0.0096 px
        ({"fx": 500.02}, False),
        ({"distortion": (-0.1 + 1e-6, 0.02, 0.001, 0.0)}, True),
        ({"distortion": (-0.1005, 0.02, 0.001, 0.0)}, False),
        ({"distortion": (-0.1, 0.02, 0.001, 0.0, 0.0)}, True),  # the same lens, written otherwise
        ({"width": 480, "height": 640}, False),
        ({"bayer": "RGGB"}, False),
    ],
)
def test_cameras_within_a_hundredth_of_a_pixel_are_one(changed: dict, one: bool) -> None:
    kept, which = distinct([BASE, replace(BASE, **changed), BASE])
    assert (len(kept), which.tolist()) == ((1, [0, 0, 0]) if one else (2, [0, 1, 0]))
    assert kept[0] is BASE


def test_bearings_of_drawn_pixels_are_those_of_whole_cameras() -> None:
    cameras = (
        Camera(40, 30, 50.0, 51.0, 20.0, 15.0, "plumb_bob", (-0.1, 0.02, 0.001, 0.0)),
        Camera(30, 40, 50.0, 50.0, 15.0, 20.0, "equidistant", (0.1, 0.0, 0.0, 0.0)),
        Camera(20, 20, 45.0, 45.0, 9.5, 9.5),
        Camera(40, 30, 70.0, 71.0, 19.0, 14.0, "plumb_bob", (0.2, 0.0, 0.0, 0.0, 0.01)),
        Camera(30, 40, 20.0, 20.0, 15.0, 20.0, "equidistant"),
    )
    rng = np.random.default_rng(0)
    which = rng.integers(0, len(cameras), 300)
    pixel = rng.integers(0, np.array([camera.pixels for camera in cameras])[which])
    expected = [cameras[i].bearings()[p] for i, p in zip(which, pixel, strict=True)]
    np.testing.assert_array_equal(bearings_at(cameras, which, pixel), expected)
