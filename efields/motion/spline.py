"""The camera's motion over a recording as a cubic B-spline that overlapping windows share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from efields.motion.epipolar import FlowSamples, epipolar_residual

_LEAST_NORM = 1e-6


@dataclass(frozen=True)
class TimedFlow:
    """Flow samples of one window at absolute times."""

    samples: FlowSamples
    """Flow."""
    t_us: Float64[np.ndarray, " n"]
    """Absolute time of each in microseconds."""
    independent: int = 16
    """How many of them count as independent."""


@dataclass(frozen=True)
class MotionSpline:
    """Uniform cubic B-spline of angular velocity (rad/s) and of a vector along the linear velocity."""

    start_us: float
    """Time from which it is given, microseconds."""
    knot_us: float
    """Distance of its knots, microseconds."""
    control: Float64[np.ndarray, "m 6"]
    """Control points: angular velocity, and a vector whose unit vector is the direction."""

    @classmethod
    def through(
        cls,
        span_us: tuple[float, float],
        knot_s: float,
        t_us: Int64[np.ndarray, " k"],
        angular_velocity: Float64[np.ndarray, "k 3"],
        direction: Float64[np.ndarray, "k 3"],
    ) -> MotionSpline:
        """The spline over a span of time whose control points lie on the lines between estimates at times.

        The direction of each estimate may have either sign: the nearer to its predecessor's is taken.
        """
        knot_us = knot_s * 1e6
        segments = max(int(np.ceil((span_us[1] - span_us[0]) / knot_us)), 1)
        at_us = span_us[0] + (np.arange(segments + 3) - 1) * knot_us
        aligned = direction.copy()
        for k in range(1, len(aligned)):
            if aligned[k] @ aligned[k - 1] < 0:
                aligned[k] = -aligned[k]
        columns = np.concatenate((angular_velocity, aligned), axis=1)
        return cls(float(span_us[0]), knot_us, np.stack([np.interp(at_us, t_us, c) for c in columns.T], axis=1))

    @property
    def end_us(self) -> float:
        """Time up to which it is given, microseconds."""
        return self.start_us + (len(self.control) - 3) * self.knot_us

    def at(
        self, t_us: Float64[np.ndarray, " n"] | Int64[np.ndarray, " n"]
    ) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]:
        """Angular velocity in rad/s and unit direction of translation at times; constant beyond its ends."""
        first, share = self._basis(np.asarray(t_us, dtype=np.float64))
        values = np.einsum("nk,nkc->nc", share, self.control[first[:, None] + np.arange(4)])
        length = np.linalg.norm(values[:, 3:], axis=1, keepdims=True)
        return values[:, :3], values[:, 3:] / np.maximum(length, _LEAST_NORM)

    def refined(
        self, flows: Sequence[TimedFlow], bend: tuple[float, float] = (2.0, 0.3), rounds: int = 6
    ) -> MotionSpline:
        """The spline whose epipolar lines are nearest to flow samples: Gauss-Newton with Cauchy weights.

        Only control points that the samples' times touch are changed. `bend` is the size of second differences of the
        angular velocity (rad/s) and of the direction that counts as one unit of error.
        """
        times = np.concatenate([flow.t_us for flow in flows])
        first, share = self._basis(times)
        low, high = int(first.min()), int(first.max()) + 4
        spline = self
        cost, equations = spline._linearised(flows, first, share, low, high, bend)
        damping = 1e-3
        for _ in range(rounds):
            hessian, gradient = equations
            diagonal = np.diag(np.diag(hessian)) * damping + np.eye(len(hessian)) * 1e-9
            step = np.linalg.solve(hessian + diagonal, -gradient).reshape(high - low, 6)
            control = spline.control.copy()
            control[low:high] += step
            tried = replace(spline, control=control)
            new_cost, new_equations = tried._linearised(flows, first, share, low, high, bend)
            if new_cost < cost:
                small = cost - new_cost < 1e-6 * cost
                spline, cost, equations, damping = tried, new_cost, new_equations, max(damping / 5, 1e-6)
                if small:
                    break
            else:
                damping *= 10
        return spline

    def _basis(self, t_us: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First control point of each time, and the shares of it and the three that follow."""
        segments = len(self.control) - 3
        place = np.clip((t_us - self.start_us) / self.knot_us, 0.0, segments)
        first = np.minimum(place.astype(np.int64), segments - 1)
        u = place - first
        u2, u3 = u * u, u * u * u
        share = np.stack((1 - 3 * u + 3 * u2 - u3, 4 - 6 * u2 + 3 * u3, 1 + 3 * u + 3 * u2 - 3 * u3, u3), axis=1) / 6
        return first, share

    def _linearised(
        self,
        flows: Sequence[TimedFlow],
        first: np.ndarray,
        share: np.ndarray,
        low: int,
        high: int,
        bend: tuple[float, float],
    ) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
        """Robust cost, and the Gauss-Newton Hessian and gradient in control points `low` to `high`."""
        residual, by_motion, weight = self._residuals(flows, first, share)
        count = high - low
        rows = np.zeros((len(residual), count, 6))
        each = np.arange(len(residual))
        for k in range(4):
            rows[each, first - low + k] = share[:, k, None] * by_motion
        rows = rows.reshape(len(residual), -1)
        robust = weight / (1.0 + residual**2)
        hessian = (rows * robust[:, None]).T @ rows
        gradient = rows.T @ (robust * residual)
        cost = 0.5 * float((weight * np.log1p(residual**2)).sum())
        for left, row in self._priors(low, high, bend):
            hessian += row.T @ row
            gradient += row.T @ left
            cost += 0.5 * float(left @ left)
        return cost, (hessian, gradient)

    def _residuals(
        self, flows: Sequence[TimedFlow], first: np.ndarray, share: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distances from the epipolar lines in pixels, their derivatives by (w, v), and the weight of each."""
        bearing = np.concatenate([flow.samples.bearing for flow in flows])
        flow_at = np.concatenate([flow.samples.flow for flow in flows])
        scale = np.concatenate([np.full(len(flow.samples), flow.samples.scale) for flow in flows])
        weight = np.concatenate([np.full(len(f.samples), f.independent / len(f.samples)) for f in flows])
        # A flow that is right to 0.2 pixels counts as one unit of error.
        scale = 0.2 * scale
        motion = np.einsum("nk,nkc->nc", share, self.control[first[:, None] + np.arange(4)])

        def residual(motion: np.ndarray) -> np.ndarray:
            length = np.maximum(np.linalg.norm(motion[:, 3:], axis=1, keepdims=True), _LEAST_NORM)
            return epipolar_residual(bearing, flow_at, motion[:, :3], motion[:, 3:] / length) / scale

        here, step = residual(motion), 1e-5
        by_motion = np.stack([(residual(motion + step * axis) - here) / step for axis in np.eye(6)], axis=1)
        return here, by_motion, weight

    def _priors(self, low: int, high: int, bend: tuple[float, float]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Residuals and rows of small second differences, and of directions of length one."""
        count = high - low
        found: list[tuple[np.ndarray, np.ndarray]] = []
        size = np.concatenate((np.full(3, bend[0]), np.full(3, bend[1])))
        # The control points before and after those that change take part with the values that they have.
        for k in range(max(low, 1) - 1, min(high, len(self.control) - 1) - 1 + 1):
            if k + 2 >= len(self.control):
                break
            left = (self.control[k] - 2 * self.control[k + 1] + self.control[k + 2]) / size
            row = np.zeros((6, count, 6))
            for offset, factor in ((0, 1.0), (1, -2.0), (2, 1.0)):
                if low <= k + offset < high:
                    row[:, k + offset - low] += np.diag(factor / size)
            found.append((left, row.reshape(6, -1)))
        for k in range(low, high):
            vector = self.control[k, 3:]
            length = max(float(np.linalg.norm(vector)), _LEAST_NORM)
            row = np.zeros((1, count, 6))
            row[0, k - low, 3:] = vector / length / 0.1
            found.append((np.array([(length - 1.0) / 0.1]), row.reshape(1, -1)))
        return found
