from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest

from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.geometry.distortion import equidistant, plumb_bob

PLAIN = Camera(64, 48, 50.0, 55.0, 30.25, 24.75)
LENSES = {
    "davis240c": Camera(
        240, 180, 199.09, 198.83, 132.19, 110.71, "plumb_bob", (-0.36843, 0.15095, -0.0003, -0.00076, 0.0)
    ),
    "strong barrel": Camera(320, 240, 180.0, 180.0, 159.5, 119.5, "plumb_bob", (-0.2, 0.03, 0.001, -0.002)),
    "pincushion": Camera(320, 240, 250.0, 240.0, 150.0, 125.0, "plumb_bob", (0.2, 0.05, -0.003, 0.002, 0.01)),
    "kb4": Camera(320, 180, 140.0, 141.0, 159.5, 90.0, "equidistant", (-0.02, 0.03, -0.02, 0.004)),
    "kb4 without parameters": Camera(100, 80, 60.0, 60.0, 49.5, 39.5, "equidistant"),
}


def grid(camera: Camera) -> np.ndarray:
    v, u = np.divmod(np.arange(camera.pixels), camera.width)
    return np.stack((u, v), axis=1).astype(float)


def test_pixel_centres_are_at_integers():
    camera = Camera(5, 3, 10.0, 20.0, 2.0, 1.0)
    bearings = camera.bearings().reshape(3, 5, 3)
    np.testing.assert_array_equal(bearings[1, 2], [0, 0, 1])
    np.testing.assert_allclose(bearings[0, 4], [0.2, -0.05, 1])
    # A data set whose pixel i covers [i, i + 1) has its principal point half a pixel larger.
    corner_cx = 2.5
    np.testing.assert_allclose(bearings[1, :, 0], (np.arange(5) + 0.5 - corner_cx) / 10.0)


def test_raster_order_is_rows_of_columns():
    bearings = PLAIN.bearings()
    assert bearings.shape == (64 * 48, 3) and bearings.dtype == np.float64
    u, v = 17, 5
    np.testing.assert_allclose(bearings[v * 64 + u], [(u - 30.25) / 50, (v - 24.75) / 55, 1])


def test_project_is_the_intrinsic_matrix_without_a_lens():
    points = np.random.default_rng(0).normal(size=(50, 3)) + np.array([0, 0, 4])
    homogeneous = points @ PLAIN.matrix.T
    np.testing.assert_allclose(PLAIN.project(points), homogeneous[:, :2] / homogeneous[:, 2:])
    assert np.isnan(PLAIN.project(np.array([[0, 0, -1.0], [1, 1, 0]]))).all()


def loop_plumb_bob(k, x, y):
    """As OpenCV's documentation writes it."""
    k1, k2, p1, p2, k3 = (*k, 0.0)[:5]
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    return x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2), y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y


def loop_equidistant(k, x, y):
    """As OpenCV's documentation of its fisheye model writes it."""
    r = np.sqrt(x**2 + y**2)
    theta = np.arctan(r)
    shown = theta * (1 + k[0] * theta**2 + k[1] * theta**4 + k[2] * theta**6 + k[3] * theta**8)
    return shown / r * x, shown / r * y


@pytest.mark.parametrize("name", LENSES)
def test_project_distorts_by_the_documented_formula(name):
    camera = LENSES[name]
    rng = np.random.default_rng(1)
    points = np.concatenate((rng.uniform(-0.6, 0.6, (40, 2)), np.ones((40, 1))), axis=1)
    found = camera.project(points * rng.uniform(0.5, 9, (40, 1)))
    for point, pixel in zip(points, found, strict=True):
        model = loop_plumb_bob if camera.distortion_model == "plumb_bob" else loop_equidistant
        x, y = model(camera.distortion or (0.0,) * 4, point[0], point[1])
        np.testing.assert_allclose(pixel, [camera.fx * x + camera.cx, camera.fy * y + camera.cy], atol=1e-10)


@pytest.mark.parametrize("name", LENSES)
def test_undistorted_pixels_come_back_within_a_millionth_of_a_pixel(name):
    camera = LENSES[name]
    bearings = camera.bearings()
    assert camera.undistortable().all()
    assert (bearings[:, 2] == 1).all()
    moved = np.abs(camera.project(bearings) - grid(camera)).max()
    assert moved < 1e-6
    undistorted = bearings[:, :2] * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    assert np.abs(undistorted - grid(camera)).max() > 1, "the lens does something"


def test_newton_has_the_derivative_of_the_lens():
    plane, step = np.random.default_rng(2).uniform(-0.6, 0.6, (30, 2)), 1e-6
    parameters = (-0.3, 0.1, 0.02, -0.03, 0.05)
    _, jacobian = plumb_bob(parameters, plane)
    for axis in range(2):
        shift = step * np.eye(2)[axis]
        numeric = (plumb_bob(parameters, plane + shift)[0] - plumb_bob(parameters, plane - shift)[0]) / (2 * step)
        np.testing.assert_allclose(jacobian[:, :, axis], numeric, atol=1e-8)
    theta = np.linspace(0, 1.5, 30)
    _, slope = equidistant(parameters[:4], theta)
    numeric = (equidistant(parameters[:4], theta + step)[0] - equidistant(parameters[:4], theta - step)[0]) / (2 * step)
    np.testing.assert_allclose(slope, numeric, atol=1e-7)


def test_the_middle_of_a_lens_is_not_divided_by_zero():
    camera = Camera(5, 5, 3.0, 3.0, 2.0, 2.0, "equidistant", (0.1, 0.0, 0.0, 0.0))
    np.testing.assert_array_equal(camera.bearings()[12], [0, 0, 1])
    np.testing.assert_array_equal(camera.project(np.array([[0, 0, 2.0]])), [[2, 2]])


def test_pixels_that_no_direction_reaches_are_counted(caplog):
    # Barrel distortion that folds: x (1 - 0.4 x^2) is at most 0.61, and the corners lie beyond.
    camera = Camera(101, 101, 60.0, 60.0, 50.0, 50.0, "plumb_bob", (-0.4, 0.0, 0.0, 0.0))
    with caplog.at_level(logging.WARNING):
        bearings = camera.bearings()
    found = camera.undistortable()
    assert 4000 < found.sum() < 5000
    radius = np.linalg.norm((grid(camera) - 50) / 60, axis=1)
    reach = 2 / 3 / np.sqrt(3 * 0.4)
    assert (found == (radius < reach)).all()
    assert f"cannot be undone at {np.count_nonzero(~found)} of 10201 pixels" in caplog.text
    assert np.isfinite(bearings).all()
    assert np.abs(camera.project(bearings) - grid(camera))[found].max() < 1e-6


def test_fisheye_pixels_beyond_the_half_space_are_counted(caplog):
    camera = Camera(201, 201, 60.0, 60.0, 100.0, 100.0, "equidistant")
    found, bearings = camera.undistortable(), camera.bearings()
    theta = np.linalg.norm((grid(camera) - 100) / 60, axis=1)
    assert (found == (theta <= np.radians(89.5))).all() and not found.all()
    np.testing.assert_allclose(np.arctan(np.linalg.norm(bearings[found, :2], axis=1)), theta[found], atol=1e-9)
    assert np.isfinite(bearings).all()


def test_bearings_are_computed_once_and_cannot_be_spoilt(monkeypatch):
    camera = Camera(32, 20, 30.0, 30.0, 16.0, 10.0, "plumb_bob", (-0.31, 0.1, 0.0, 0.0))
    camera.bearings()[:] = 0
    # An equal camera needs no second solution: a solver that fails is never asked.
    monkeypatch.setattr("efields.geometry.camera.undistort", None)
    same = dataclasses.replace(camera)
    assert (same.bearings()[:, 2] == 1).all() and same.undistortable().all()
    with pytest.raises(TypeError):
        dataclasses.replace(camera, fx=31.0).bearings()


@pytest.mark.parametrize(
    ("pattern", "tile"),
    [("RGGB", [[0, 1], [1, 2]]), ("BGGR", [[2, 1], [1, 0]]), ("GRBG", [[1, 0], [2, 1]]), ("GBRG", [[1, 2], [0, 1]])],
)
def test_bayer_channels_are_of_the_raw_pixel(pattern, tile):
    # Distorted on purpose: the filter sits on the sensor, so that undistortion must not move it.
    camera = Camera(5, 3, 4.0, 4.0, 2.0, 1.0, "plumb_bob", (-0.2, 0.0, 0.0, 0.0), bayer=pattern)
    channel = camera.channel_of_pixel()
    assert channel.dtype == np.int64 and channel.shape == (15,)
    for v in range(3):
        for u in range(5):
            assert channel[v * 5 + u] == tile[v % 2][u % 2]
    assert camera.channels == 3


def test_a_crop_by_one_column_changes_the_bayer_phase():
    whole = dataclasses.replace(PLAIN, bayer="RGGB").channel_of_pixel().reshape(48, 64)
    cropped = dataclasses.replace(PLAIN, width=63, bayer="GRBG").channel_of_pixel().reshape(48, 63)
    assert (whole[:, 1:] == cropped).all()


def test_grey_cameras_have_one_channel():
    assert PLAIN.channels == 1 and not PLAIN.channel_of_pixel().any() and len(PLAIN.channel_of_pixel()) == PLAIN.pixels


@pytest.mark.parametrize("factor", [0.5, 0.25, 2.0, 0.3])
def test_scaled_cameras_see_the_same_picture(factor):
    camera = dataclasses.replace(LENSES["davis240c"], bayer="RGGB")
    small = camera.scaled(factor)
    assert (small.width, small.height) == (round(240 * factor), round(180 * factor)) and small.bayer == ""
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3)) + np.array([0, 0, 1])
    size = np.array([small.width / 240, small.height / 180])
    # Positions measured from the corner of the picture, half a pixel before the first centre, scale with it.
    np.testing.assert_allclose(small.project(points) + 0.5, (camera.project(points) + 0.5) * size)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fx": 0.0}, "focal length fx, fy = 0, 55"),
        ({"fy": float("nan")}, "focal length fx, fy = 50, nan"),
        ({"fx": float("inf")}, "focal length fx, fy = inf, 55"),
        ({"cx": float("nan")}, "principal point cx, cy = nan"),
        ({"width": 0}, "camera of 0 x 48 pixels"),
        ({"distortion_model": "fov"}, "distortion model 'fov'; known are none, plumb_bob, equidistant"),
        ({"distortion": (0.1,)}, "distortion (0.1,)"),
        ({"distortion_model": "plumb_bob", "distortion": (0.1, 0.2, 0.3)}, "distortion (0.1, 0.2, 0.3)"),
        ({"distortion_model": "equidistant", "distortion": (0.1, 0.2, 0.3, float("nan"))}, "distortion (0.1"),
        ({"bayer": "RGBG"}, "Bayer pattern 'RGBG'"),
        ({"bayer": "RG"}, "Bayer pattern 'RG'"),
    ],
)
def test_bad_calibrations_are_one_line(changes, message):
    with pytest.raises(InputError) as caught:
        dataclasses.replace(PLAIN, **changes)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value) and ";" in str(caught.value)


def test_arrays_from_files_make_a_hashable_camera():
    camera = Camera(
        np.int64(64),
        np.int64(48),
        np.float32(50),
        55,
        30,
        24,
        "plumb_bob",
        np.zeros(4),
        "rggb",  # type: ignore[arg-type]
    )
    assert camera == Camera(64, 48, 50.0, 55.0, 30.0, 24.0, "plumb_bob", (0.0,) * 4, "RGGB")
    assert hash(camera) is not None and isinstance(camera.width, int)
    np.testing.assert_allclose(
        camera.bearings(), dataclasses.replace(camera, distortion_model="none", distortion=()).bearings()
    )
