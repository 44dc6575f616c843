"""What every loader returns: the events of one recording and all that is known beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, Shaped

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory


@dataclass(frozen=True)
class Views:
    """Posed images of the scene: the camera's own frames, or held-out novel views."""

    image: Float32[np.ndarray, "n h w c"]
    """Intensity, >= 0, up to one global gain; linear in light or display-encoded as `color_space` says."""
    T_world_camera: Float64[np.ndarray, "n 4 4"]
    """Camera to world, OpenCV axes."""
    camera: Camera
    """Camera of these images (it may differ from the event camera); images keep its distortion."""
    names: tuple[str, ...]
    """One name an image, as on disk."""
    t_us: Int64[np.ndarray, " n"] | None = None
    """Absolute time of each image in microseconds; None for novel views, which have none."""
    depth: Float32[np.ndarray, "n h w"] | None = None
    """Distance along the unit ray in world units; inf where nothing is hit, NaN where unknown."""
    color_space: Literal["linear", "display"] = "linear"
    """Whether values are linear in light or encoded for a display."""

    def __len__(self) -> int:
        return len(self.image)

    def take(self, index: np.ndarray | list[int]) -> Views:
        """The views with these indices, in this order."""
        at = np.asarray(index, dtype=np.int64)
        return replace(
            self,
            image=self.image[at],
            T_world_camera=self.T_world_camera[at],
            names=tuple(self.names[i] for i in at),
            t_us=None if self.t_us is None else self.t_us[at],
            depth=None if self.depth is None else self.depth[at],
        )


@dataclass(frozen=True)
class Imu:
    """Samples of an inertial sensor."""

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
    """uint8, uint16 or float32, one channel or three (RGB), as the file has them."""
    t_us: Int64[np.ndarray, " n"]
    """Absolute time of each frame in microseconds: the middle of its exposure where the file says, else its stamp."""
    white: float
    """Value of the brightest pixel there can be: 255, 65535, or 1 for float."""
    names: tuple[str, ...] = ()
    """One name a frame, where they have names."""

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
class Recording:
    """One recording of an event camera."""

    events: EventStream
    """All events, sorted by time."""
    camera: Camera | None
    """The event camera; None when it is not calibrated."""
    sensor: Sensor
    """Contrast thresholds and refractory period, as calibrated or assumed."""
    trajectory: Trajectory | None = None
    """Where the event camera was; None when nobody knows."""
    frames: Views | None = None
    """The camera's own frames along the trajectory."""
    heldout: Views | None = None
    """Novel views that no training may see."""
    box: Box | None = None
    """The region of the world that holds the scene, when the recording says so."""
    points: Float64[np.ndarray, "p 3"] | None = None
    """Points of the scene in the world, as the reconstruction of the poses found them; outliers may be among them."""
    imu: Imu | None = None
    """Inertial samples."""
    unposed_frames: Frames | None = None
    """Frames whose poses nobody knows, as vendors' files hold them."""
    triggers: Triggers | None = None
    """Edges at the trigger input."""
    name: str = ""
    """Short name for titles and file names."""
    path: Path | None = None
    """Where it was read from."""
    notes: tuple[str, ...] = ()
    """What the loader did that a user should know (sorted, dropped, assumed), a sentence each."""

    @property
    def calibrated(self) -> Camera:
        """The event camera. Raises `InputError` when it is not calibrated."""
        if self.camera is None:
            raise InputError("holds no camera calibration", self.path, "give it with --camera")
        return self.camera

    @property
    def origin_us(self) -> int:
        """Absolute time, in microseconds, that counts as zero seconds: the first event, or 0 where there is none."""
        return int(self.events.t_us[0]) if len(self.events) else 0

    @property
    def covered(self) -> EventStream:
        """The events in the time of the poses, views of the columns; all of them where nobody knows the poses."""
        return self.events if self.trajectory is None else covered_events(self.events, self.trajectory)

    def seconds(self, t_us: np.ndarray) -> Float64[np.ndarray, "*n"]:
        """Absolute microseconds to float64 seconds since `origin_us`."""
        return (np.asarray(t_us, dtype=np.int64) - self.origin_us) * 1e-6


def covered_events(events: EventStream, trajectory: Trajectory) -> EventStream:
    """The events from the first pose to the last, views of the columns."""
    return events.between(trajectory.start_us, trajectory.end_us + 1)
