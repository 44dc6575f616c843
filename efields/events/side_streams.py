"""What a camera records besides events: IMU samples, frames without known poses, triggers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped


@dataclass(frozen=True)
class Imu:
    """IMU samples."""

    t_us: Int64[np.ndarray, " n"]
    """Absolute time in microseconds."""
    gyro: Float64[np.ndarray, "n 3"]
    """Angular velocity in rad/s."""
    acceleration: Float64[np.ndarray, "n 3"]
    """Specific force in m/s^2."""


@dataclass(frozen=True)
class Frames:
    """The camera's own frames as they were recorded, their poses not known."""

    image: Shaped[np.ndarray, "n h w c"]
    """uint8, uint16 or float32, one channel or three (RGB), as in the file."""
    t_us: Int64[np.ndarray, " n"]
    """Absolute time of each frame in microseconds: the middle of its exposure where the file says, else its stamp."""
    white: float
    """Value of the brightest pixel there can be: 255, 65535, or 1 for float."""
    names: tuple[str, ...] = ()
    """One name per frame, if they have names."""

    def __len__(self) -> int:
        return len(self.t_us)


@dataclass(frozen=True)
class Triggers:
    """Edges at an external trigger input."""

    t_us: Int64[np.ndarray, " n"]
    """Absolute time in microseconds."""
    rising: Bool[np.ndarray, " n"]
    """True for a rising edge."""

    def __len__(self) -> int:
        return len(self.t_us)


@dataclass(frozen=True)
class SideStreams:
    """What a file contains besides events."""

    imu: Imu | None = None
    """Inertial samples."""
    frames: Frames | None = None
    """The camera's own frames."""
    triggers: Triggers | None = None
    """Edges at the trigger input."""
