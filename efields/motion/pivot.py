"""The pivot of a camera: a hand rotates it about the wrist behind it, which a pure rotation takes for more rotation.

A camera at distance r in front of the point that it rotates about moves sideways too, by r times the angle. Seen
at the distance Z of the scene, this adds r/Z times the rotation's flow in the middle of the image, where the two look
alike: a pure rotation is found too fast by that share. Away from the middle they differ, as the flow of the rotation
grows with the square of the distance from it and that of the translation does not; so r/Z can be found from the events,
where they are many and the image is wide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

GRID = np.arange(0.0, 0.5, 0.05)
"""Ratios r/Z to try."""
PRIOR = 0.3
"""Standard deviation of the ratio before events are looked at."""
LARGEST = 0.4
"""A hand's distance from the camera is less than that part of the distance of a scene."""
LEAST_NATS = 0.5
"""Gain in log likelihood below which a camera counts as rotating about itself."""


@dataclass(frozen=True)
class Turning:
    """One window, as the search for the ratio sees it."""

    events: int
    """Events that are warped."""
    start: Float64[np.ndarray, " 3"]
    """Its angular velocity without a pivot."""
    sharpest: Callable[[Float64[np.ndarray, " 3"], float], tuple[Float64[np.ndarray, " 3"], float]]
    """Angular velocity and minus log variance of the sharpest image, by start and ratio."""


def find_pivot(windows: Sequence[Turning]) -> float:
    """The ratio r/Z that makes all windows sharpest together; 0 where that says little.

    The log variance times the number of events stands for the log likelihood, as for the covariances; a parabola
    through its values smooths the grid. A ratio that grows beyond `LARGEST` is none: the camera moves in another way.
    """
    if not windows:
        return 0.0
    nats = np.zeros(len(GRID))
    for window in windows:
        for k, ratio in enumerate(GRID):
            _, cost = window.sharpest(window.start / (1 + ratio), float(ratio))
            nats[k] -= cost * window.events
    nats -= 0.5 * (GRID / PRIOR) ** 2
    curve = np.polynomial.Polynomial.fit(GRID, nats, 2, domain=[-1, 1], window=[-1, 1])
    bend = curve.coef[2] if len(curve.coef) > 2 else 0.0
    if bend >= 0:
        return 0.0
    best = float(-0.5 * curve.coef[1] / bend)
    return best if 0.0 < best < LARGEST and float(curve(best) - curve(0.0)) > LEAST_NATS else 0.0
