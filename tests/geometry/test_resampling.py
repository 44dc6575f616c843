"""Cameras of cropped, turned and coarser pictures see the same directions through the same places."""

from __future__ import annotations

import numpy as np
import pytest

from efields.geometry.camera import Camera
from efields.geometry.resampling import coarser, cropped, turned

CAMERAS = (
    Camera(8, 6, 7.0, 9.0, 3.2, 2.9, bayer="RGGB"),
    Camera(8, 6, 7.0, 9.0, 3.2, 2.9, "plumb_bob", (-0.3, 0.1, 0.004, -0.007, 0.02), "GRBG"),
    Camera(8, 6, 7.0, 9.0, 3.2, 2.9, "equidistant", (0.05, -0.01, 0.002, -0.001)),
)
POINTS = np.random.default_rng(0).uniform((-0.8, -0.5, 1.0), (0.8, 0.5, 2.0), (50, 3))
each_camera = pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.distortion_model)


def colours(camera: Camera) -> np.ndarray:
    return camera.channel_of_pixel().reshape(camera.height, camera.width)


@each_camera
def test_a_crop_shifts_the_picture(camera: Camera) -> None:
    part = cropped(camera, 3, 1, 4, 5)
    np.testing.assert_allclose(part.project(POINTS), camera.project(POINTS) - (3, 1), atol=1e-12)
    np.testing.assert_array_equal(colours(part), colours(camera)[1:6, 3:7])


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4])
@each_camera
def test_a_turn_moves_pixels_and_axes_together(camera: Camera, turns: int) -> None:
    after = turned(camera, turns)
    points, pixel, size = POINTS, camera.project(POINTS), [camera.width, camera.height]
    for _ in range(turns):  # clockwise: x to the right becomes y downwards
        points = np.stack([-points[:, 1], points[:, 0], points[:, 2]], axis=1)
        pixel = np.stack([size[1] - 1 - pixel[:, 1], pixel[:, 0]], axis=1)
        size.reverse()
    assert [after.width, after.height] == size
    np.testing.assert_allclose(after.project(points), pixel, atol=1e-12)
    np.testing.assert_array_equal(colours(after), np.rot90(colours(camera), -turns))


@each_camera
def test_coarser_pixels_keep_their_corners(camera: Camera) -> None:
    after = coarser(camera, 3)
    assert (after.width, after.height, after.bayer) == (3, 2, "")
    np.testing.assert_allclose(after.project(POINTS) + 0.5, (camera.project(POINTS) + 0.5) / 3, atol=1e-12)
