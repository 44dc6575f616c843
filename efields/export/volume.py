"""The baked volume: 8-bit codes of density and radiance on a grid, and what they mean. Scene format, version 1."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, UInt8

from efields.geometry.boxes import Box

BLOCK = 8
"""Voxels along an edge of an occupancy block."""

Encoding = Literal["linear", "alpha"]


@dataclass(frozen=True)
class DensityCode:
    """How a code q from 0 to 1 tells density; 0 is exactly no density."""

    encoding: Encoding
    """`linear`: q sigma_max. `alpha`: q is the opacity of `reference_length`, over that of sigma_max."""
    sigma_max: float
    """Density of code 1, in 1 / world unit."""
    reference_length: float
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

    low: tuple[float, ...]
    """Log radiance of code 0."""
    high: tuple[float, ...]
    """Log radiance of code 1."""

    def decode(self, q: Float[np.ndarray, "*n c"]) -> Float[np.ndarray, "*n c"]:
        """Radiance of codes 0..1."""
        low, high = np.array(self.low), np.array(self.high)
        return np.exp(low + q * (high - low))

    def encode(self, radiance: Float[np.ndarray, "*n c"]) -> UInt8[np.ndarray, "*n c"]:
        """Codes of radiance; what lies outside of the range takes its end."""
        low, high = np.array(self.low), np.array(self.high)
        q = (np.log(np.maximum(radiance, 1e-12)) - low) / np.maximum(high - low, 1e-12)
        return np.rint(255.0 * np.clip(q, 0.0, 1.0)).astype(np.uint8)


@dataclass(frozen=True)
class Keyframe:
    """The codes at one time."""

    t_s: float | None
    """Seconds since the recording's origin; None for a field that stands still."""
    codes: UInt8[np.ndarray, "z y x k"]
    """Per voxel density and radiance (k = 2), or red, green, blue, density (k = 4); x is fastest in memory."""


@dataclass(frozen=True)
class Volume:
    """A field as codes on a grid."""

    box: Box
    """What the grid fills; outside of it there is no density."""
    keyframes: tuple[Keyframe, ...]
    """In order of time; between two of them codes are blended linearly."""
    density: DensityCode
    """Meaning of the density code."""
    radiance: RadianceCode
    """Meaning of the radiance codes."""
    step: float
    """Length of the march's spans, world units."""
    block: int = BLOCK
    """Voxels along an edge of an occupancy block."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y, z."""
        z, y, x, _ = self.keyframes[0].codes.shape
        return x, y, z

    @property
    def channels(self) -> Literal["mono", "rgb"]:
        """One channel of radiance or three."""
        return "mono" if self.keyframes[0].codes.shape[-1] == 2 else "rgb"

    @property
    def edge(self) -> Float64[np.ndarray, "3"]:
        """Edges of a voxel along x, y, z, world units."""
        return np.array(self.box.size) / self.shape

    def density_codes(self, keyframe: int = 0) -> UInt8[np.ndarray, "z y x"]:
        """Codes of density of one keyframe."""
        codes = self.keyframes[keyframe].codes
        return codes[..., 0 if codes.shape[-1] == 2 else 3]

    def occupancy(self) -> UInt8[np.ndarray, "bz by bx"]:
        """1 for each block in which a trilinear look can meet density at some time."""
        dense = np.zeros(self.keyframes[0].codes.shape[:3], dtype=bool)
        for keyframe in range(len(self.keyframes)):
            dense |= self.density_codes(keyframe) > 0
        return blocks_that_see(dense, self.block)

    def table(self) -> dict[str, Any]:
        """The part `volume` of a scene document."""
        return {
            "shape": list(self.shape),
            "channels": self.channels,
            "density": {
                "encoding": self.density.encoding,
                "sigma_max": self.density.sigma_max,
                "reference_length": self.density.reference_length,
            },
            "radiance": {"encoding": "log", "low": list(self.radiance.low), "high": list(self.radiance.high)},
            "voxels": "centres",
            "keyframes": [
                {"t_s": frame.t_s, "blob": f"volume-{number}.bin"} for number, frame in enumerate(self.keyframes)
            ],
            "occupancy": {
                "block": self.block,
                "shape": [-(-n // self.block) for n in self.shape],
                "blob": "occupancy.bin",
            },
            "step": self.step,
        }

    def blobs(self) -> dict[str, bytes]:
        """zlib streams by name."""
        packed = {
            f"volume-{number}.bin": zlib.compress(frame.codes.tobytes(), 9)
            for number, frame in enumerate(self.keyframes)
        }
        return {**packed, "occupancy.bin": zlib.compress(self.occupancy().tobytes(), 9)}


def touched(dense: Bool[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"]:
    """Voxels that interpolation can look at where it meets a voxel in which `dense` is true."""
    from scipy.ndimage import binary_dilation

    return binary_dilation(dense, structure=np.ones((3, 3, 3), dtype=bool))


def blocks_that_see(dense: Bool[np.ndarray, "z y x"], block: int) -> UInt8[np.ndarray, "bz by bx"]:
    """1 for each block of `block`^3 voxels that holds or touches a voxel where `dense` is true."""
    near = touched(dense)
    padded = np.pad(near, [(0, -n % block) for n in near.shape])
    z, y, x = (n // block for n in padded.shape)
    return np.asarray(padded.reshape(z, block, y, block, x, block).any(axis=(1, 3, 5)), dtype=np.uint8)
