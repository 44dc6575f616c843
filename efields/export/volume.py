"""The baked volume: 8-bit codes of density and radiance on a grid, and what they mean. Scene format, version 1."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from efields.export.codes import DensityCode, RadianceCode
from efields.export.contract import KeyframeDocument, OccupancyDocument, VolumeDocument
from efields.geometry.boxes import Box

BLOCK = 8
"""Voxels along an edge of an occupancy block."""


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
    """What the grid fills; outside it there is no density."""
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

    def document(self) -> VolumeDocument:
        """The part `volume` of a scene document."""
        x, y, z = (-(-n // self.block) for n in self.shape)
        return VolumeDocument(
            self.shape,
            self.channels,
            self.density,
            self.radiance,
            "centres",
            tuple(KeyframeDocument(frame.t_s, f"volume-{k}.bin") for k, frame in enumerate(self.keyframes)),
            OccupancyDocument(self.block, (x, y, z), "occupancy.bin"),
            self.step,
        )

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
