"""Angular velocity over a whole recording as a cubic B-spline through the estimates of its windows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from efields.motion.motion import UNKNOWN, Motion

_FLOOR_RAD_S = 0.01
"""What is added to each estimate's standard deviation: neighbouring windows agree no better."""
_PRIOR_RAD_S = 100.0


@dataclass(frozen=True)
class AngularVelocitySpline:
    """Angular velocity at any time: a uniform cubic B-spline."""

    start_us: int
    """Time of its first knot, microseconds."""
    knot_us: int
    """Distance of its knots, microseconds."""
    control: Float64[np.ndarray, "m 3"]
    """Control points in rad/s; three more than there are intervals."""

    def at(self, t_us: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 3"]:
        """Angular velocity in rad/s, camera axes; constant beyond its ends."""
        first, share = _basis(t_us, self.start_us, self.knot_us, len(self.control) - 3)
        return np.einsum("nk,nkc->nc", share, self.control[first[:, None] + np.arange(4)])


def angular_velocity_spline(motion: Motion, knot_s: float = 0.05, bend_rad_s: float = 0.3) -> AngularVelocitySpline:
    """The spline nearest to the windows that give an angular velocity, each weighted by its covariance.

    `knot_s`: seconds between knots. `bend_rad_s`: standard deviation of the second differences of the control points,
    which ties the spline down where windows say nothing. Penalised least squares (Eilers and Marx, "Flexible smoothing
    with B-splines and penalties", 1996). Zero where no window says anything.
    """
    start, knot_us = int(motion.t_us[0]), max(round(knot_s * 1e6), 1)
    intervals = max(-(-(int(motion.t_us[-1]) - start) // knot_us), 1)
    good = np.array([status not in UNKNOWN for status in motion.status])
    if not good.any():
        return AngularVelocitySpline(start, knot_us, np.zeros((intervals + 3, 3)))
    first, share = _basis(motion.t_us[good], start, knot_us, intervals)
    weight = np.linalg.inv(motion.covariance[good] + np.eye(3) * _FLOOR_RAD_S**2)
    pulled = np.einsum("nij,nj->ni", weight, motion.angular_velocity[good])
    # Blocks of 3 x 3 between control points at most three apart.
    blocks, right = np.zeros((4, intervals + 3, 3, 3)), np.zeros((intervals + 3, 3))
    for i in range(4):
        np.add.at(right, first + i, share[:, i, None] * pulled)
        for j in range(i, 4):
            np.add.at(blocks[j - i], first + i, (share[:, i] * share[:, j])[:, None, None] * weight)
    _tie(blocks, bend_rad_s)
    return AngularVelocitySpline(start, knot_us, _solved(blocks, right))


def smoothed(motion: Motion, knot_s: float = 0.05, bend_rad_s: float = 0.3) -> Motion:
    """The same windows with the angular velocity of their spline (`angular_velocity_spline`)."""
    spline = angular_velocity_spline(motion, knot_s, bend_rad_s)
    return replace(motion, angular_velocity=spline.at(motion.t_us))


def _basis(
    t_us: Int64[np.ndarray, " n"], start_us: int, knot_us: int, intervals: int
) -> tuple[Int64[np.ndarray, " n"], Float64[np.ndarray, "n 4"]]:
    """First control point of each time, and the shares of it and the three that follow."""
    place = np.clip((np.asarray(t_us) - start_us) / knot_us, 0.0, intervals)
    first = np.minimum(place.astype(np.int64), intervals - 1)
    u = place - first
    share = ((1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3)
    return first, np.stack(share, axis=1) / 6


def _tie(blocks: Float64[np.ndarray, "4 m 3 3"], bend_rad_s: float) -> None:
    """Add the penalty of second differences, and a very wide prior about zero."""
    count = blocks.shape[1]
    difference = np.array([1.0, -2.0, 1.0]) / bend_rad_s
    for k in range(count - 2):
        for i in range(3):
            for j in range(i, 3):
                blocks[j - i, k + i] += difference[i] * difference[j] * np.eye(3)
    blocks[0] += np.eye(3) / _PRIOR_RAD_S**2


def _solved(blocks: Float64[np.ndarray, "4 m 3 3"], right: Float64[np.ndarray, "m 3"]) -> Float64[np.ndarray, "m 3"]:
    """Solution of the symmetric banded system."""
    from scipy.linalg import solveh_banded

    count = blocks.shape[1]
    # Lower form: banded[d, c] is the element of row c + d and column c.
    banded = np.zeros((12, 3 * count))
    for apart in range(4):
        for column in range(3):
            for row in range(3):
                d = 3 * apart + row - column
                if d >= 0:
                    banded[d, column : 3 * (count - apart) : 3] = blocks[apart, : count - apart, column, row]
    return solveh_banded(banded, right.reshape(-1), lower=True).reshape(count, 3)
