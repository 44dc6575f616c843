"""Where the numbers of a scene count from: single precision resolves a scene only near zero."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

from efields.geometry.boxes import Box, Triple

ZERO: Triple = (0.0, 0.0, 0.0)
FAR = 16.0
"""A box whose centre is more of its own diagonals than this from zero counts from an origin of its own."""


def origin_of(box: Box) -> Triple:
    """The point of the world that single precision counts from: zero, or a point near the centre of a box far from it.

    It is a multiple of a power of two not below the box's diagonal: taken off and added again, coordinates of the
    scene stay what they were, to the last bit.
    """
    if max(map(abs, box.center)) <= FAR * box.diagonal:
        return ZERO
    unit = 2.0 ** math.ceil(math.log2(box.diagonal))
    x, y, z = (unit * round(value / unit) for value in box.center)
    return x, y, z


def poses_about(T_world_camera: Float64[np.ndarray, "*n 4 4"], origin: Triple) -> Float64[np.ndarray, "*n 4 4"]:
    """The same poses, positions counted from `origin`."""
    T = np.array(T_world_camera, dtype=np.float64)
    T[..., :3, 3] -= origin
    return T
