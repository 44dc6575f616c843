"""Cameras: intrinsics, lens distortion, Bayer pattern; pixel centres at integers."""

from __future__ import annotations

import functools
import logging
import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64

from efields.errors import InputError
from efields.ranges import Finite, Range

_log = logging.getLogger(__name__)

DistortionModel = Literal["none", "plumb_bob", "equidistant"]
_LENGTHS = {"none": (0,), "plumb_bob": (0, 4, 5), "equidistant": (0, 4)}
_BAYER = ("RGGB", "BGGR", "GRBG", "GBRG")
_STEPS = 60
_TOLERANCE = 1e-13
_WIDEST = math.radians(89.5)
"""Largest angle from the axis that a bearing with z = 1 is given for."""


@dataclass(frozen=True)
class Camera:
    """A central camera: the pixel with integer coordinates (u, v) has its centre at (u, v).

    Raises `InputError` for focal lengths that are zero or not finite, sizes below 1, a distortion model or Bayer
    pattern that is not known, and a wrong number of distortion parameters.
    """

    width: Annotated[int, Range(1, 65536)]
    """Columns, pixels."""
    height: Annotated[int, Range(1, 65536)]
    """Rows, pixels."""
    fx: Finite
    """Focal length along x, pixels."""
    fy: Finite
    """Focal length along y, pixels."""
    cx: Finite
    """Principal point along x, pixels; (width - 1) / 2 is the middle."""
    cy: Finite
    """Principal point along y, pixels; (height - 1) / 2 is the middle."""
    distortion_model: DistortionModel = "none"
    """`plumb_bob` (Brown: k1 k2 p1 p2 [k3]) or `equidistant` (Kannala-Brandt: k1 k2 k3 k4), as OpenCV has them."""
    distortion: Annotated[tuple[float, ...], Range(-1e12, 1e12)] = ()
    """Parameters of the distortion model, in its order."""
    bayer: str = ""
    """Colour filters of the raw pixels (0, 0), (1, 0), (0, 1) and (1, 1), as "RGGB"; "" for a grey sensor."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", int(self.width))
        object.__setattr__(self, "height", int(self.height))
        for name in ("fx", "fy", "cx", "cy"):
            object.__setattr__(self, name, float(getattr(self, name)))
        object.__setattr__(self, "distortion", tuple(float(value) for value in self.distortion))
        object.__setattr__(self, "bayer", str(self.bayer).upper())
        if self.width < 1 or self.height < 1:
            raise InputError(f"camera of {self.width} x {self.height} pixels", do="give a size of at least 1")
        if not all(math.isfinite(f) and f != 0 for f in (self.fx, self.fy)):
            raise InputError(f"focal length fx, fy = {self.fx:g}, {self.fy:g}", do="give finite pixels, not 0")
        if not (math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise InputError(f"principal point cx, cy = {self.cx:g}, {self.cy:g}", do="give finite pixels")
        if self.distortion_model not in _LENGTHS:
            raise InputError(f"distortion model {self.distortion_model!r}", do=f"known are {', '.join(_LENGTHS)}")
        allowed = _LENGTHS[self.distortion_model]
        if len(self.distortion) not in allowed or not all(map(math.isfinite, self.distortion)):
            do = f"{self.distortion_model} takes {' or '.join(map(str, allowed))} finite numbers"
            raise InputError(f"distortion {self.distortion}", do=do)
        if self.bayer and self.bayer not in _BAYER:
            raise InputError(f"Bayer pattern {self.bayer!r}", do=f"known are {', '.join(_BAYER)}, or none")

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def channels(self) -> int:
        """Colour channels that the sensor tells apart: 3 behind a Bayer filter, else 1."""
        return 3 if self.bayer else 1

    @property
    def matrix(self) -> Float64[np.ndarray, "3 3"]:
        """Intrinsic matrix K."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def bearings(self) -> Float64[np.ndarray, "p 3"]:
        """Direction of the light at every raw pixel in raster order, camera axes, z = 1, lens distortion undone.

        Computed once a camera (Newton's method on all pixels together) and kept. Where the distortion cannot be undone
        (see `undistortable`) a warning counts the pixels, which get the nearest direction found.
        """
        bearings, _ = _undistorted_grid(self)
        return bearings.copy()

    def undistortable(self) -> Bool[np.ndarray, " p"]:
        """Whether each raw pixel is the image of a direction in front of the camera under the distortion model."""
        _, found = _undistorted_grid(self)
        return found.copy()

    def channel_of_pixel(self) -> Int64[np.ndarray, " p"]:
        """Colour channel (0 red, 1 green, 2 blue) of every raw pixel in raster order; 0 for a grey sensor."""
        if not self.bayer:
            return np.zeros(self.pixels, dtype=np.int64)
        tile = np.array(["RGB".index(letter) for letter in self.bayer], dtype=np.int64).reshape(2, 2)
        rows, columns = np.arange(self.height) % 2, np.arange(self.width) % 2
        return tile[rows[:, None], columns[None, :]].reshape(-1)

    def project(self, points_camera: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 2"]:
        """Raw pixel (u, v) of points in camera axes, distortion applied; NaN for points not in front of the camera."""
        points = np.asarray(points_camera, dtype=np.float64)
        z = np.where(points[:, 2] > 0, points[:, 2], np.nan)
        distorted = _distort(self, points[:, :2] / z[:, None])
        return distorted * (self.fx, self.fy) + (self.cx, self.cy)

    def scaled(self, factor: float) -> Camera:
        """The camera of the same picture at another size, without a Bayer pattern (resampling mixes the filters).

        Raises `InputError` for a factor that is not above 0.
        """
        if not (math.isfinite(factor) and factor > 0):
            raise InputError(f"scale {factor:g} of a camera", do="give a number above 0")
        width, height = max(1, round(self.width * factor)), max(1, round(self.height * factor))
        sx, sy = width / self.width, height / self.height
        # Pixel corners, at half integers, are what scaling keeps.
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return replace(self, width=width, height=height, fx=self.fx * sx, fy=self.fy * sy, cx=cx, cy=cy, bayer="")


@functools.lru_cache(maxsize=8)
def _undistorted_grid(camera: Camera) -> tuple[Float64[np.ndarray, "p 3"], Bool[np.ndarray, " p"]]:
    """Bearings of all pixels and whether each is exact."""
    v, u = np.divmod(np.arange(camera.pixels), camera.width)
    distorted = np.stack(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy), axis=1)
    if camera.distortion_model == "plumb_bob" and any(camera.distortion):
        plane, found = _undistort_plumb_bob(camera.distortion, distorted)
    elif camera.distortion_model == "equidistant":
        # Without parameters it still is the equidistant projection, not the pinhole's.
        plane, found = _undistort_equidistant(camera.distortion or (0.0,) * 4, distorted)
    else:
        plane, found = distorted, np.ones(camera.pixels, dtype=bool)
    lost = int(np.count_nonzero(~found))
    if lost:
        _log.warning("the %s distortion cannot be undone at %d of %d pixels; their directions are the nearest found",
                     camera.distortion_model, lost, camera.pixels)  # fmt: skip
    return np.concatenate((plane, np.ones((camera.pixels, 1))), axis=1), found


def _distort(camera: Camera, plane: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
    """Points of the plane z = 1 to where the lens shows them on it."""
    if camera.distortion_model == "plumb_bob" and camera.distortion:
        return _plumb_bob(camera.distortion, plane)[0]
    if camera.distortion_model == "equidistant":
        radius = np.hypot(plane[:, 0], plane[:, 1])
        theta = np.arctan(radius)
        shown = _equidistant(camera.distortion or (0.0,) * 4, theta)[0]
        return plane * np.divide(shown, radius, out=np.ones_like(radius), where=radius > 0)[:, None]
    return plane


def _plumb_bob(
    parameters: tuple[float, ...], plane: Float64[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, "n 2 2"]]:
    """Brown's radial and tangential distortion of points, and its Jacobian."""
    k1, k2, p1, p2, k3 = (*parameters, 0.0)[:5]
    x, y = plane[:, 0], plane[:, 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    slope = 2 * (k1 + r2 * (2 * k2 + r2 * 3 * k3))  # d radial / d r2, times 2
    shown = np.stack(
        (
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ),
        axis=1,
    )
    mixed = x * y * slope + 2 * p1 * x + 2 * p2 * y
    jacobian = np.empty((len(x), 2, 2))
    jacobian[:, 0, 0] = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
    jacobian[:, 1, 1] = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
    jacobian[:, 0, 1] = jacobian[:, 1, 0] = mixed
    return shown, jacobian


def _undistort_plumb_bob(
    parameters: tuple[float, ...], target: Float64[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
    """Points whose plumb_bob image is `target`, by damped Newton on all points together, and whether each was found."""
    plane = target.copy()
    shown, jacobian = _plumb_bob(parameters, plane)
    error = np.abs(shown - target).max(axis=1)
    damping = np.ones(len(plane))
    for _ in range(_STEPS):
        open_ = np.flatnonzero((error > _TOLERANCE) & (damping > 1e-6))
        if open_.size == 0:
            break
        (a, b), (c, d) = jacobian[open_].transpose(1, 2, 0)
        determinant = a * d - b * c
        determinant = np.where(np.abs(determinant) < 1e-12, 1e-12, determinant)
        rx, ry = (target - shown)[open_].T
        step = np.stack((d * rx - b * ry, a * ry - c * rx), axis=1) / determinant[:, None]
        trial = plane[open_] + damping[open_, None] * step
        trial_shown, trial_jacobian = _plumb_bob(parameters, trial)
        trial_error = np.abs(trial_shown - target[open_]).max(axis=1)
        better = (trial_error < error[open_]) & _upright(trial_jacobian)
        taken = open_[better]
        plane[taken], shown[taken] = trial[better], trial_shown[better]
        jacobian[taken], error[taken] = trial_jacobian[better], trial_error[better]
        # A step that did not help is halved next time; one that did may grow again.
        damping[open_] = np.where(better, np.minimum(1.0, 2 * damping[open_]), 0.5 * damping[open_])
    return plane, error < 1e-10


def _upright(jacobian: Float64[np.ndarray, "n 2 2"]) -> Bool[np.ndarray, " n"]:
    """Whether symmetric Jacobians are positive definite: elsewhere the lens model has folded over, as no lens does."""
    (a, b), (_, d) = jacobian.transpose(1, 2, 0)
    return (a > 0) & (a * d > b * b)


def _equidistant(
    parameters: tuple[float, ...], theta: Float64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Kannala and Brandt's image radius of light at angle theta from the axis, and its derivative."""
    k1, k2, k3, k4 = parameters
    t2 = theta * theta
    shown = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
    slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
    return shown, slope


def _undistort_equidistant(
    parameters: tuple[float, ...], target: Float64[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
    """Points whose equidistant image is `target`, by Newton on the angle, kept inside the field of view."""
    radius = np.hypot(target[:, 0], target[:, 1])
    theta = np.minimum(radius, _WIDEST)
    for _ in range(_STEPS):
        shown, slope = _equidistant(parameters, theta)
        step = (radius - shown) / np.where(np.abs(slope) < 1e-6, 1e-6, slope)
        theta = np.clip(theta + np.clip(step, -0.3, 0.3), 0.0, _WIDEST)
        if np.abs(step).max(initial=0.0) < _TOLERANCE:
            break
    shown, slope = _equidistant(parameters, theta)
    found = (np.abs(shown - radius) < 1e-10) & (slope > 0)
    factor = np.divide(np.tan(theta), radius, out=np.ones_like(radius), where=radius > 0)
    return target * factor[:, None], found
