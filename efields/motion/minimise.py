"""Minima of smooth functions of three numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

Objective = Callable[[Float64[np.ndarray, " 3"]], tuple[float, Float64[np.ndarray, " 3"]]]
"""Value and gradient of the function to minimise."""


def minimised(
    objective: Objective,
    start: Float64[np.ndarray, " 3"],
    iterations: int,
    inverse: Float64[np.ndarray, "3 3"] | None = None,
    least_gain: float = 1e-5,
) -> tuple[Float64[np.ndarray, " 3"], float]:
    """Minimum of a smooth function of three numbers by BFGS with backtracking (Nocedal and Wright, chapter 6).

    `inverse`: a positive definite guess of the inverse of its second derivatives. A step that gains less than
    `least_gain` is the last.
    """
    at = start.astype(np.float64)
    value, gradient = objective(at)
    for _ in range(iterations):
        size = float(np.linalg.norm(gradient))
        if size < 1e-9:
            break
        # The first step is a tenth of a radian a second; then the curvature that was met sets the scale.
        direction = -gradient * (0.1 / size) if inverse is None else -inverse @ gradient
        slope = float(direction @ gradient)
        if slope >= 0:
            direction, slope, inverse = -gradient * (0.1 / size), -0.1 * size, None
        length, moved = 1.0, None
        for _ in range(8):
            trial = at + length * direction
            found = objective(trial)
            if found[0] <= value + 1e-4 * length * slope:
                moved = trial, *found
                break
            length *= 0.4
        if moved is None:
            break
        step, change = moved[0] - at, moved[2] - gradient
        curvature = float(step @ change)
        if curvature > 1e-12:
            if inverse is None:
                inverse = np.eye(3) * (curvature / float(change @ change))
            left = np.eye(3) - np.outer(step, change) / curvature
            inverse = left @ inverse @ left.T + np.outer(step, step) / curvature
        gained = value - moved[1]
        at, value, gradient = moved
        if gained < least_gain or float(np.linalg.norm(step)) < 3e-4:
            break
    return at, value
