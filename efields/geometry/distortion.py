"""Lens distortion on the plane z = 1, and back: Brown's model and Kannala and Brandt's, as OpenCV has them.

Parameters are one lens for all points, or one row for each parameter with a number for each point: `[m]` or `[m, n]`.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float64

DistortionModel = Literal["none", "plumb_bob", "equidistant"]
LENGTHS = {"none": (0,), "plumb_bob": (0, 4, 5), "equidistant": (0, 4)}
"""How many parameters each model takes."""
_STEPS = 60
_TOLERANCE = 1e-13
_WIDEST = math.radians(89.5)
"""Largest angle from the optical axis for which a bearing with z = 1 is given."""


def distort(model: DistortionModel, parameters: Any, plane: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
    """Distort points of the plane z = 1; `plumb_bob` takes five parameters, k3 last."""
    if model == "plumb_bob":
        return plumb_bob(parameters, plane)[0]
    if model == "equidistant":
        radius = np.hypot(plane[:, 0], plane[:, 1])
        shown = equidistant(parameters, np.arctan(radius))[0]
        return plane * np.divide(shown, radius, out=np.ones_like(radius), where=radius > 0)[:, None]
    return plane


def undistort(
    model: DistortionModel, parameters: Any, shown: Float64[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
    """Points whose image is `shown`, and whether each was found; the nearest found where not."""
    if model == "plumb_bob":
        return undistort_plumb_bob(parameters, shown)
    if model == "equidistant":
        return undistort_equidistant(parameters, shown)
    return shown, np.ones(len(shown), dtype=bool)


def plumb_bob(
    parameters: Any, plane: Float64[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, "n 2 2"]]:
    """Brown's radial and tangential distortion of points, and its Jacobian."""
    k1, k2, p1, p2, k3 = parameters
    x, y = plane[:, 0], plane[:, 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    slope = 2 * (k1 + r2 * (2 * k2 + r2 * 3 * k3))  # d radial / d r2, times 2
    shown = np.stack(
        (
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ),
        axis=1,
    )
    mixed = x * y * slope + 2 * p1 * x + 2 * p2 * y
    jacobian = np.empty((len(x), 2, 2))
    jacobian[:, 0, 0] = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
    jacobian[:, 1, 1] = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
    jacobian[:, 0, 1] = jacobian[:, 1, 0] = mixed
    return shown, jacobian


def undistort_plumb_bob(
    parameters: Any, target: Float64[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
    """Points whose plumb_bob image is `target`, by damped Newton on all points together, and whether each was found."""
    plane = target.copy()
    shown, jacobian = plumb_bob(parameters, plane)
    error = np.abs(shown - target).max(axis=1)
    damping = np.ones(len(plane))
    for _ in range(_STEPS):
        open_ = np.flatnonzero((error > _TOLERANCE) & (damping > 1e-6))
        if open_.size == 0:
            break
        (a, b), (c, d) = jacobian[open_].transpose(1, 2, 0)
        determinant = a * d - b * c
        determinant = np.where(np.abs(determinant) < 1e-12, 1e-12, determinant)
        rx, ry = (target - shown)[open_].T
        step = np.stack((d * rx - b * ry, a * ry - c * rx), axis=1) / determinant[:, None]
        trial = plane[open_] + damping[open_, None] * step
        trial_shown, trial_jacobian = plumb_bob(_of(parameters, open_), trial)
        trial_error = np.abs(trial_shown - target[open_]).max(axis=1)
        better = (trial_error < error[open_]) & _upright(trial_jacobian)
        taken = open_[better]
        plane[taken], shown[taken] = trial[better], trial_shown[better]
        jacobian[taken], error[taken] = trial_jacobian[better], trial_error[better]
        # A step that did not help is halved next time; one that did may grow again.
        damping[open_] = np.where(better, np.minimum(1.0, 2 * damping[open_]), 0.5 * damping[open_])
    return plane, error < 1e-10


def _of(parameters: Any, points: np.ndarray) -> Any:
    """Parameters of some of the points."""
    return parameters[:, points] if np.ndim(parameters) == 2 else parameters


def _upright(jacobian: Float64[np.ndarray, "n 2 2"]) -> Bool[np.ndarray, " n"]:
    """Whether symmetric Jacobians are positive definite: elsewhere the lens model folds over, as no real lens does."""
    (a, b), (_, d) = jacobian.transpose(1, 2, 0)
    return (a > 0) & (a * d > b * b)


def equidistant(
    parameters: Any, theta: Float64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Kannala and Brandt's image radius of light at angle theta from the axis, and its derivative."""
    k1, k2, k3, k4 = parameters
    t2 = theta * theta
    shown = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
    slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
    return shown, slope


def undistort_equidistant(
    parameters: Any, target: Float64[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "n 2"], Bool[np.ndarray, " n"]]:
    """Points whose equidistant image is `target`, by Newton on the angle, kept inside the field of view."""
    radius = np.hypot(target[:, 0], target[:, 1])
    theta = np.minimum(radius, _WIDEST)
    for _ in range(_STEPS):
        shown, slope = equidistant(parameters, theta)
        step = (radius - shown) / np.where(np.abs(slope) < 1e-6, 1e-6, slope)
        theta = np.clip(theta + np.clip(step, -0.3, 0.3), 0.0, _WIDEST)
        if np.abs(step).max(initial=0.0) < _TOLERANCE:
            break
    shown, slope = equidistant(parameters, theta)
    found = (np.abs(shown - radius) < 1e-10) & (slope > 0)
    factor = np.divide(np.tan(theta), radius, out=np.ones_like(radius), where=radius > 0)
    return target * factor[:, None], found
