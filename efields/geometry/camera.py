"""Cameras: intrinsics, lens distortion, Bayer pattern; pixel centres at integers."""

from __future__ import annotations

import functools
import logging
import math
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float64, Int64

from efields.errors import InputError
from efields.geometry.distortion import LENGTHS, DistortionModel, distort, undistort
from efields.ranges import Finite, Range

_log = logging.getLogger(__name__)

_BAYER = ("RGGB", "BGGR", "GRBG", "GBRG")


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
            raise InputError(
                f"focal length fx, fy = {self.fx:g}, {self.fy:g}", do="give finite numbers of pixels, not 0"
            )
        if not (math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise InputError(f"principal point cx, cy = {self.cx:g}, {self.cy:g}", do="give finite numbers of pixels")
        if self.distortion_model not in LENGTHS:
            raise InputError(f"distortion model {self.distortion_model!r}", do=f"known are {', '.join(LENGTHS)}")
        allowed = LENGTHS[self.distortion_model]
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
        """Colour channels of the sensor: 3 behind a Bayer filter, else 1."""
        return 3 if self.bayer else 1

    @property
    def matrix(self) -> Float64[np.ndarray, "3 3"]:
        """Intrinsic matrix K."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def lens(self) -> DistortionModel:
        """The distortion model in effect: "none" for Brown's without parameters, which is a pinhole."""
        return "none" if self.distortion_model == "plumb_bob" and not any(self.distortion) else self.distortion_model

    @property
    def lens_parameters(self) -> tuple[float, ...]:
        """Five parameters of `plumb_bob`, four of `equidistant`, none of "none"; those not given are 0."""
        count = max(LENGTHS[self.lens])
        return (*self.distortion, *(0.0,) * count)[:count]

    def bearings(self) -> Float64[np.ndarray, "p 3"]:
        """Direction of the light at every raw pixel in raster order, camera axes, z = 1, lens distortion undone.

        Computed once per camera (Newton's method on all pixels together) and kept. Where the distortion cannot be
        undone (see `undistortable`) a warning counts the pixels, which get the nearest direction found.
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
        shown = distort(self.lens, self.lens_parameters, points[:, :2] / z[:, None])
        return shown * (self.fx, self.fy) + (self.cx, self.cy)

    def scaled(self, factor: float) -> Camera:
        """The camera of the same image at another size, without a Bayer pattern (resampling mixes the filters).

        Raises `InputError` for a factor that is not above 0.
        """
        if not (math.isfinite(factor) and factor > 0):
            raise InputError(f"scale {factor:g} of a camera", do="give a number above 0")
        width, height = max(1, round(self.width * factor)), max(1, round(self.height * factor))
        sx, sy = width / self.width, height / self.height
        # Scaling preserves pixel corners, which are at half integers.
        cx, cy = (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5
        return replace(self, width=width, height=height, fx=self.fx * sx, fy=self.fy * sy, cx=cx, cy=cy, bayer="")


@functools.lru_cache(maxsize=8)
def _undistorted_grid(camera: Camera) -> tuple[Float64[np.ndarray, "p 3"], Bool[np.ndarray, " p"]]:
    """Bearings of all pixels and whether each is exact."""
    v, u = np.divmod(np.arange(camera.pixels), camera.width)
    shown = np.stack(((u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy), axis=1)
    plane, found = undistort(camera.lens, camera.lens_parameters, shown)
    lost = int(np.count_nonzero(~found))
    if lost:
        _log.warning("the %s distortion cannot be undone at %d of %d pixels; their directions are the nearest found",
                     camera.distortion_model, lost, camera.pixels)  # fmt: skip
    return np.concatenate((plane, np.ones((camera.pixels, 1))), axis=1), found
