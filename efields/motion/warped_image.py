"""Sharpness of the images of a window's warped events, relative to the unwarped one."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from efields.backends.reference import Backend
from efields.motion.window import EventWindow

Warp = Callable[[Float[Tensor, " n"], Float[Tensor, "n 2"], Float[Tensor, " n"]], Float[Tensor, "n 2"]]
"""Places at other times of what is at places at times: (seconds, normalised places, seconds) -> normalised places."""

_MARGIN = 16
"""Pixels around the image into which warped events may leave it without being lost."""


class WarpedImages:
    """Images of one window's events under any warp, and how much sharper they are than the unwarped one."""

    def __init__(self, window: EventWindow, backend: Backend, events: int, generator: torch.Generator) -> None:
        self.window, self.backend, self.generator = window, backend, generator
        self.count = min(events, len(window))
        self.chosen: Tensor | slice = slice(None)
        self._draw()
        self.base: dict[float, Tensor] = {}

    def relative_sharpness(
        self, warp: Warp, reference_s: float, blur_px: float, redraw: bool = True
    ) -> Float[Tensor, ""]:
        """G0/G, G the mean squared gradient of the image warped to a time and G0 that of the unwarped one.

        Below 1 is sharper; bounded, and independent of the number of events. Of a window of more events than are
        looked at, each call draws others, unless told not to. Source: Shiba et al., ECCV 2022, eq. 6.
        """
        if redraw:
            self._draw()
        if blur_px not in self.base:
            with torch.no_grad():
                self.base[blur_px] = _sharpness(self._image(self.window.bearing[self.chosen]), blur_px)
        t_s, bearing = self.window.t_s[self.chosen], self.window.bearing[self.chosen]
        warped = warp(t_s, bearing, torch.full_like(t_s, reference_s))
        return self.base[blur_px] / _sharpness(self._image(warped), blur_px).clamp_min(1e-12)

    def gain(self, warp: Warp) -> float:
        """Variance of the image warped to the window's middle over that of the unwarped one, both blurred by 1 px."""
        window = self.window
        with torch.no_grad():
            warped = warp(window.t_s, window.bearing, torch.zeros_like(window.t_s))
            sharp, plain = (gaussian_blur(self._image(places), 1.0).var() for places in (warped, window.bearing))
        return float(sharp / plain.clamp_min(1e-12))

    def _draw(self) -> None:
        if self.count < len(self.window):
            self.chosen = torch.randint(len(self.window), (self.count,), generator=self.generator)

    def _image(self, bearing: Float[Tensor, "n 2"]) -> Float[Tensor, "h w"]:
        camera = self.window.camera
        x = camera.fx * bearing[:, 0] + (camera.cx + _MARGIN)
        y = camera.fy * bearing[:, 1] + (camera.cy + _MARGIN)
        return self.backend.splat_events(
            x, y, torch.ones_like(x), camera.height + 2 * _MARGIN, camera.width + 2 * _MARGIN
        )


def _sharpness(image: Float[Tensor, "h w"], blur_px: float) -> Float[Tensor, ""]:
    """Mean squared gradient (central differences) of an image blurred by a Gaussian."""
    image = gaussian_blur(image, blur_px)
    across = image[1:-1, 2:] - image[1:-1, :-2]
    down = image[2:, 1:-1] - image[:-2, 1:-1]
    return (across.square().mean() + down.square().mean()) / 4


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
