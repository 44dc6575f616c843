"""How sharp an image of warped events is: pure functions, differentiable in the places of the events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from efields.backends.reference import Backend
from efields.geometry.camera import Camera

MARGIN = 16
"""Pixels around the image into which warped events may leave it without being lost."""


def image_of_warped_events(
    bearing: Float[Tensor, "n 2"],
    camera: Camera,
    backend: Backend,
    weight: Float[Tensor, " n"] | None = None,
    scale: int = 1,
) -> Float[Tensor, "h w"]:
    """Image of events at normalised places, with a margin around the sensor; bilinear, weight 1 if not given.

    Its pixels are `scale` times as wide as the sensor's: enough for an image that is blurred by as much.
    """
    # Pixel centres are at integers at every scale, so that blocks of scale x scale pixels become one.
    x = (camera.fx * bearing[:, 0] + (camera.cx + MARGIN + 0.5)) / scale - 0.5
    y = (camera.fy * bearing[:, 1] + (camera.cy + MARGIN + 0.5)) / scale - 0.5
    weight = torch.ones_like(x) if weight is None else weight
    height, width = (-(-(side + 2 * MARGIN) // scale) for side in (camera.height, camera.width))
    return backend.splat_events(x, y, weight, height, width)


def variance(image: Float[Tensor, "h w"]) -> Float[Tensor, ""]:
    """Variance of the pixels (Gallego et al., CVPR 2018)."""
    return image.var(unbiased=False)


def gradient_magnitude(image: Float[Tensor, "h w"]) -> Float[Tensor, ""]:
    """Mean squared gradient by central differences (Gallego et al., CVPR 2019, "Focus is all you need")."""
    across = image[1:-1, 2:] - image[1:-1, :-2]
    down = image[2:, 1:-1] - image[:-2, 1:-1]
    return (across.square().mean() + down.square().mean()) / 4


def multi_reference_sharpness(
    images: Sequence[Float[Tensor, "h w"]], unwarped: Float[Tensor, "h w"]
) -> Float[Tensor, ""]:
    """Mean of G0 / G over images warped to several times: below 1 is sharper; it resists collapse to one of them.

    G is `gradient_magnitude`, G0 that of the unwarped image. Shiba et al., ECCV 2022, equation 6.
    """
    base = gradient_magnitude(unwarped)
    return torch.stack([base / gradient_magnitude(image).clamp_min(1e-12) for image in images]).mean()


def warped_variance(
    bearing: Float[Tensor, "n 2"], camera: Camera, blur_px: float, backend: Backend
) -> Float[Tensor, ""]:
    """Variance of the blurred image of events at normalised places; coarse pixels do where the blur hides them."""
    scale = max(1, int(blur_px))
    image = image_of_warped_events(bearing, camera, backend, scale=scale)
    return variance(gaussian_blur(image, blur_px / scale))


def gaussian_blur(image: Float[Tensor, "h w"], blur_px: float) -> Float[Tensor, "h w"]:
    """The image convolved with a Gaussian of that standard deviation in pixels, zero beyond its edge."""
    if blur_px <= 0:
        return image
    rows, columns = image.shape
    return _gaussian(rows, blur_px).to(image) @ image @ _gaussian(columns, blur_px).to(image)


@lru_cache(maxsize=16)
def _gaussian(size: int, blur_px: float) -> Float[Tensor, "size size"]:
    """The convolution as a symmetric banded matrix: two products are quicker here than two convolutions."""
    offset = torch.arange(size, dtype=torch.float64)
    offset = offset[:, None] - offset[None, :]
    kernel = torch.exp(-0.5 * (offset / blur_px) ** 2) * (offset.abs() <= math.ceil(3 * blur_px))
    reach = torch.arange(-math.ceil(3 * blur_px), math.ceil(3 * blur_px) + 1, dtype=torch.float64)
    return (kernel / torch.exp(-0.5 * (reach / blur_px) ** 2).sum()).float()
