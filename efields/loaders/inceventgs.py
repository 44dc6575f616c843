"""IncEventGS (Huang et al., CVPR 2025): simulated events of Replica rooms.

A folder of `traj.txt` (16 numbers a line, camera to world 4 x 4 row by row, OpenCV axes), `poses_ts.txt` (the time of
each line, seconds), `images/frame*.jpg` (one a line) and `event_threshold_0.1/gray_events_data.npy` (here or in such a
folder, whose name states the contrast threshold): n x 4 numbers x, y, t in seconds, p -1 or 1. The camera stands in the
method's configuration, not in the folder: 768 x 480, focal length 384, centre (384, 240) for Replica, the centre of the
first pixel being (0.5, 0.5).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from efields.cameras.transforms import checked_poses, orthonormal
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.sensor import Sensor
from efields.formats.arrays.npy_rows import npy_source
from efields.formats.damages import Damages
from efields.formats.hdf5.events import Clock, Signs, checked_columns
from efields.formats.images import read_image
from efields.formats.opening import first_bytes
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.loaders._options import EveryView, Extrapolated, Salvaging
from efields.loaders._posed_images import listed_images, posed_views
from efields.poses.cover import cover
from efields.poses.text import read_numbers, whole_us
from efields.ranges import PixelsOrUnknown, Range
from efields.recordings.event_file import EventFile
from efields.recordings.recording import Recording, Views
from efields.text import plain_head

HOLDS = ("traj.txt",)

_REPLICA = (768, 480)
_EVENTS = "gray_events_data.npy"


@dataclass(frozen=True)
class Config(EveryView, Extrapolated, Salvaging):
    """How to read a scene of IncEventGS."""

    width: PixelsOrUnknown = 0
    """Width of the sensor in pixels; 0: that of the images, else 768."""
    height: PixelsOrUnknown = 0
    """Height of the sensor in pixels; 0: that of the images, else 480."""
    focal: Annotated[float, Range(0, 1e6)] = 0.0
    """Focal length in pixels; 0: half the width, as in the Replica scenes."""
    cx: Annotated[float, Range(-1, 1e6)] = -1.0
    """Principal point along x as in the method's configuration, half a pixel more than ours; -1: the middle."""
    cy: Annotated[float, Range(-1, 1e6)] = -1.0
    """Principal point along y."""
    frames: Literal["heldout", "frames", "none"] = "heldout"
    """Use of the images: held-out views to compare with, the camera's own frames, or none (not read)."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, broken or out of range."""
        root = Path(path)
        images = _images(root)
        file = self.open(root)
        camera = self._camera(root, images)
        events, notes = self.gathered(file)
        matrices = read_numbers(root / "traj.txt", 16, "4 x 4 numbers, row by row").reshape(-1, 4, 4)
        poses = orthonormal(checked_poses(matrices, root / "traj.txt"))
        t_us = whole_us(read_numbers(root / "poses_ts.txt", 1, "t")[:, 0], 1e6, root / "poses_ts.txt")
        if len(t_us) != len(poses):
            raise InputError(
                f"holds {len(t_us)} times, traj.txt {len(poses)} poses", root / "poses_ts.txt", "copy both"
            )
        trajectory = Trajectory.from_matrices(t_us, poses, where=str(root / "traj.txt"))
        trajectory, found = cover(events, trajectory, self.extrapolate_s, where=str(root))
        threshold, said = _threshold(file.path)
        views = self._views(root, images, poses, t_us, camera) if images and self.frames != "none" else None
        return Recording(
            events=events,
            camera=camera,
            sensor=Sensor(c_pos=threshold, c_neg=threshold),
            trajectory=trajectory,
            frames=views if self.frames == "frames" else None,
            heldout=views if self.frames == "heldout" else None,
            name=root.resolve().name,
            path=root,
            notes=(*notes, *found, said),
        )

    def open(self, path: str | Path) -> EventFile:
        """Open the folder `path` for one pass over its events."""
        root = Path(path)
        file, images = _events_file(root), _images(root)
        camera = self._camera(root, images)
        taken = f"focal length {camera.fx:g}, centre {camera.cx + 0.5:g}, {camera.cy + 0.5:g}"
        said = f"Intrinsics are assumed, as they are not in the folder: {camera.width} x {camera.height}, {taken}."
        return EventFile(
            format="IncEventGS events",
            path=file,
            width=camera.width,
            height=camera.height,
            decode=lambda damages: _events(file, damages),
            camera=camera,
            notes=() if self.focal else (said,),
        )

    def _camera(self, root: Path, images: list[Path]) -> Camera:
        rows, columns = read_image(images[0]).shape[:2] if images else _REPLICA[::-1]
        width, height = self.width or columns, self.height or rows
        focal = self.focal or width / 2
        cx, cy = (half if given == -1 else given for given, half in ((self.cx, width / 2), (self.cy, height / 2)))
        try:
            return Camera(width, height, focal, focal, cx - 0.5, cy - 0.5)
        except InputError as error:
            raise InputError(error.what, root, error.do) from None

    def _views(self, root: Path, files: list[Path], poses: np.ndarray, t_us: np.ndarray, camera: Camera) -> Views:
        if len(files) != len(poses):
            raise InputError(f"holds {len(files)} images, traj.txt {len(poses)} poses", root / "images", "copy both")
        some = slice(None, None, self.view_stride)
        return posed_views(files[some], poses[some], camera, channels=camera.channels, t_us=t_us[some])


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with IncEventGS's events, and text in `traj.txt` and `poses_ts.txt`."""
    root = Path(path)
    if not any(first_bytes(file, 6) == b"\x93NUMPY" for file in _event_files(root)):
        return False
    head = plain_head(first_bytes(root / "traj.txt", 64))
    return bool(head) and (root / "poses_ts.txt").is_file() and set(head) <= set(b"0123456789+-.eE, \t\r\n#")


def _event_files(root: Path) -> list[Path]:
    found = sorted(root.glob(f"event_threshold_*/{_EVENTS}"))
    return [root / _EVENTS, *found] if (root / _EVENTS).is_file() else found


def _events_file(root: Path) -> Path:
    found = _event_files(root)
    if len(found) != 1:
        names = ", ".join(str(file.relative_to(root)) for file in found) or "none"
        raise InputError(f"must contain exactly one {_EVENTS} (found: {names})", root, "keep only one of them there")
    return found[0]


def _images(root: Path) -> list[Path]:
    return listed_images(root / "images") if (root / "images").is_dir() else []


def _events(file: Path, damages: Damages) -> Iterator[EventColumns]:
    source = npy_source(file)
    # A single row comes as a list of its four numbers.
    if (source.shape != (4,) and source.shape[1:] != (4,)) or source.dtype.kind not in "iuf":
        raise InputError(f"has the shape {source.shape}, not n x 4 numbers", file, "write columns x, y, t, p")
    clock, signs = Clock(damages, 0, "s", 0.0, math.inf), Signs(damages)
    row = 0
    for rows in source.chunks(damages):
        x, y, t, p = (np.ascontiguousarray(column) for column in rows.reshape(-1, 4).T)
        t_us, sound = clock.microseconds(t, row)
        yield checked_columns(x, y, t_us, p, sound, signs, row)
        row += len(t)


def _threshold(file: Path) -> tuple[float, str]:
    """Contrast threshold that the folder's name states, and a note."""
    try:
        stated = float(file.parent.name.removeprefix("event_threshold_"))
        if 0 < stated < 10:
            return stated, f"Contrast thresholds are those in the folder's name: {stated:g}."
    except ValueError:
        pass
    return 0.1, "Contrast thresholds are assumed: 0.1, as in the published scenes."
