"""Several cameras: which of them are the same, and the directions of pixels that each belong to one of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64

from efields.geometry.camera import Camera
from efields.geometry.distortion import LENGTHS, DistortionModel, undistort

SAME_PX = 0.01
"""Cameras that project every direction within this many pixels of each other count as the same."""
_GRID = 9
"""Pixels along each side of the image at which cameras are compared, edges included."""


def distinct(cameras: Sequence[Camera]) -> tuple[tuple[Camera, ...], Int64[np.ndarray, " n"]]:
    """The distinct cameras in order of first use, and the index among them of each camera.

    Cameras of one size that differ by less than `SAME_PX` everywhere in the image count as the same.
    """
    kept: list[Camera] = []
    places = np.empty((len(set(cameras)), _GRID * _GRID, 2))
    index: dict[Camera, int] = {}
    for camera in cameras:
        if camera in index:
            continue
        plane = _grid_bearings(camera)[0][:, :2]
        far = np.abs(places[: len(kept)] - plane).max(axis=(1, 2)) * abs(camera.fx)
        near = [i for i in np.flatnonzero(far < 100 * SAME_PX) if _are_one(kept[i], camera)]
        if near:
            index[camera] = int(near[0])
            continue
        index[camera] = len(kept)
        places[len(kept)] = plane
        kept.append(camera)
    return tuple(kept), np.array([index[camera] for camera in cameras], dtype=np.int64)


def bearings_at(
    cameras: Sequence[Camera], which: Int64[np.ndarray, " n"], pixel: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n 3"]:
    """`Camera.bearings` of row-major pixels, each of the camera `which`, solved for these pixels alone."""
    columns, fx, fy, cx, cy = (
        np.array([getattr(camera, name) for camera in cameras])[which] for name in ("width", "fx", "fy", "cx", "cy")
    )
    v, u = np.divmod(pixel, columns)
    shown = np.stack(((u - cx) / fx, (v - cy) / fy), axis=1)
    lens = np.array([camera.lens for camera in cameras])[which]
    plane = np.empty_like(shown)
    models: tuple[DistortionModel, ...] = ("none", "plumb_bob", "equidistant")
    for model in models:
        at = np.flatnonzero(lens == model)
        if at.size:
            rows = [camera.lens_parameters if camera.lens == model else () for camera in cameras]
            table = np.zeros((max(LENGTHS[model]), len(cameras)))
            for i, parameters in enumerate(rows):
                table[: len(parameters), i] = parameters
            plane[at] = undistort(model, table[:, which[at]], shown[at])[0]
    return np.concatenate((plane, np.ones((len(plane), 1))), axis=1)


def _are_one(one: Camera, other: Camera) -> bool:
    """Whether both project every direction of the image to the same position, with the same colours."""
    if (one.width, one.height, one.bayer) != (other.width, other.height, other.bayer):
        return False
    for seen, by in ((one, other), (other, one)):
        bearings, pixels, found = _grid_bearings(seen)
        if not (np.abs(by.project(bearings[found]) - pixels[found]) < SAME_PX).all():
            return False
    return True


def _grid_bearings(
    camera: Camera,
) -> tuple[Float64[np.ndarray, "g 3"], Float64[np.ndarray, "g 2"], Bool[np.ndarray, " g"]]:
    """Bearings of a grid of pixels, the pixels, and whether each bearing was found."""
    u, v = np.meshgrid(np.linspace(0, camera.width - 1, _GRID), np.linspace(0, camera.height - 1, _GRID))
    pixels = np.stack((u.ravel(), v.ravel()), axis=1)
    plane, found = undistort(
        camera.lens, camera.lens_parameters, (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    )
    return np.concatenate((plane, np.ones((len(plane), 1))), axis=1), pixels, found
