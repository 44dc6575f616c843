"""Motion of the camera from flow alone, without depth: the differential epipolar constraint.

A static point seen at x^ = (x, y, 1) by a camera of linear velocity v and angular velocity w flows by u with
    r = u . (v x x^) + (w x x^) . (v x x^) = 0,
linear in w for a given v: (w x x^) . (v x x^) = w . (v |x^|^2 - x^ (x^ . v)). Source: E-MoFlow (Li et al., NeurIPS
2025, eq. 8); Kanatani, "3-D interpretation of optical flow by renormalization", IJCV 1993.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from efields.geometry.directions import across, half_sphere

Vectors = Float64[np.ndarray, "n 3"]
_SMALL = 1e-9


@dataclass(frozen=True)
class FlowSamples:
    """Flow samples, with the size of an error of one pixel, from which the motion is estimated."""

    bearing: Float64[np.ndarray, "n 2"]
    """Normalised image coordinates."""
    flow: Float64[np.ndarray, "n 2"]
    """Normalised units a second."""
    scale: float
    """Flow that counts as one unit of error (a pixel over the window), normalised units a second."""

    @property
    def ray(self) -> Vectors:
        """Bearings with z = 1."""
        return np.column_stack((self.bearing, np.ones(len(self.bearing))))

    def __len__(self) -> int:
        return len(self.bearing)

    def thinned(self, at_most: int) -> FlowSamples:
        """An even choice of them, about `at_most`."""
        step = max(len(self) // at_most, 1)
        return FlowSamples(self.bearing[::step], self.flow[::step], self.scale)


@dataclass(frozen=True)
class FlowMotion:
    """Camera motion that a flow is consistent with."""

    angular_velocity: Float64[np.ndarray, " 3"]
    """rad/s, in the camera's axes."""
    direction: Float64[np.ndarray, " 3"]
    """Unit vector of the linear velocity in the camera's axes."""
    cost: float
    """Robust mean of the residuals: squared errors in units of `FlowSamples.scale`, less for outliers."""
    covariance: Float64[np.ndarray, "5 5"]
    """Of angular velocity (rad/s)^2 and direction (radians along `tangent`), for `independent` samples."""
    tangent: Float64[np.ndarray, "2 3"]
    """The two axes across `direction` that its covariance refers to."""
    in_front: float
    """Fraction of the parallax that puts points in front of the camera under this sign of the direction, 0.5 to 1."""


def epipolar_residual(
    bearing: Float64[np.ndarray, "n 2"],
    flow: Float64[np.ndarray, "n 2"],
    angular_velocity: Float64[np.ndarray, "*n 3"],
    direction: Float64[np.ndarray, "*n 3"],
) -> Float64[np.ndarray, " n"]:
    """Distance of each flow from its epipolar line, normalised units a second; 0 at the focus of expansion.

    One motion for all positions, or one for each. This is r / |(v x x^)_xy|, which, unlike r, weights all places alike.
    """
    x, y = bearing.T
    wx, wy, wz = np.moveaxis(angular_velocity, -1, 0)
    vx, vy, vz = np.moveaxis(direction, -1, 0)
    nx, ny, nz = vy - vz * y, vz * x - vx, vx * y - vy * x
    bx, by, bz = wy - wz * y, wz * x - wx, wx * y - wy * x
    length = np.hypot(nx, ny)
    algebraic = flow[:, 0] * nx + flow[:, 1] * ny + bx * nx + by * ny + bz * nz
    return np.where(length > _SMALL, algebraic / np.maximum(length, _SMALL), 0.0)


def rotation_given_direction(
    samples: FlowSamples, direction: Float64[np.ndarray, "d 3"], rounds: int = 5
) -> tuple[Float64[np.ndarray, "d 3"], Float64[np.ndarray, " d"]]:
    """The angular velocity that fits best for each direction of translation, rad/s, and the robust cost of each.

    Closed form (least squares, linear in w), repeated with Cauchy weights of scale one.
    """
    normal, row = _terms(samples.bearing, direction)
    length = np.maximum(np.hypot(normal[..., 0], normal[..., 1]), _SMALL) * samples.scale
    row = row / length[..., None]
    value = (normal * samples.flow).sum(axis=2) / length
    # Positions at the focus of expansion carry no information and must not count.
    near = np.hypot(normal[..., 0], normal[..., 1]) > 1e-4
    weight = near.astype(np.float64)
    angular = np.zeros((len(direction), 3))
    residual = value
    for _ in range(rounds):
        weighted = row * weight[..., None]
        matrix = np.einsum("dni,dnj->dij", weighted, row)
        matrix += np.eye(3) * (1e-9 * np.trace(matrix, axis1=1, axis2=2)[:, None, None] + 1e-12)
        angular = np.linalg.solve(matrix, -np.einsum("dni,dn->di", weighted, value)[..., None])[..., 0]
        residual = value + np.einsum("dni,di->dn", row, angular)
        weight = near / (1.0 + residual**2)
    cost = np.where(near, np.log1p(residual**2), 0.0).sum(axis=1) / np.maximum(near.sum(axis=1), 1)
    return angular, cost


def find_motion(
    samples: FlowSamples, start: FlowMotion | None = None, directions: int = 300, independent: int = 16
) -> FlowMotion:
    """The motion that `samples` fit best: directions all over the half sphere, then the best few refined.

    With `start`, only that one is refined. `independent` is how many of the samples count as independent in the
    covariance: neighbours of a smooth flow are not. Raises `ValueError` for fewer than 8 samples.
    """
    if len(samples) < 8:
        raise ValueError(f"motion from {len(samples)} flow vectors")
    if start is None:
        starts = half_sphere(directions)
        some = samples.thinned(600)
        _, cost = rotation_given_direction(some, starts)
        chosen = _distinct(starts, np.argsort(cost, kind="stable"), 4)
        nearest, _, _ = min((_refined(some, direction) for direction in chosen), key=lambda f: f[2])
    else:
        nearest = start.direction
    return _finished(samples, *_refined(samples, nearest, np.radians(2.0)), independent)


def refined_motion(samples: FlowSamples, direction: Float64[np.ndarray, " 3"], independent: int = 16) -> FlowMotion:
    """The motion that fits best near a given direction of translation."""
    return _finished(samples, *_refined(samples, direction / np.linalg.norm(direction)), independent)


def change_of_rotation(
    samples: FlowSamples,
    time: Float64[np.ndarray, " n"],
    motion: FlowMotion,
    independent: int = 16,
    usual_px: float = 5.0,
    rounds: int = 5,
) -> Float64[np.ndarray, " 3"]:
    """How much the angular velocity changes from the middle of a window to its end (`time` from -1 to 1), rad/s.

    Closed form as in `rotation_given_direction`, with the motion of the middle and its direction held; changes of
    `usual_px` (pixels over the window) weigh as much as one residual of the `independent` ones.
    """
    normal, row = (terms[0] for terms in _terms(samples.bearing, motion.direction[None]))
    length = np.maximum(np.hypot(normal[:, 0], normal[:, 1]), _SMALL) * samples.scale
    row = row / length[:, None] * time[:, None]
    value = epipolar_residual(samples.bearing, samples.flow, motion.angular_velocity, motion.direction) / samples.scale
    share = min(independent, len(samples)) / len(samples)
    change = np.zeros(3)
    for _ in range(rounds):
        weighted = row * (share / (1.0 + (value + row @ change) ** 2))[:, None]
        matrix = weighted.T @ row + np.eye(3) / (usual_px * samples.scale) ** 2
        change = np.linalg.solve(matrix, -weighted.T @ value)
    return change


def motion_at(
    samples: FlowSamples,
    angular_velocity: Float64[np.ndarray, " 3"],
    direction: Float64[np.ndarray, " 3"],
    independent: int = 16,
) -> FlowMotion:
    """A given motion with its cost, its sign by cheirality, and its covariance as the samples have them."""
    residual = epipolar_residual(samples.bearing, samples.flow, angular_velocity, direction) / samples.scale
    return _finished(samples, direction, angular_velocity, float(np.log1p(residual**2).mean()), independent)


def inverse_depth(
    bearing: Float64[np.ndarray, "n 2"],
    flow: Float64[np.ndarray, "n 2"],
    angular_velocity: Float64[np.ndarray, " 3"],
    direction: Float64[np.ndarray, " 3"],
) -> Float64[np.ndarray, " n"]:
    """Speed over depth of each position in 1/s (inverse depth up to one scale), negative where it would lie behind.

    Closed form: (A v) . (u - B w) / |A v|^2, 0 at the focus of expansion.
    """
    parallax = flow - rotational(bearing, angular_velocity)
    towards = translational(bearing, direction)
    length = (towards**2).sum(axis=1)
    return np.where(length > _SMALL, (towards * parallax).sum(axis=1) / np.maximum(length, _SMALL), 0.0)


def in_front(
    samples: FlowSamples, angular_velocity: Float64[np.ndarray, " 3"], direction: Float64[np.ndarray, " 3"]
) -> float:
    """Fraction of the parallax that puts points in front of the camera, 0 to 1; 1/2 where there is no parallax."""
    parallax = samples.flow - rotational(samples.bearing, angular_velocity)
    towards = translational(samples.bearing, direction)
    length = np.maximum(np.linalg.norm(towards, axis=1), _SMALL)
    along = (towards * parallax).sum(axis=1) / length / samples.scale
    # Bounded, so that a few wrong vectors do not decide.
    front, behind = (float(np.minimum(side.clip(min=0), 3.0).sum()) for side in (along, -along))
    return front / (front + behind) if front + behind > _SMALL else 0.5


def rotational(
    bearing: Float64[np.ndarray, "n 2"], angular_velocity: Float64[np.ndarray, " 3"]
) -> Float64[np.ndarray, "n 2"]:
    """Flow B(x) w of a rotation, normalised units a second."""
    x, y = bearing.T
    wx, wy, wz = angular_velocity
    return np.column_stack((x * y * wx - (1 + x * x) * wy + y * wz, (1 + y * y) * wx - x * y * wy - x * wz))


def translational(
    bearing: Float64[np.ndarray, "n 2"], velocity: Float64[np.ndarray, " 3"]
) -> Float64[np.ndarray, "n 2"]:
    """Flow A(x) v of a translation past points at depth 1."""
    x, y = bearing.T
    return np.column_stack((x * velocity[2] - velocity[0], y * velocity[2] - velocity[1]))


def _terms(bearing: np.ndarray, direction: Vectors) -> tuple[np.ndarray, np.ndarray]:
    """(v x x^)_xy `[d, n, 2]`, and v |x^|^2 - x^ (x^ . v) `[d, n, 3]`, for each direction and place."""
    ray = np.column_stack((bearing, np.ones(len(bearing))))
    normal = np.cross(direction[:, None], ray[None])[..., :2]
    row = direction[:, None] * (ray**2).sum(axis=1)[None, :, None] - ray[None] * (direction @ ray.T)[..., None]
    return normal, row


def _distinct(directions: Vectors, order: np.ndarray, count: int) -> Float64[np.ndarray, "k 3"]:
    """The first `count` directions in that order that lie 20 degrees apart, their signs aside."""
    chosen: list[np.ndarray] = []
    for k in order:
        if all(abs(directions[k] @ other) < np.cos(np.radians(20.0)) for other in chosen):
            chosen.append(directions[k])
        if len(chosen) == count:
            break
    return np.stack(chosen)


def _refined(
    samples: FlowSamples, direction: np.ndarray, reach: float = np.radians(8.0)
) -> tuple[np.ndarray, np.ndarray, float]:
    """Direction, angular velocity and cost at the bottom of the valley that `direction` lies in.

    The angular velocity is eliminated; over the two angles of the direction, a pattern search that shrinks from steps
    of `reach` radians.
    """
    (angular,), (cost,) = rotation_given_direction(samples, direction[None])
    turns = np.arange(8) * (np.pi / 4)
    while reach > np.radians(0.02):
        axes = across(direction)
        ring = np.stack((np.cos(turns), np.sin(turns)), axis=1) @ axes
        tried = direction + np.tan(reach) * ring
        tried /= np.linalg.norm(tried, axis=1, keepdims=True)
        angulars, costs = rotation_given_direction(samples, tried)
        best = int(np.argmin(costs))
        if costs[best] < cost:
            direction, angular, cost = tried[best], angulars[best], costs[best]
        else:
            reach *= 0.4
    return direction, angular, float(cost)


def _finished(
    samples: FlowSamples, direction: np.ndarray, angular: np.ndarray, cost: float, independent: int
) -> FlowMotion:
    """The estimate with its sign by cheirality and its covariance from the curvature of the cost."""
    share = in_front(samples, angular, direction)
    if share < 0.5:
        direction, share = -direction, 1.0 - share
    covariance, tangent = _covariance(samples, direction, angular, independent)
    return FlowMotion(angular, direction, cost, covariance, tangent, share)


def _covariance(
    samples: FlowSamples, direction: np.ndarray, angular: np.ndarray, independent: int
) -> tuple[np.ndarray, np.ndarray]:
    """Inverse of the Gauss-Newton Hessian of the residuals, times their variance, for `independent` samples."""
    tangent = across(direction)
    bearing, flow, scale = samples.bearing, samples.flow, samples.scale
    here = epipolar_residual(bearing, flow, angular, direction) / scale
    jacobian = np.empty((len(samples), 5))
    step = 1e-4
    for axis in range(3):
        moved = angular + step * np.eye(3)[axis]
        jacobian[:, axis] = (epipolar_residual(bearing, flow, moved, direction) / scale - here) / step
    for axis in range(2):
        turned = direction + step * tangent[axis]
        turned = turned / np.linalg.norm(turned)
        jacobian[:, 3 + axis] = (epipolar_residual(bearing, flow, angular, turned) / scale - here) / step
    weight = 1.0 / (1.0 + here**2)
    hessian = (jacobian * weight[:, None]).T @ jacobian * (min(independent, len(samples)) / len(samples))
    hessian += np.eye(5) * (1e-9 * np.trace(hessian) + 1e-12)
    variance = max(float((weight * here**2).sum() / weight.sum()), 1e-4)
    return np.linalg.inv(hessian) * variance, tangent
