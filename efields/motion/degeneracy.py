"""Degenerate flows that leave the motion ambiguous: no parallax (a rotation), or a plane, which two motions explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from efields.geometry.directions import half_sphere
from efields.motion.epipolar import (
    FlowMotion,
    FlowSamples,
    epipolar_residual,
    in_front,
    inverse_depth,
    motion_at,
    refined_motion,
    rotation_given_direction,
    rotational,
    translational,
)
from efields.motion.motion import Status


@dataclass(frozen=True)
class Degeneracy:
    """How well a flow determines the direction of translation."""

    status: Status
    """`ok`, `rotation only`, `two-fold` or `uncertain direction`."""
    rotation: Float64[np.ndarray, " 3"]
    """The angular velocity that explains the flow best if the camera only rotates, rad/s."""
    parallax_px: float
    """Residual of that rotation, robust root mean square, pixels over the window."""
    noise_px: float
    """Residual to the epipolar lines of the full motion, likewise."""
    plane_px: float
    """Residual of the parallax of a plane, likewise; NaN for a rotation."""
    other: FlowMotion | None = None
    """The second motion that the flow of a plane has."""
    apart_deg: float = 0.0
    """Angle between the direction found and the farthest one that explains the flow about as well."""
    spread_deg: float = 0.0
    """Standard deviation of the direction found, along the axis about which it is least certain."""


def degeneracy(
    samples: FlowSamples,
    motion: FlowMotion,
    least_px: float = 1.0,
    least_ratio: float = 1.8,
    most_apart_deg: float = 45.0,
    most_spread_deg: float = 15.0,
) -> Degeneracy:
    """Judge the motion found from `samples`, which must be flow that no epipolar constraint has shaped.

    Parallax below `least_px`, or below `least_ratio` times the noise, gives `rotation only`. A plane that leaves no
    more than the noise, and whose second motion sees all of it in front and fits as well, gives `two-fold`
    (Longuet-Higgins, "The visual ambiguity of a moving plane", 1984: direction and normal exchanged). Directions more
    than `most_apart_deg` away that explain the flow about as well, or a standard deviation above `most_spread_deg`,
    give `uncertain direction`.
    """
    rotation = rotation_alone(samples)
    parallax = np.linalg.norm(samples.flow - rotational(samples.bearing, rotation), axis=1) / samples.scale
    parallax_px = _robust_rms(parallax) / np.sqrt(2.0)
    noise_px = _robust_rms(_epipolar_px(samples, motion))
    if parallax_px < max(least_px, least_ratio * noise_px):
        return Degeneracy("rotation only", rotation, parallax_px, noise_px, np.nan)
    normal, plane_px = _plane(samples, motion)
    other = _other_motion(samples, motion, normal)
    planar = plane_px < max(2.0 * noise_px, 0.5)
    if planar and other is not None and _robust_rms(_epipolar_px(samples, other)) < 1.2 * max(noise_px, 0.25):
        return Degeneracy("two-fold", rotation, parallax_px, noise_px, plane_px, other)
    apart_deg = _farthest_as_good_deg(samples, motion)
    spread_deg = float(np.degrees(np.sqrt(np.linalg.eigvalsh(motion.covariance[3:, 3:])[-1])))
    certain = apart_deg <= most_apart_deg and spread_deg <= most_spread_deg
    status: Status = "ok" if certain else "uncertain direction"
    return Degeneracy(status, rotation, parallax_px, noise_px, plane_px, apart_deg=apart_deg, spread_deg=spread_deg)


def front_most(samples: FlowSamples, motion: FlowMotion) -> FlowMotion:
    """The second motion of a plane in place of the first, if it fits as well and has more of the plane in front."""
    normal, _ = _plane(samples, motion)
    other = _other_motion(samples, motion, normal)
    if other is None or _robust_rms(_epipolar_px(samples, other)) > 1.2 * _robust_rms(_epipolar_px(samples, motion)):
        return motion
    return other if other.in_front > motion.in_front + 0.05 else motion


def rotation_alone(samples: FlowSamples, rounds: int = 8) -> Float64[np.ndarray, " 3"]:
    """The angular velocity whose flow B w is nearest to the samples, rad/s: least squares with Cauchy weights."""
    columns = np.stack([rotational(samples.bearing, axis) for axis in np.eye(3)], axis=2) / samples.scale
    value = samples.flow / samples.scale
    weight = np.ones(len(samples))
    angular = np.zeros(3)
    for _ in range(rounds):
        matrix = np.einsum("n,nci,ncj->ij", weight, columns, columns)
        matrix += np.eye(3) * (1e-9 * np.trace(matrix) + 1e-12)
        angular = np.linalg.solve(matrix, np.einsum("n,nci,nc->i", weight, columns, value))
        left = np.linalg.norm(value - columns @ angular, axis=1)
        weight = 1.0 / (1.0 + (left / max(float(np.median(left)), 1e-6)) ** 2)
    return angular


def _epipolar_px(samples: FlowSamples, motion: FlowMotion) -> Float64[np.ndarray, " n"]:
    left = epipolar_residual(samples.bearing, samples.flow, motion.angular_velocity, motion.direction)
    return left / samples.scale


def _plane(samples: FlowSamples, motion: FlowMotion) -> tuple[Float64[np.ndarray, " 3"], float]:
    """n of the plane n . X = 1 (in units of the speed) nearest to the inverse depths, and what it leaves, pixels."""
    rho = inverse_depth(samples.bearing, samples.flow, motion.angular_velocity, motion.direction)
    arm = np.linalg.norm(translational(samples.bearing, motion.direction), axis=1) / samples.scale
    row, value = samples.ray * arm[:, None], rho * arm
    weight, normal, left = np.ones(len(samples)), np.zeros(3), value
    for _ in range(8):
        matrix = (row * weight[:, None]).T @ row
        normal = np.linalg.solve(matrix + np.eye(3) * (1e-9 * np.trace(matrix) + 1e-12), row.T @ (weight * value))
        left = value - row @ normal
        weight = 1.0 / (1.0 + (left / max(1.5 * float(np.median(np.abs(left))), 1e-6)) ** 2)
    return normal, _robust_rms(left)


def _other_motion(samples: FlowSamples, motion: FlowMotion, normal: Float64[np.ndarray, " 3"]) -> FlowMotion | None:
    """The second motion of a plane: direction n, angular velocity w + n x v; None where it is the first or behind."""
    size = float(np.linalg.norm(normal))
    if size < 1e-9:
        return None
    angular = motion.angular_velocity + np.cross(normal, motion.direction)
    other = motion_at(samples, angular, normal / size)
    if abs(float(other.direction @ motion.direction)) > np.cos(np.radians(10.0)):
        return None
    refined = refined_motion(samples, other.direction)
    moved = abs(float(refined.direction @ other.direction)) < np.cos(np.radians(10.0))
    other = other if moved or refined.cost > other.cost else refined
    return other if other.in_front > 0.97 else None


def _farthest_as_good_deg(samples: FlowSamples, motion: FlowMotion, directions: int = 300) -> float:
    """The largest angle, signs aside, to a direction that costs little more and has nearly all parallax in front."""
    some, tried = samples.thinned(600), half_sphere(directions)
    angular, cost = rotation_given_direction(some, tried)
    as_good = np.flatnonzero(cost < 1.15 * min(motion.cost, float(cost.min())) + 0.01)
    angle = np.degrees(np.arccos(np.abs(tried @ motion.direction).clip(max=1.0)))
    for k in as_good[np.argsort(-angle[as_good])]:
        share = in_front(some, angular[k], tried[k])
        if max(share, 1.0 - share) > 0.9:
            return float(angle[k])
    return 0.0


def _robust_rms(values: Float64[np.ndarray, " n"]) -> float:
    """Standard deviation of a normal distribution with the same median of absolute values."""
    return 1.4826 * float(np.median(np.abs(values)))
