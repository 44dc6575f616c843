"""EvDeblurNeRF (Cannici and Scaramuzza, CVPR 2024): blurred images and events with poses at event rate, LLFF's layout.

A folder of `images_1/*.png` with `timestamps.npz` in it (arrays `timestamps`, `timestamps_start`, `timestamps_end`,
microseconds: exposures; sharp images, which end when they start, are for evaluation), `poses_bounds.npy` (a row an
image), `all_poses_bounds.npy` and `all_timestamps.npy` (microseconds: poses at a high rate; see
`efields.cameras.llff` for their columns), and `events.h5` of x, y, t, p: t in microseconds (the real scenes) or
nanoseconds (the rendered ones), told by the time of the poses.

The real scenes (a colour DAVIS346, RGGB) hold undistorted x and y, which are no whole numbers, and `ev_map.npz`:
`inv_mapx[row, column]` and `inv_mapy`, where each raw pixel lies in the undistorted image. Raw pixels are recovered,
as only they know their colour filter, and the lens is fitted to the map. The principal point is the middle of the
undistorted image, (w - 1) / 2 where centres of pixels are whole numbers, for images and events alike (the method's own
reader puts undistorted events half a pixel beside the images).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64

from efields.cameras.lens_fit import camera_from_map
from efields.cameras.llff import depth_range, one_llff_camera, read_poses_bounds
from efields.cameras.transforms import orthonormal
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.arrays.npy import read_npy
from efields.formats.arrays.npz import read_npz
from efields.formats.damages import Damages
from efields.formats.hdf5.events import Clock, EventDatasets, Signs, checked_columns, find_events, holds_events
from efields.formats.hdf5.file import blocks, opened_hdf5, usable_rows
from efields.formats.images import read_image
from efields.formats.opening import first_bytes
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.loaders._options import EveryView, Extrapolated, Salvaging, Thresholds
from efields.loaders._posed_images import listed_images, posed_views
from efields.poses.cover import cover
from efields.poses.text import whole_us
from efields.ranges import Threshold
from efields.recordings.event_file import EventFile
from efields.recordings.recording import Recording, Views

HOLDS = ("all_poses_bounds.npy",)

_EXPOSURES = ("timestamps", "timestamps_start", "timestamps_end")


@dataclass(frozen=True)
class Config(EveryView, Extrapolated, Thresholds, Salvaging):
    """How to read a scene of EvDeblurNeRF."""

    events_unit: Literal["auto", "us", "ns"] = "auto"
    """Unit of the events' times; auto: the one in which they end closest to the last pose."""
    bayer: str = "auto"
    """Colour filters of the sensor; auto: RGGB where there is an ev_map.npz, else none."""
    images: bool = True
    """Whether to read the images: blurred ones as frames, sharp ones held out."""
    c_pos: Threshold = 0.25
    """Contrast threshold of ON events; the method uses 0.25 for real scenes, 0.2 for rendered ones."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, broken or out of range."""
        root, file = Path(path), self.open(path)
        events, notes = self.gathered(file)
        poses, t_us = read_poses_bounds(root / "all_poses_bounds.npy"), _pose_times(root)
        if len(t_us) != len(poses.bounds):
            raise InputError(f"holds {len(t_us)} times for {len(poses.bounds)} poses", root / "all_timestamps.npy")
        T, where = orthonormal(poses.T_world_camera), str(root / "all_poses_bounds.npy")
        trajectory = Trajectory.from_matrices(t_us, T, where=where)
        trajectory, said = cover(events, trajectory, self.extrapolate_s, where=str(root))
        notes += (self.thresholds_note, *said)
        frames, heldout = None, None
        if self.images and file.camera is not None:
            frames, heldout, said = self._images(root, trajectory, file.camera.bayer)
            notes += said
        return Recording(
            events=events,
            camera=file.camera,
            sensor=self.sensor,
            trajectory=trajectory,
            frames=frames,
            heldout=heldout,
            depth_range=depth_range(poses),
            name=root.resolve().name,
            path=root,
            notes=notes,
        )

    def open(self, path: str | Path) -> EventFile:
        """Open the folder `path` for one pass over its events."""
        root = Path(path)
        file = root / "events.h5"
        if not file.is_file():
            raise InputError("contains no events.h5", root, "copy the complete recording again")
        found = find_events(file)
        pinhole = _image_camera(root, "")
        map_file = root / "ev_map.npz"
        bayer = ("RGGB" if map_file.is_file() else "") if self.bayer == "auto" else self.bayer
        raw_pixels, notes = None, ()
        camera = _image_camera(root, bayer)
        if map_file.is_file():
            undistorted = _read_map(map_file, pinhole)
            raw_pixels = _RawPixels.of(undistorted)
            k = np.array([pinhole.fx, pinhole.fy, pinhole.cx, pinhole.cy])
            camera, error = camera_from_map(undistorted, k, bayer, str(map_file))
            notes = (f"The lens was fitted to ev_map.npz, to {error:.2g} pixels.",)
        unit = _unit(file, found, _pose_times(root)) if self.events_unit == "auto" else self.events_unit
        if self.events_unit == "auto":
            notes += (f"Times of the events are assumed to be {unit}, as those of the poses are microseconds.",)

        def decode(damages: Damages) -> Iterator[EventColumns]:
            yield from _decode(file, found, unit, raw_pixels, damages)

        return EventFile(
            format="EvDeblurNeRF HDF5",
            path=file,
            width=camera.width,
            height=camera.height,
            decode=decode,
            camera=camera,
            notes=notes,
        )

    def _images(
        self, root: Path, trajectory: Trajectory, bayer: str
    ) -> tuple[Views | None, Views | None, tuple[str, ...]]:
        """Blurred images that the poses cover, and sharp ones; where none is blurred, all are frames."""
        files, poses = listed_images(root / "images_1"), read_poses_bounds(root / "poses_bounds.npy")
        where = root / "images_1" / "timestamps.npz"
        times = read_npz(where, _EXPOSURES)
        middle, start, end = (whole_us(times[name], 1.0, where) for name in _EXPOSURES)
        if not len(files) == len(poses.bounds) == len(middle) == len(start) == len(end):
            counts = f"{len(files)} images, {len(poses.bounds)} poses, {len(middle)} times"
            raise InputError(f"holds {counts}", root, "copy the complete recording again")
        camera = _image_camera(root, bayer)
        T = orthonormal(poses.T_world_camera)
        blurred = start < end if (start < end).any() else np.ones(len(files), dtype=bool)
        some = np.arange(len(files)) % self.view_stride == 0
        covered = trajectory.covers(middle)
        views = []
        for chosen, timed in ((blurred & covered & some, True), (~blurred & some, False)):
            at = np.flatnonzero(chosen)
            t_us = middle[at] if timed else None
            named = [files[i] for i in at]
            views.append(posed_views(named, T[at], camera, channels=camera.channels, t_us=t_us) if len(at) else None)
        left_out = int(np.count_nonzero(blurred & ~covered))
        notes = (f"{left_out} images lie outside the time of the poses and were left out.",) if left_out else ()
        return views[0], views[1], notes


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with this layout's dense poses and an `events.h5` of columns."""
    root = Path(path)
    dense = first_bytes(root / "all_poses_bounds.npy", 6) == b"\x93NUMPY" == first_bytes(root / "all_timestamps.npy", 6)
    return dense and holds_events(root / "events.h5")


class _RawPixels(NamedTuple):
    """From undistorted positions back to raw pixels."""

    keys: Int64[np.ndarray, " n"]
    """Bits of x and y of each raw pixel, sorted."""
    pixel: Int64[np.ndarray, " n"]
    """Its number, row by row."""
    width: int
    """Columns of the sensor."""

    @classmethod
    def of(cls, undistorted: Float32[np.ndarray, "h w 2"]) -> _RawPixels:
        """The table of a map."""
        keys = _bits(undistorted.reshape(-1, 2))
        order = np.argsort(keys, kind="stable")
        return cls(keys[order], order, undistorted.shape[1])

    def at(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, Bool[np.ndarray, " n"]]:
        """Column and row of each event, and whether the map holds its position."""
        keys = _bits(np.stack([x, y], axis=1).astype(np.float32))
        found = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        pixel = self.pixel[found]
        return pixel % self.width, pixel // self.width, self.keys[found] == keys


def _bits(positions: Float32[np.ndarray, "n 2"]) -> Int64[np.ndarray, " n"]:
    return np.ascontiguousarray(positions + np.float32(0)).view(np.int64).reshape(-1)  # + 0 makes -0 and 0 the same


def _decode(
    file: Path, found: EventDatasets, unit: Literal["us", "ns"], raw_pixels: _RawPixels | None, damages: Damages
) -> Iterator[EventColumns]:
    with opened_hdf5(file) as opened:
        columns = [opened[name] for name in (found.t, found.x, found.y, found.p)]
        clock, signs = Clock(damages, found.offset_us, unit, 0.0, np.inf), Signs(damages)
        for row, (t, x, y, p) in blocks(columns, usable_rows(columns, file, damages), damages):
            t_us, inside = clock.microseconds(t, row)
            if raw_pixels is not None:
                x, y, known = raw_pixels.at(x, y)
                if not known.all():
                    damages.found(
                        "an event lies where ev_map.npz has no pixel",
                        row=row + int(np.argmin(known)),
                        lost_events=int(np.count_nonzero(~known)),
                        do="copy events and map of the same scene, or drop such events with --salvage",
                    )
                inside &= known
            yield checked_columns(x, y, t_us, p, inside, signs, row)


def _image_camera(root: Path, bayer: str) -> Camera:
    """The pinhole of the images, in which undistorted events lie as well."""
    first = listed_images(root / "images_1")[0]
    rows, columns = read_image(first).shape[:2]
    return one_llff_camera(
        read_poses_bounds(root / "poses_bounds.npy"), columns, rows, root / "poses_bounds.npy", bayer
    )


def _read_map(file: Path, pinhole: Camera) -> Float32[np.ndarray, "h w 2"]:
    arrays = read_npz(file, ("inv_mapx", "inv_mapy"))
    for name, array in arrays.items():
        if array.shape != (pinhole.height, pinhole.width) or array.dtype.kind != "f":
            size = f"{pinhole.height} x {pinhole.width}"
            raise InputError(f"'{name}' is {array.shape} {array.dtype}, not {size} floats", file, "copy it again")
    return np.stack([arrays["inv_mapx"], arrays["inv_mapy"]], axis=2).astype(np.float32)


def _pose_times(root: Path) -> Int64[np.ndarray, " p"]:
    file = root / "all_timestamps.npy"
    return whole_us(read_npy(file).reshape(-1), 1.0, file)


def _unit(file: Path, found: EventDatasets, poses_us: Int64[np.ndarray, " p"]) -> Literal["us", "ns"]:
    """The unit in which the last event lies nearest to the last pose."""
    with opened_hdf5(file) as opened:
        if len(opened[found.t]) == 0 or len(poses_us) == 0:
            return "us"
        last = float(opened[found.t][-1])
    return "us" if abs(last - poses_us[-1]) <= abs(last * 1e-3 - poses_us[-1]) else "ns"
