"""Result of motion estimation: angular velocity, translation direction, and their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

Status = Literal["ok", "rotation only", "two-fold", "uncertain direction", "too few events", "no gain", "still"]
"""Status of a window's estimate.

`ok`: everything that the model estimates; `rotation only`: no parallax beyond noise, so no direction; `two-fold`: a
plane, whose second interpretation fits as well; `uncertain direction`: directions far apart explain the flow about as
well, so none is given; `still`: the image hardly moves; `too few events`, `no gain` (warping sharpens nothing): the
angular velocity is that of the neighbouring windows, or zero where no window gives one.
"""
Calibration = Literal["given", "assumed", "none"]
"""Where a focal length comes from: a calibration; none was given, so that one is assumed; `none`: flow without one."""
UNKNOWN: tuple[Status, ...] = ("too few events", "no gain")
"""Windows that give no angular velocity of their own."""


@dataclass(frozen=True)
class Motion:
    """Motion of the camera at the middles of windows; axes of the camera, OpenCV's: x right, y down, z forward."""

    model: Literal["rotation", "full"]
    """Which model was fitted."""
    t_us: Int64[np.ndarray, " m"]
    """Absolute times in microseconds, increasing."""
    angular_velocity: Float64[np.ndarray, "m 3"]
    """Angular velocity of the camera in its own axes, rad/s: a static point with bearing b moves as db/dt = -w x b.
    Never NaN: where a window gave none, that of its neighbours."""
    covariance: Float64[np.ndarray, "m 3 3"]
    """Covariance of the angular velocity, (rad/s)^2: from the curvature of the contrast for a rotation, from what the
    motion leaves of the flow for the full model."""
    direction: Float64[np.ndarray, "m 3"]
    """Unit vector of the camera's linear velocity in its own axes; NaN where it is not observable (`status`)."""
    status: tuple[Status, ...]
    """Status of each estimate."""
    events: Int64[np.ndarray, " m"]
    """Events in each window; windows overlap."""
    gain: Float64[np.ndarray, " m"]
    """Variance of the image of warped events over that of the unwarped ones (FWL): above 1 is sharper."""
    seconds: float = 0.0
    """Computing time of the estimate."""
    notes: tuple[str, ...] = ()
    """What a user should know about the events, one sentence each."""
    ambiguities: tuple[str, ...] = ()
    """What the windows leave undetermined about the motion, one sentence each."""
    distinct_events: int = 0
    """Events in any window, each counted once."""
    calibration: Calibration = "given"
    """Where the camera's focal length comes from, on which angular velocities depend."""

    def __len__(self) -> int:
        return len(self.t_us)

    def at(self, t_us: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 3"]:
        """Angular velocity at any time, linear between windows and constant beyond the first and last."""
        return np.stack([np.interp(t_us, self.t_us, axis) for axis in self.angular_velocity.T], axis=1)

    def mean(self) -> Float64[np.ndarray, " 3"]:
        """Mean angular velocity over the time from the first window's middle to the last one's, rad/s."""
        return self._over_time(self.angular_velocity)

    def mean_speed(self) -> float:
        """Mean of the length of the angular velocity over the same time, rad/s."""
        return float(self._over_time(np.linalg.norm(self.angular_velocity, axis=1)))

    def mean_direction(self) -> Float64[np.ndarray, " 3"] | None:
        """Unit vector along the sum of the windows' directions; None where there is none, or they cancel out."""
        summed = self.direction[np.isfinite(self.direction).all(axis=1)].sum(axis=0)
        length = float(np.linalg.norm(summed))
        return summed / length if length > 1e-6 else None

    def _over_time(self, values: np.ndarray) -> np.ndarray:
        """Mean by the trapezoidal rule: windows lie closer together where there are many events."""
        from scipy.integrate import trapezoid

        seconds = (self.t_us - self.t_us[0]) * 1e-6
        return trapezoid(values, seconds, axis=0) / seconds[-1] if seconds[-1] > 0 else values.mean(axis=0)
