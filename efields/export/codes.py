"""What the 8-bit codes of a baked volume mean: density and radiance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, UInt8

from efields.ranges import Range
from efields.wire.marks import Channels

Encoding = Literal["linear", "alpha"]


@dataclass(frozen=True)
class DensityCode:
    """How a code q from 0 to 1 tells density; 0 is exactly no density."""

    encoding: Encoding
    """`linear`: q sigma_max. `alpha`: q is the opacity of `reference_length`, over that of sigma_max."""
    sigma_max: Annotated[float, Range(above=0)]
    """Density of code 1, in 1 / world unit."""
    reference_length: Annotated[float, Range(above=0)]
    """Length of which `alpha` codes the opacity, world units."""

    @property
    def full_alpha(self) -> float:
        """Opacity of the reference length at the largest density."""
        return -float(np.expm1(-self.sigma_max * self.reference_length))

    def decode(self, q: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Density of codes 0..1."""
        if self.encoding == "linear":
            return q * self.sigma_max
        return -np.log1p(-q * self.full_alpha) / self.reference_length

    def encode(self, alpha: Float[np.ndarray, "*n"]) -> UInt8[np.ndarray, "*n"]:
        """Codes of densities that are given as the opacity of the reference length."""
        if self.encoding == "alpha":
            q = alpha / self.full_alpha
        else:
            q = -np.log1p(-np.minimum(alpha, self.full_alpha)) / (self.reference_length * self.sigma_max)
        return np.rint(255.0 * np.clip(q, 0.0, 1.0)).astype(np.uint8)


@dataclass(frozen=True)
class RadianceCode:
    """How a code q from 0 to 1 tells radiance: exp(low + q (high - low)) per channel."""

    low: Annotated[tuple[float, ...], Channels()]
    """Log radiance of code 0."""
    high: Annotated[tuple[float, ...], Channels()]
    """Log radiance of code 1."""
    encoding: Literal["log"] = "log"
    """Codes are spread evenly over log radiance."""

    def decode(self, q: Float[np.ndarray, "*n c"]) -> Float[np.ndarray, "*n c"]:
        """Radiance of codes 0..1."""
        low, high = np.array(self.low), np.array(self.high)
        return np.exp(low + q * (high - low))

    def encode(self, radiance: Float[np.ndarray, "*n c"]) -> UInt8[np.ndarray, "*n c"]:
        """Codes of radiance; what lies outside the range takes its end."""
        low, high = np.array(self.low), np.array(self.high)
        q = (np.log(np.maximum(radiance, 1e-12)) - low) / np.maximum(high - low, 1e-12)
        return np.rint(255.0 * np.clip(q, 0.0, 1.0)).astype(np.uint8)
