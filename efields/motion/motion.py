"""What motion estimation finds: angular velocity, direction of translation, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64, Int64

Status = Literal["ok", "rotation only", "two-fold", "uncertain direction", "too few events", "no gain", "still"]
"""What a window's estimate is worth.

`ok`; `rotation only`: no parallax beyond noise, so no direction; `two-fold`: a plane, whose other interpretation fits
as well; `uncertain direction`: directions far apart explain the flow about as well, so none is given; `too few events`,
`no gain` (warping sharpens nothing) and `still`: the angular velocity is that of the window before, or zero for a
camera that stands still.
"""


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
    """Covariance of the angular velocity, (rad/s)^2, from the curvature of the contrast."""
    direction: Float64[np.ndarray, "m 3"]
    """Unit vector of the camera's linear velocity in its own axes; NaN where it is not observable (`status`)."""
    status: tuple[Status, ...]
    """What each estimate is worth."""
    events: Int64[np.ndarray, " m"]
    """Events in each window."""
    gain: Float64[np.ndarray, " m"]
    """Variance of the image of warped events over that of the unwarped ones (FWL): above 1 is sharper."""
    seconds: float = 0.0
    """Time that the estimate took."""
    notes: tuple[str, ...] = ()
    """What a user should know, a sentence each."""

    def __len__(self) -> int:
        return len(self.t_us)

    def at(self, t_us: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 3"]:
        """Angular velocity at any time, linear between windows and constant beyond the first and last."""
        return np.stack([np.interp(t_us, self.t_us, axis) for axis in self.angular_velocity.T], axis=1)
