"""Where each level of a multiresolution hash grid lies in its table: tiny-cuda-nn's definition, level by level.

Source: Mueller et al., Instant Neural Graphics Primitives, SIGGRAPH 2022, section 3, and tiny-cuda-nn's `grid.h`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

PRIMES = (1, 2654435761, 805459861, 3674653429)
"""Factors of the spatial hash, one a dimension (tiny-cuda-nn's coherent prime hash)."""


@dataclass(frozen=True)
class HashLevel:
    """One level of the grid."""

    scale: float
    """Cells along the unit cube: a point x lies at x * scale + 0.5 in grid coordinates."""
    resolution: int
    """Vertices along one axis, ceil(scale) + 1."""
    offset: int
    """First row of this level in the table."""
    size: int
    """Rows of this level."""
    dense: bool
    """Whether every vertex has a row of its own; else rows are shared through the hash."""


@dataclass(frozen=True)
class HashLayout:
    """The table of a multiresolution hash grid: float32 `[rows, features]`, levels one after the other."""

    dimensions: int
    """Dimensions of a point: 2, 3 or 4."""
    features: int
    """Features a row."""
    levels: tuple[HashLevel, ...]
    """The levels, coarse to fine."""

    @property
    def rows(self) -> int:
        """Rows of the whole table."""
        return self.levels[-1].offset + self.levels[-1].size

    @property
    def width(self) -> int:
        """Features of an encoded point, all levels together."""
        return self.features * len(self.levels)

    @staticmethod
    def build(
        *, dimensions: int, levels: int, features: int, base_resolution: int, finest_resolution: int, log2_size: int
    ) -> HashLayout:
        """Lay out levels whose scale grows geometrically from `base_resolution - 1` to `finest_resolution - 1`.

        Raises `ValueError` for numbers that make no grid.
        """
        if not 2 <= dimensions <= 4:
            raise ValueError(f"a hash grid has 2 to 4 dimensions, not {dimensions}")
        if levels < 1 or features < 1 or base_resolution < 2 or finest_resolution < base_resolution or log2_size < 3:
            raise ValueError(
                "a hash grid takes levels, features >= 1, 2 <= base_resolution <= finest_resolution, log2_size >= 3"
            )
        growth = (finest_resolution / base_resolution) ** (1 / (levels - 1)) if levels > 1 else 1.0
        # In single precision, as tiny-cuda-nn does it: at whole scales the rounding decides the resolution.
        log2_growth, base, one = np.log2(np.float32(growth)), np.float32(base_resolution), np.float32(1)
        capacity, offset, laid = 1 << log2_size, 0, []
        for level in range(levels):
            scale = float(np.exp2(np.float32(level) * log2_growth) * base - one)
            resolution = math.ceil(scale) + 1
            vertices = -(-(resolution**dimensions) // 8) * 8  # rows come in eights, as tiny-cuda-nn aligns them
            size = min(vertices, capacity)
            laid.append(HashLevel(scale, resolution, offset, size, dense=resolution**dimensions <= size))
            offset += size
        return HashLayout(dimensions, features, tuple(laid))
