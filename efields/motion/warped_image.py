"""Sharpness of the images of a window's warped events, relative to the unwarped one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from efields.backends.reference import Backend
from efields.motion.contrast import gaussian_blur, gradient_magnitude, image_of_warped_events
from efields.motion.window import EventWindow

Warp = Callable[[Float[Tensor, " n"], Float[Tensor, "n 2"], Float[Tensor, " n"]], Float[Tensor, "n 2"]]
"""Places at other times of what is at places at times: (seconds, normalised places, seconds) -> normalised places."""


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
        t_s, bearing = self.window.t_s[self.chosen], self.window.bearing[self.chosen]
        if blur_px not in self.base:
            with torch.no_grad():
                self.base[blur_px] = gradient_magnitude(gaussian_blur(self._image(bearing), blur_px))
        warped = gaussian_blur(self._image(warp(t_s, bearing, torch.full_like(t_s, reference_s))), blur_px)
        return self.base[blur_px] / gradient_magnitude(warped).clamp_min(1e-12)

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
        return image_of_warped_events(bearing, self.window.camera, self.backend)
