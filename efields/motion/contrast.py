"""Sharpness of images of warped events: pure functions, differentiable in the positions of the events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

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
    """Image of events at normalised positions, with a margin around the sensor; bilinear, weight 1 if not given.

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
    """Variance of the blurred image of events at normalised positions; pixels are coarse where the blur permits."""
    scale = max(1, int(blur_px))
    image = image_of_warped_events(bearing, camera, backend, scale=scale)
    return variance(gaussian_blur(image, blur_px / scale))


def gaussian_blur(image: Float[Tensor, "h w"], blur_px: float) -> Float[Tensor, "h w"]:
    """The image convolved with a Gaussian of that standard deviation in pixels, zero beyond its edge.

    The Gaussian is cut off beyond three standard deviations.
    """
    if blur_px <= 0:
        return image
    blurred = _Blur.apply(image, blur_px)
    assert isinstance(blurred, Tensor)
    return blurred


class _Blur(torch.autograd.Function):
    """Shifted sums in place, quicker than convolutions of one channel; the blur is its own adjoint."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, blur_px: float) -> Tensor:
        ctx.blur_px = blur_px
        return _shifted_sums(image, blur_px)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return gaussian_blur(grads[0], ctx.blur_px), None


def _shifted_sums(image: Float[Tensor, "h w"], blur_px: float) -> Float[Tensor, "h w"]:
    reach = math.ceil(3 * blur_px)
    weights = [math.exp(-0.5 * (shift / blur_px) ** 2) for shift in range(reach + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    for axis in (0, 1):
        size = image.shape[axis]
        blurred = image * (weights[0] / total)
        for shift in range(1, min(reach, size - 1) + 1):
            weight = weights[shift] / total
            blurred.narrow(axis, shift, size - shift).add_(image.narrow(axis, 0, size - shift), alpha=weight)
            blurred.narrow(axis, 0, size - shift).add_(image.narrow(axis, shift, size - shift), alpha=weight)
        image = blurred
    return image
