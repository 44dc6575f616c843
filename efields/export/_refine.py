"""Grid values whose trilinear interpolation fits values on a grid twice as fine, by least squares.

Values taken at voxel centres make surfaces too fat where density falls off faster than a straight line between two
centres can; fitted values pull them in. Projected Landweber iterations, in slabs so that memory stays bounded.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

SLAB = 16
"""Coarse layers that are processed together."""


def fit_to_finer(
    fine: Float[np.ndarray, "z2 y2 x2"], start: Float[np.ndarray, "z y x"], iterations: int
) -> Float[np.ndarray, "z y x"]:
    """Values 0..1 on the coarse grid, from `start`; `fine` has two points along each edge of a voxel."""
    value = start.astype(np.float32)
    for _ in range(iterations):
        step = np.empty_like(value)
        for first in range(0, len(value), SLAB):
            last = min(first + SLAB, len(value))
            low, high = max(first - 2, 0), min(last + 2, len(value))
            residual = fine[2 * low : 2 * high].astype(np.float32) - finer(value[low:high])
            step[first:last] = coarser(residual)[first - low : last - low]
        value = np.clip(value + step, 0.0, 1.0)
    return value


def finer(value: Float[np.ndarray, "z y x"]) -> Float[np.ndarray, "z2 y2 x2"]:
    """Interpolation at a quarter and three quarters of each voxel's edge; held beyond the outer centres."""
    for axis in range(3):
        here = np.moveaxis(value, axis, 0)
        held = np.concatenate((here[:1], here, here[-1:]))
        out = np.empty((2 * len(here), *here.shape[1:]), dtype=here.dtype)
        out[0::2] = 0.75 * here + 0.25 * held[:-2]
        out[1::2] = 0.75 * here + 0.25 * held[2:]
        value = np.moveaxis(out, 0, axis)
    return value


def coarser(value: Float[np.ndarray, "z2 y2 x2"]) -> Float[np.ndarray, "z y x"]:
    """The transpose of `finer`, over 8: a mean around each centre."""
    for axis in range(3):
        there = np.moveaxis(value, axis, 0)
        before, after = there[0::2], there[1::2]
        out = 0.75 * (before + after)
        out[:-1] += 0.25 * before[1:]
        out[1:] += 0.25 * after[:-1]
        out[:1] += 0.25 * before[:1]
        out[-1:] += 0.25 * after[-1:]
        value = np.moveaxis(out, 0, axis)
    return value / 8.0
