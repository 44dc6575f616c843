"""Angular velocity in one window of events, by contrast maximisation.

Gallego and Scaramuzza, "Accurate angular velocity estimation with an event camera" (RA-L 2017), with the exact rotation
in place of its first order, a pyramid of blurs, and starts from the window before and from rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from efields.backends.reference import Backend
from efields.motion.contrast import warped_variance
from efields.motion.minimise import Objective, minimised
from efields.motion.motion import Status
from efields.motion.window import EventWindow
from efields.ranges import EveryNth, NotNegative, Positive, Range

_LEAST_DEPTH = 0.05
_GRID_STARTS = 4


@dataclass(frozen=True)
class RotationConfig:
    """How angular velocity is estimated."""

    window_events: Annotated[int, Range(1, 10**8)] = 20_000
    """Events in a window, or more; see `travel_px`."""
    longest_s: Positive = 0.1
    """Longest duration of a window in seconds; if it has fewer events by then, it ends with fewer."""
    travel_px: Annotated[float, Range(0, 10_000)] = 6.0
    """Pixels that the image should move by over a window; one that moves less is taken with more events."""
    slowest_s: Positive = 0.4
    """Longest duration in seconds of a window in which the image moves by less than `travel_px`."""
    step: Annotated[float, Range(0.01, 10)] = 0.5
    """Fraction of a window after which the next one starts."""
    used_events: EveryNth = 12_000
    """Events of a window that are warped, spread evenly over it; more would change the result less than its error."""
    blur_px: Annotated[tuple[float, ...], Range(0, 100)] = (4.0, 2.0, 1.0)
    """Standard deviations of the Gaussians that images are blurred with, one after the other, in pixels."""
    iterations: Annotated[int, Range(1, 10**6)] = 12
    """Largest number of steps at each blur."""
    least_events: EveryNth = 300
    """Windows with fewer events are not estimated."""
    least_gain: NotNegative = 1.02
    """Gain of variance below which a window gives no estimate."""
    still_px: NotNegative = 0.35
    """Windows whose events move by less than this, in pixels, are called still."""
    fastest_rad_s: Positive = 30.0
    """Largest angular speed that is searched, rad/s."""
    drop_hot_pixels: bool = True
    """Whether hot pixels (far more events than their neighbours) are left out."""
    pivot: Annotated[float, Range(0, 10)] | None = 0.0
    """Distance from the camera back to the point that it rotates about, relative to the distance of the scene; 0: the
    camera itself; None: estimated from the events (`efields.motion.pivot`), for a lens known to better than 3 %."""
    pivot_windows: EveryNth = 6
    """Number of windows that the ratio is estimated from: those with the most rotation."""


@dataclass(frozen=True)
class WindowRotation:
    """Estimate of one window."""

    angular_velocity: Float64[np.ndarray, " 3"]
    """rad/s in the camera's axes."""
    covariance: Float64[np.ndarray, "3 3"]
    """From the curvature of the contrast."""
    gain: float
    """Variance of the warped image over that of the unwarped one."""
    status: Status
    """Its status."""


def estimate_window(
    window: EventWindow, start: Float64[np.ndarray, " 3"], config: RotationConfig, backend: Backend
) -> WindowRotation:
    """Angular velocity of one window: the sharpest image that a search from any of several starts finds.

    The starts are `start` and rest; where nothing is known from a window before (`start` is rest), or these do not
    sharpen the image, those of a coarse grid too. No search leaves the bound `fastest_rad_s`.
    """
    unknown = np.diag(np.full(3, config.fastest_rad_s**2))
    if len(window) < config.least_events or window.duration_s <= 0:
        return WindowRotation(start, unknown, 1.0, "too few events")
    used, still = thinned(window, config.used_events), np.zeros(3)
    search = _Search(used, config, backend)
    rest = search.fine(still)[0]
    known = not np.array_equal(start, still)
    found = search.sharpest([start, still]) if known else None
    if found is None or rest - found.cost < np.log(config.least_gain):
        wider = search.sharpest([still, *_coarse_grid(used, config.fastest_rad_s, backend)])
        found = wider if found is None or wider.cost < found.cost else found
    if not np.isfinite(found.cost):
        return WindowRotation(start, unknown, 1.0, "no gain")
    w, covariance = found.angular_velocity, _covariance(found.hessian, len(used), unknown)
    gain = float(np.exp(rest - found.cost))
    moved_px = window.camera.fx * float(np.linalg.norm(w)) * window.duration_s
    if moved_px < config.still_px:
        return WindowRotation(w, covariance, gain, "still")
    # Where the contrast has no peak there is nothing that a rotation explains.
    peak = float(np.linalg.eigvalsh(covariance)[-1]) < 0.25 * config.fastest_rad_s**2
    return WindowRotation(w, covariance, gain, "ok" if gain >= config.least_gain and peak else "no gain")


@dataclass(frozen=True)
class _Found:
    """Where a search ended."""

    angular_velocity: Float64[np.ndarray, " 3"]
    cost: float
    hessian: Float64[np.ndarray, "3 3"]


class _Search:
    """Minima of a window's cost from coarse images to fine ones."""

    def __init__(self, used: EventWindow, config: RotationConfig, backend: Backend) -> None:
        self.used, self.config = used, config
        # An image blurred twice as much has as much noise from half the events.
        self.coarse = [
            self._cost(thinned(used, max(int(len(used) / blur), 2_000)), blur, backend) for blur in config.blur_px[:-1]
        ]
        self.fine = self._cost(used, config.blur_px[-1], backend)

    def _cost(self, window: EventWindow, blur_px: float, backend: Backend) -> Objective:
        return within(rotation_cost(window, blur_px, backend), self.config.fastest_rad_s)

    def sharpest(self, starts: Sequence[np.ndarray]) -> _Found:
        """The minimum that is found from the starts; at each blur the better half of them goes on."""
        for cost in self.coarse:
            found = [minimised(cost, one, self.config.iterations, least_gain=2e-4) for one in starts]
            found = sorted(found, key=lambda one: one[1])[: max(len(found) // 2, 1)]
            starts = [at for at, _ in found]
        blurred = self.coarse[-1] if self.coarse else self.fine
        ends = [_finest(self.fine, one, blurred, self.used, self.config.iterations) for one in starts]
        return min((_Found(*end) for end in ends), key=lambda one: one.cost)


def within(objective: Objective, most: float) -> Objective:
    """The objective where its argument is no longer than `most`, infinite beyond."""

    def evaluate(w: Float64[np.ndarray, " 3"]) -> tuple[float, Float64[np.ndarray, " 3"]]:
        if not np.linalg.norm(w) <= most:
            return np.inf, np.zeros(3)
        return objective(w)

    return evaluate


def travelled_px(window: EventWindow, angular_velocity: Float64[np.ndarray, " 3"]) -> float:
    """Median length of the image's motion over a window by a rotation, in pixels."""
    bearing = thinned(window, 500).bearing.double()
    half = torch.full((len(bearing),), 0.5 * window.duration_s, dtype=torch.float64)
    turn = torch.from_numpy(np.asarray(angular_velocity, dtype=np.float64))
    way = rotated(bearing, half, turn) - rotated(bearing, -half, turn)
    return float((way.norm(dim=1) * window.camera.fx).median())


def about_pivot(
    window: EventWindow, estimate: WindowRotation, pivot: float, config: RotationConfig, backend: Backend
) -> WindowRotation:
    """A window's estimate for a camera that turns about a point behind it, from that about itself; see `rotated`."""
    if estimate.status not in ("ok", "still"):
        return estimate
    used = thinned(window, config.used_events)
    cost = rotation_cost(used, config.blur_px[-1], backend, pivot)
    w, least, hessian = _finest(cost, estimate.angular_velocity / (1 + pivot), cost, used, config.iterations)
    covariance = _covariance(hessian, len(used), np.diag(np.full(3, config.fastest_rad_s**2)))
    return WindowRotation(w, covariance, float(np.exp(cost(np.zeros(3))[0] - least)), estimate.status)


def rotated(
    bearing: Float[Tensor, "n 2"], t_s: Float[Tensor, " n"], angular_velocity: Float[Tensor, " 3"], pivot: float = 0.0
) -> Float[Tensor, "n 2"]:
    """Where a static point seen at `bearing` at time t was at time zero: the projection of exp([w]x t) (x, y, 1).

    With a `pivot` the camera turns about a point so far behind it, as a part of the distance of the scene, taken as
    equal everywhere: exp([w]x t) (x, y, 1 + pivot) - (0, 0, pivot). Rodrigues' formula, its two functions of the angle
    as series: exact to 1e-7 up to 0.7 rad.
    """
    x, y, z = _turned(bearing, t_s, angular_velocity, pivot)
    depth = (z - pivot).clamp_min(_LEAST_DEPTH)
    return torch.stack([x / depth, y / depth], dim=1)


def _turned(
    bearing: Float[Tensor, "n 2"], t_s: Float[Tensor, " n"], angular_velocity: Float[Tensor, " 3"], pivot: float
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"], Float[Tensor, " n"]]:
    """exp([w]x t) (x, y, 1 + pivot)."""
    x, y = bearing.unbind(1)
    wx, wy, wz = angular_velocity.unbind(0)
    z = 1.0 + pivot
    # w x b and w x (w x b)
    ax, ay, az = wy * z - wz * y, wz * x - wx * z, wx * y - wy * x
    bx, by, bz = wy * az - wz * ay, wz * ax - wx * az, wx * ay - wy * ax
    square = (angular_velocity @ angular_velocity) * t_s * t_s
    first = t_s * (1 - square / 6 * (1 - square / 20 * (1 - square / 42)))
    second = t_s * t_s * (0.5 - square / 24 * (1 - square / 30 * (1 - square / 56)))
    return x + first * ax + second * bx, y + first * ay + second * by, z + first * az + second * bz


def rotation_cost(window: EventWindow, blur_px: float, backend: Backend, pivot: float = 0.0) -> Objective:
    """Minus the logarithm of the variance of the image of warped events, and its gradient."""

    def evaluate(w: Float64[np.ndarray, " 3"]) -> tuple[float, Float64[np.ndarray, " 3"]]:
        at = torch.tensor(w, dtype=torch.float32)
        x, y, z = _turned(window.bearing, window.t_s, at, pivot)
        depth = (z - pivot).clamp_min(_LEAST_DEPTH)
        places = torch.stack([x / depth, y / depth], dim=1).requires_grad_()
        cost = -torch.log(warped_variance(places, window.camera, blur_px, backend).clamp_min(1e-12))
        (pull,) = torch.autograd.grad(cost, places)
        by_x, by_y = (pull / depth[:, None]).unbind(1)
        by_z = -(pull * places.detach()).sum(dim=1) / depth
        torque = torch.stack([y * by_z - z * by_y, z * by_x - x * by_z, x * by_y - y * by_x])
        return float(cost.detach()), _by_angular_velocity(torque, window.t_s, w)

    return evaluate


def _by_angular_velocity(
    torque: Float[Tensor, "3 n"], t_s: Float[Tensor, " n"], w: Float64[np.ndarray, " 3"]
) -> Float64[np.ndarray, " 3"]:
    """Gradient in w of a cost of turned vectors V, of which `torque` is V x (its gradient in V).

    Sum of t J^T torque, with J = 1 + a [w t]x + b [w t]x^2 the left Jacobian of SO(3), a = (1 - cos) / angle^2 and
    b = (angle - sin) / angle^3 (Sola et al., "A micro Lie theory", 2018, equation 145).
    """
    square = float(w @ w) * t_s * t_s
    powers = torch.stack(
        [
            t_s,
            t_s * t_s * (0.5 - square / 24 * (1 - square / 30 * (1 - square / 56))),
            t_s**3 * (1 / 6 - square / 120 * (1 - square / 42)),
        ]
    )
    one, two, three = (powers @ torque.T).double().numpy()
    return one - np.cross(w, two) + np.cross(w, np.cross(w, three))


def _coarse_grid(window: EventWindow, fastest_rad_s: float, backend: Backend) -> list[np.ndarray]:
    """The best four of starts that move the image by 12 to 75 pixels over the window, in 26 directions each."""
    objective = within(rotation_cost(thinned(window, 4_000), 4.0, backend), fastest_rad_s)
    directions = np.array([d for d in np.ndindex(3, 3, 3) if d != (1, 1, 1)]) - 1.0
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # About the optical axis the same image motion takes more: its arm is about a third of the width.
    directions[:, 2] *= 3 * window.camera.fx / window.camera.width
    speeds = np.array([12.0, 30.0, 75.0]) / window.camera.fx / window.duration_s
    starts = [speed * direction for speed in speeds for direction in directions]
    return sorted(starts, key=lambda w: objective(w)[0])[:_GRID_STARTS]


def _finest(
    cost: Objective, at: Float64[np.ndarray, " 3"], blurred: Objective, window: EventWindow, iterations: int
) -> tuple[Float64[np.ndarray, " 3"], float, Float64[np.ndarray, "3 3"]]:
    """Minimum near `at`, its value and its second derivatives: BFGS that starts with those of the blurred image."""
    # Turns that move the events at the ends of the window by half a pixel.
    reach = min(1.0 / (window.camera.fx * window.duration_s), 1.0)
    sizes, vectors = np.linalg.eigh(_second_derivatives(blurred, at, reach))
    sizes = np.maximum(np.abs(sizes), 0.02 * np.abs(sizes).max() + 1e-9)
    at, value = minimised(cost, at, iterations, (vectors / sizes) @ vectors.T)
    return at, value, _second_derivatives(cost, at, reach)


def _second_derivatives(cost: Objective, at: np.ndarray, reach: float) -> Float64[np.ndarray, "3 3"]:
    """By central differences of the gradient."""
    rows = [(cost(at + shift)[1] - cost(at - shift)[1]) / (2 * reach) for shift in reach * np.eye(3)]
    return 0.5 * (np.array(rows) + np.array(rows).T)


def _covariance(hessian: np.ndarray, events: int, unknown: np.ndarray) -> Float64[np.ndarray, "3 3"]:
    """Inverse curvature of the log variance, over the number of events: as if it were the log-likelihood of each."""
    values, vectors = np.linalg.eigh(hessian)
    variances = np.where(values > 0, 1.0 / np.maximum(values * events, 1e-9), unknown[0, 0])
    return (vectors * np.minimum(variances, unknown[0, 0])) @ vectors.T


def thinned(window: EventWindow, most: int) -> EventWindow:
    """At most so many of its events, evenly spread over their order."""
    if len(window) <= most:
        return window
    chosen = torch.linspace(0, len(window) - 1, most).long()
    return EventWindow(
        window.bearing[chosen],
        window.t_s[chosen],
        window.polarity[chosen],
        window.start_us,
        window.end_us,
        window.camera,
    )
