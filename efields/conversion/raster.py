"""What a change of the raster of pixels does to the camera and to images that were taken with it."""

from __future__ import annotations

import numpy as np

from efields.events.resampling import Crop, Downsample, Flip, Resampling, Rotate
from efields.geometry.camera import Camera
from efields.geometry.resampling import coarser, cropped, turned


def camera_after(camera: Camera, step: Resampling) -> Camera | None:
    """The camera of the picture after `step`; None for a mirrored one."""
    if isinstance(step, Crop):
        return cropped(camera, step.x0, step.y0, step.width, step.height)
    if isinstance(step, Downsample):
        return coarser(camera, step.factor)
    return turned(camera, step.turns) if isinstance(step, Rotate) else None


def image_after(image: np.ndarray, step: Resampling) -> np.ndarray:
    """Frames [n, h, w, c] after `step`, of their type; blocks of pixels become their mean."""
    if isinstance(step, Crop):
        return image[:, step.y0 : step.y0 + step.height, step.x0 : step.x0 + step.width]
    if isinstance(step, Rotate):
        return np.rot90(image, -step.turns, axes=(1, 2))
    if isinstance(step, Flip):
        return image[:, :, ::-1] if step.axis == "horizontal" else image[:, ::-1]
    if not isinstance(step, Downsample):
        raise TypeError(f"no such change of a raster: {step}")
    rows, columns = (np.arange(0, size, step.factor) for size in image.shape[1:3])
    summed = np.add.reduceat(np.add.reduceat(image, rows, axis=1, dtype=np.float64), columns, axis=2)
    high, wide = (np.diff(np.append(at, size)) for at, size in zip((rows, columns), image.shape[1:3], strict=True))
    mean = summed / np.multiply.outer(high, wide)[:, :, None]
    return (np.rint(mean) if image.dtype.kind == "u" else mean).astype(image.dtype)
