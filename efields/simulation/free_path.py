"""A camera path without a target: constant velocities plus shaking, with its motion in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float64

from efields.geometry.paths import look_at
from efields.geometry.pose import so3_exp
from efields.ranges import Range, check_ranges
from efields.simulation.vectors import Vector


@dataclass(frozen=True)
class Shake:
    """One sinusoidal oscillation of the camera about its path; the sum of several resembles a handheld camera."""

    frequency_hz: Annotated[float, Range(0, 1e6)]
    """Oscillations per second."""
    position: Vector = (0.0, 0.0, 0.0)
    """Amplitude of the displacement along the first camera's x (right), y (down), z (forward), in scene units."""
    rotation_deg: Vector = (0.0, 0.0, 0.0)
    """Amplitude of the rotation vector, in the first camera's axes, in degrees."""
    phase_deg: Annotated[float, Range(-1e5, 1e5)] = 0.0
    """Phase at the start."""


@dataclass(frozen=True)
class FreePath:
    """A camera that translates and rotates at constant rates, and shakes.

    Position: p0 + R0 (velocity t + sum of shakes); rotation: R0 exp(angular velocity t + sum of shakes), where the sums
    start at zero. With `truth_rate_hz`, the simulator keeps the ground truth that scoring motion and flow needs.
    """

    kind: Literal["free"] = "free"
    """Distinguishes this path from those around a target."""
    duration_s: Annotated[float, Range(above=0, most=3600)] = 0.4
    """Time from start to end in seconds."""
    position: Vector = (0.0, -4.0, 0.0)
    """Where the camera is at the start, in scene units."""
    target: Vector = (0.0, 0.0, 0.0)
    """The point in the middle of the first image."""
    up: Vector = (0.0, 0.0, 1.0)
    """World direction that points up in the first image."""
    velocity: Vector = (0.0, 0.0, 0.0)
    """Constant part of the linear velocity in the first camera's axes (x right, y down, z forward), scene units/s."""
    angular_velocity_deg_s: Vector = (0.0, 0.0, 0.0)
    """Constant part of the angular velocity in the first camera's axes, degrees/s."""
    shakes: tuple[Shake, ...] = ()
    """Oscillations that are added."""
    truth_rate_hz: Annotated[float, Range(above=0, most=3600)] = 100.0
    """Depth maps per second that are kept with the recording."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.position == self.target:
            raise ValueError("position and target must differ, as the camera looks from one to the other")

    def poses(self, t_s: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 4 4"]:
        """Camera-to-world poses (OpenCV axes) at times in seconds from the start."""
        t_s = np.asarray(t_s, dtype=np.float64)
        first = look_at(self.position, self.target, self.up)
        moved, _, turned, _ = self._swung(t_s)
        T = np.tile(np.eye(4), (len(t_s), 1, 1))
        T[:, :3, :3] = first[:3, :3] @ so3_exp(torch.from_numpy(turned)).numpy()
        T[:, :3, 3] = first[:3, 3] + moved @ first[:3, :3].T
        return T

    def motion(self, t_s: Float64[np.ndarray, " n"]) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]:
        """Linear (scene units/s) and angular (rad/s) velocity of the camera in its own axes at that time, exactly.

        With R = R0 exp(phi) the angular velocity is J(phi) dphi/dt, J the right Jacobian of SO(3).
        """
        _, velocity, phi, rate = self._swung(np.asarray(t_s, dtype=np.float64))
        turned = so3_exp(torch.from_numpy(phi)).numpy()
        linear = np.einsum("nij,ni->nj", turned, velocity)
        square = (phi**2).sum(axis=1, keepdims=True)
        small = square < 1e-6
        angle = np.sqrt(np.where(small, 1.0, square))
        first = np.where(small, 0.5 - square / 24, (1 - np.cos(angle)) / angle**2)
        second = np.where(small, 1 / 6 - square / 120, (angle - np.sin(angle)) / angle**3)
        across = np.cross(phi, rate)
        return linear, rate - first * across + second * np.cross(phi, across)

    def _swung(self, t_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Displacement and its rate, rotation vector and its rate, all in the first camera's axes `[n, 3]`."""
        constant = np.asarray(self.velocity), np.radians(self.angular_velocity_deg_s)
        place, turn = (t_s[:, None] * rate for rate in constant)
        place_rate, turn_rate = (np.tile(rate, (len(t_s), 1)) for rate in constant)
        for shake in self.shakes:
            pulse, phase = 2 * np.pi * shake.frequency_hz, np.radians(shake.phase_deg)
            swing = (np.sin(pulse * t_s + phase) - np.sin(phase))[:, None]
            rate = (pulse * np.cos(pulse * t_s + phase))[:, None]
            place, place_rate = place + swing * shake.position, place_rate + rate * shake.position
            turned = np.radians(shake.rotation_deg)
            turn, turn_rate = turn + swing * turned, turn_rate + rate * turned
        return place, place_rate, turn, turn_rate
