"""What every loader returns: the events of one recording and everything else known about it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float32, Float64, Int64

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.events.side_streams import Frames, Imu, Triggers
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.geometry.many_cameras import distinct

if TYPE_CHECKING:
    from efields.geometry.boxes import Box
    from efields.geometry.trajectory import Trajectory

ASSUMED_LENS = ("The lens is not known", "Intrinsics are assumed")
"""Start of notes that say that the camera's focal length is assumed."""
ASSUMED_THRESHOLDS = "Contrast thresholds are assumed"
"""Start of a note that says that the thresholds of the sensor are assumed."""


@dataclass(frozen=True)
class Views:
    """Posed images of the scene, each of its own camera: the camera's own frames, or held-out novel views.

    Most have one camera and one size: `Views.stacked` makes those, and `image` and `depth` give them in one array.
    """

    pixels: Float32[np.ndarray, "p c"]
    """Pixels of all images, one image after the other, in raster order: intensity, >= 0, up to one global gain; linear
    in light or display-encoded as `color_space` says."""
    T_world_camera: Float64[np.ndarray, "n 4 4"]
    """Camera to world, OpenCV axes."""
    cameras: tuple[Camera, ...]
    """Cameras of these images (they may differ from the event camera), which have their sizes and distortion."""
    camera_of: Int64[np.ndarray, " n"]
    """Index of each image's camera."""
    names: tuple[str, ...]
    """One name per image, as on disk."""
    t_us: Int64[np.ndarray, " n"] | None = None
    """Absolute time of each image in microseconds; None for novel views, which have none."""
    distance: Float32[np.ndarray, " p"] | None = None
    """Depth of all pixels: along the unit ray in world units; inf where nothing is hit, NaN where unknown."""
    color_space: Literal["linear", "display"] = "linear"
    """Whether values are linear in light or encoded for a display."""

    @staticmethod
    def stacked(
        image: Float32[np.ndarray, "n h w c"],
        T_world_camera: Float64[np.ndarray, "n 4 4"],
        camera: Camera,
        names: tuple[str, ...],
        t_us: Int64[np.ndarray, " n"] | None = None,
        depth: Float32[np.ndarray, "n h w"] | None = None,
        color_space: Literal["linear", "display"] = "linear",
    ) -> Views:
        """Images of one camera in one array."""
        distance = None if depth is None else depth.reshape(-1)
        flat = image.reshape(-1, image.shape[-1])
        one = np.zeros(len(image), dtype=np.int64)
        return Views(flat, T_world_camera, (camera,), one, names, t_us, distance, color_space)

    @staticmethod
    def joined(
        images: Sequence[Float32[np.ndarray, "_ _ c"]],
        T_world_camera: Float64[np.ndarray, "n 4 4"],
        cameras: Sequence[Camera],
        names: tuple[str, ...],
        t_us: Int64[np.ndarray, " n"] | None = None,
        depths: Sequence[Float32[np.ndarray, "_ _"]] | None = None,
        color_space: Literal["linear", "display"] = "linear",
    ) -> Views:
        """Images of a camera each; cameras that show every direction alike (`SAME_PX`) become one."""
        pixels = np.concatenate([image.reshape(-1, image.shape[-1]) for image in images])
        distance = None if depths is None else np.concatenate([depth.reshape(-1) for depth in depths])
        kept, camera_of = distinct(cameras)
        return Views(pixels, T_world_camera, kept, camera_of, names, t_us, distance, color_space)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def camera(self) -> Camera:
        """The camera of the images, or of the first if they have several."""
        return self.cameras[self.camera_of[0]] if len(self) else self.cameras[0]

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour (R, G, B)."""
        return self.pixels.shape[-1]

    @property
    def sizes(self) -> Int64[np.ndarray, "n 2"]:
        """Rows and columns of each image."""
        each = np.array([(camera.height, camera.width) for camera in self.cameras], dtype=np.int64)
        return each[self.camera_of]

    @property
    def first_pixel(self) -> Int64[np.ndarray, " bounds"]:
        """Where each image begins in `pixels`, and where the last ends."""
        return np.concatenate(([0], np.cumsum(self.sizes.prod(axis=1))))

    @property
    def images(self) -> tuple[Float32[np.ndarray, "_ _ c"], ...]:
        """Each image, [h, w, c]; nothing is copied."""
        return self._each(self.pixels)

    @property
    def depths(self) -> tuple[Float32[np.ndarray, "_ _"], ...] | None:
        """Depth of each image, [h, w]; None where it is not known."""
        return None if self.distance is None else tuple(d[..., 0] for d in self._each(self.distance[:, None]))

    @property
    def image(self) -> Float32[np.ndarray, "n h w c"]:
        """All images in one array; raises `ValueError` where their sizes differ."""
        return self._stack(self.pixels)

    @property
    def depth(self) -> Float32[np.ndarray, "n h w"] | None:
        """Depth of all images in one array; raises `ValueError` where their sizes differ."""
        return None if self.distance is None else self._stack(self.distance[:, None])[..., 0]

    @property
    def camera_of_each(self) -> list[Camera]:
        """The camera of each image."""
        return [self.cameras[i] for i in self.camera_of]

    def take(self, index: np.ndarray | list[int]) -> Views:
        """The views with these indices, in this order."""
        at = np.asarray(index, dtype=np.int64)
        first = self.first_pixel
        kept = [slice(first[i], first[i + 1]) for i in at]
        used, camera_of = np.unique(self.camera_of[at], return_inverse=True)
        return replace(
            self,
            cameras=tuple(self.cameras[i] for i in used) or self.cameras,
            pixels=_joined(self.pixels, kept),
            T_world_camera=self.T_world_camera[at],
            camera_of=camera_of.reshape(-1),
            names=tuple(self.names[i] for i in at),
            t_us=None if self.t_us is None else self.t_us[at],
            distance=None if self.distance is None else _joined(self.distance, kept),
        )

    def _each(self, values: np.ndarray) -> tuple[np.ndarray, ...]:
        first = self.first_pixel
        parts = (values[start:end] for start, end in itertools.pairwise(first))
        return tuple(part.reshape(*size, values.shape[-1]) for part, size in zip(parts, self.sizes, strict=True))

    def _stack(self, values: np.ndarray) -> np.ndarray:
        sizes = {(camera.height, camera.width) for camera in self.cameras}
        if len(sizes) != 1:
            raise ValueError(f"images of {len(sizes)} sizes are no one array")
        return values.reshape(len(self), *sizes.pop(), values.shape[-1])


def _joined(values: np.ndarray, parts: list[slice]) -> np.ndarray:
    return np.concatenate([values[:0], *(values[part] for part in parts)])


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
    """Path of the event camera; None if not known."""
    frames: Views | None = None
    """The camera's own frames along the trajectory."""
    heldout: Views | None = None
    """Held-out novel views, which training must not see."""
    box: Box | None = None
    """The region of the world that contains the scene, if the recording gives it."""
    points: Float64[np.ndarray, "p 3"] | None = None
    """Points of the scene in the world, as the reconstruction of the poses found them; outliers may be among them."""
    depth_range: tuple[float, float] | None = None
    """Nearest and farthest depth along the cameras' axes, world units, where the reconstruction of the poses says."""
    imu: Imu | None = None
    """Inertial samples."""
    unposed_frames: Frames | None = None
    """Frames without known poses, as in vendors' files."""
    triggers: Triggers | None = None
    """Edges at the trigger input."""
    name: str = ""
    """Short name for titles and file names."""
    path: Path | None = None
    """Path that it was read from."""
    notes: tuple[str, ...] = ()
    """What the loader did that a user should know (sorted, dropped, assumed), one sentence each."""
    usual_sensor: bool = False
    """Whether `sensor` has default values, as neither the files nor the loader give any."""

    @property
    def calibrated(self) -> Camera:
        """The event camera. Raises `InputError` when it is not calibrated."""
        if self.camera is None:
            raise InputError("has no camera calibration", self.path, "give it with --camera")
        return self.camera

    @property
    def lens_assumed(self) -> bool:
        """Whether a note says that the focal length of `camera` is assumed."""
        return self.camera is not None and any(note.startswith(ASSUMED_LENS) for note in self.notes)

    @property
    def thresholds_assumed(self) -> bool:
        """Whether the thresholds of `sensor` are assumed."""
        return self.usual_sensor or any(note.startswith(ASSUMED_THRESHOLDS) for note in self.notes)

    @property
    def origin_us(self) -> int:
        """Absolute time, in microseconds, that counts as zero seconds: the first event, or 0 where there is none."""
        return int(self.events.t_us[0]) if len(self.events) else 0

    @property
    def covered(self) -> EventStream:
        """The events within the time of the poses, views of the columns; all events if the poses are not known."""
        return self.events if self.trajectory is None else covered_events(self.events, self.trajectory)

    def seconds(self, t_us: np.ndarray) -> Float64[np.ndarray, "*n"]:
        """Absolute microseconds to float64 seconds since `origin_us`."""
        return (np.asarray(t_us, dtype=np.int64) - self.origin_us) * 1e-6


def covered_events(events: EventStream, trajectory: Trajectory) -> EventStream:
    """The events from the first pose to the last, views of the columns."""
    return events.between(trajectory.start_us, trajectory.end_us + 1)
