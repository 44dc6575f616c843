"""What stands behind a baked volume: one colour, or a map of radiance over all directions."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from efields.export.contract import BackgroundMap

MAP_ROWS = 64
"""Rows of a map; its pixels are 2.8 degrees wide."""
BLOB = "background.bin"


@dataclass(frozen=True)
class BakedBackground:
    """Radiance by direction, as a scene carries it."""

    radiance: Float[np.ndarray, "rows columns c"]
    """Linear radiance; one row and column for one colour, else every direction around as `BackgroundMap` says."""

    @property
    def document(self) -> tuple[float, ...] | BackgroundMap:
        """The part `background` of a scene document."""
        rows, columns, channels = self.radiance.shape
        if rows == columns == 1:
            return tuple(self.radiance[0, 0].tolist())
        return BackgroundMap("map", columns, rows, channels, BLOB)

    @property
    def blobs(self) -> dict[str, bytes]:
        """zlib streams by name: the map, where there is one."""
        if self.radiance.shape[:2] == (1, 1):
            return {}
        return {BLOB: zlib.compress(self.radiance.astype("<f4").tobytes(), 9)}

    def __call__(self, way: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n c"]:
        """Radiance along unit directions: between pixels of the map linear, as the viewer has it."""
        rows, columns, channels = self.radiance.shape
        if rows == columns == 1:
            return np.broadcast_to(self.radiance[0, 0].astype(np.float64), (len(way), channels))
        u = (np.arctan2(way[:, 1], way[:, 0]) / (2 * np.pi) + 0.5) * columns - 0.5
        v = np.arctan2(np.hypot(way[:, 0], way[:, 1]), way[:, 2]) / np.pi * rows - 0.5
        left, top = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
        right_share, low_share = (u - left)[:, None], (v - top)[:, None]
        above, below = (
            self.radiance[np.clip(row, 0, rows - 1), left % columns] * (1 - right_share)
            + self.radiance[np.clip(row, 0, rows - 1), (left + 1) % columns] * right_share
            for row in (top, top + 1)
        )
        return above * (1 - low_share) + below * low_share


def one_colour(radiance: Float[np.ndarray, " c"]) -> BakedBackground:
    """The same linear radiance in every direction."""
    return BakedBackground(np.asarray(radiance, dtype=np.float64)[None, None])


def by_direction(
    look: Callable[[Float64[np.ndarray, "n 3"]], Float[np.ndarray, "n c"]], rows: int = MAP_ROWS
) -> BakedBackground:
    """A map of what `look` gives along unit directions of the world: linear radiance."""
    polar = np.pi * (np.arange(rows) + 0.5) / rows
    azimuth = 2 * np.pi * (np.arange(2 * rows) + 0.5) / (2 * rows) - np.pi
    theta, phi = np.meshgrid(polar, azimuth, indexing="ij")
    way = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
    return BakedBackground(np.asarray(look(way.reshape(-1, 3)), dtype=np.float32).reshape(rows, 2 * rows, -1))
