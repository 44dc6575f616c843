"""The origin of a scene's coordinates: single precision resolves a scene only near zero."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

from efields.geometry.boxes import Box, Triple

ZERO: Triple = (0.0, 0.0, 0.0)
FAR = 16.0
"""A box whose centre is more than this many of its diagonals from zero gets its own origin."""


def origin_of(box: Box) -> Triple:
    """The world point that single precision is relative to: zero, or a point near the centre of a box far from zero.

    It is a multiple of a power of two not below the box's diagonal: subtracted and added back, coordinates of the
    scene are unchanged, to the last bit.
    """
    if max(map(abs, box.center)) <= FAR * box.diagonal:
        return ZERO
    unit = 2.0 ** math.ceil(math.log2(box.diagonal))
    x, y, z = (unit * round(value / unit) for value in box.center)
    return x, y, z


def poses_about(T_world_camera: Float64[np.ndarray, "*n 4 4"], origin: Triple) -> Float64[np.ndarray, "*n 4 4"]:
    """The same poses with positions relative to `origin`."""
    T = np.array(T_world_camera, dtype=np.float64)
    T[..., :3, 3] -= origin
    return T
