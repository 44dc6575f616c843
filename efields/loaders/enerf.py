"""E-NeRF (Klenk et al., RA-L 2023): its three kinds of folder, told apart by their files.

- esim: `events/*.npy`, one a frame, rows x, y, t in nanoseconds, p (0 or 1, or -1 or 1), more columns ignored;
  `images/*.png` with `image_stamps_ns.txt` in it; `images_corrupted/`, blurred or dark copies to train on;
  `*poses_all*.txt`, a line of names, then `t px py pz qx qy qz qw` (nanoseconds; camera to world, OpenCV axes);
  `poses_bounds.npy`, of which only height, width and focal length of the first row count. Pinhole, centre of the image.
- tumvie: TUM-VIE after E-NeRF's preprocessing: `*events_left.h5` and `*mocap*.txt` (microseconds, the marker's poses)
  as in TUM-VIE, `rectify_map_left.h5`, `calib_undist.json` (`value0` with `T_imu_cam`, `resolution`, `intrinsics` kb4,
  `intrinsics_undistorted`) and `mocap-imu-calib.json` (`T_imu_marker`). T_world_camera = T_world_marker
  inv(T_imu_marker) T_imu_cam.
- eds: EDS likewise: `events.h5` (x, y, t in microseconds from the beginning, p), `rectify_map_<calibration>.h5`,
  `calib_undist_<calibration>.json` (`intrinsics_undistorted` of frame and event camera), `stamped_groundtruth_us.txt`
  (microseconds, the event camera to world).

Events of the last two are raw pixels. `rectify_map[row, column]` is where a raw pixel (x, y) lies in the undistorted
image; where no lens is given, one is fitted to it. Their undistorted frames are not read: E-NeRF's script undistorts
them with another camera than it writes down (tumvie), and the extrinsics stand in its code (eds).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from efields.cameras.along_trajectory import T_from_quaternion, poses_at
from efields.cameras.lens_fit import camera_from_map
from efields.errors import InputError
from efields.events.columns import CHUNK, EventColumns
from efields.formats.arrays.npy import read_npy
from efields.formats.damages import Damages
from efields.formats.hdf5.events import Clock, Signs, checked_columns, decode_events, find_events, holds_events
from efields.formats.hdf5.file import holds
from efields.formats.hdf5.whole_columns import read_h5
from efields.formats.json import read_json
from efields.formats.opening import first_bytes
from efields.formats.yaml import entry, numbers
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.loaders._options import EveryView, Extrapolated, Salvaging, Thresholds
from efields.loaders._posed_images import listed_images, posed_views
from efields.poses.cover import cover
from efields.poses.text import read_numbers, read_trajectory, whole_us
from efields.ranges import Threshold
from efields.recordings.event_file import EventFile
from efields.recordings.recording import Recording, Views

HOLDS = ("poses_bounds.npy", "calib_undist.json", "stamped_groundtruth_us.txt")

Layout = Literal["esim", "tumvie", "eds"]
_POSE = ("px", "py", "pz", "qx", "qy", "qz", "qw")
_KB4 = ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4")
_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True)
class Config(EveryView, Extrapolated, Thresholds, Salvaging):
    """How to read a folder of E-NeRF's."""

    camera: Literal["left", "right"] = "left"
    """Which event camera of TUM-VIE."""
    frames: Literal["images", "images_corrupted", "none"] = "images"
    """Which images of the esim layout become frames."""
    c_pos: Threshold = 0.2
    """Contrast threshold of ON events; the folder does not say, E-NeRF uses 0.2."""
    c_neg: Threshold = 0.2
    """Contrast threshold of OFF events."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, broken or out of range."""
        root, layout, file = Path(path), _layout(Path(path)), self.open(path)
        events, notes = self.gathered(file)
        trajectory = _trajectory(root, layout, self.camera)
        trajectory, said = cover(events, trajectory, self.extrapolate_s, where=str(root))
        notes += (self.thresholds_note, *said)
        frames = None
        if layout == "esim" and self.frames != "none" and file.camera is not None:
            frames, said = self._frames(root, trajectory, file.camera)
            notes += said
        elif layout != "esim":
            notes += (
                "The undistorted frames were not read: the camera that they were made with is not in the folder.",
            )
        return Recording(
            events=events,
            camera=file.camera,
            sensor=self.sensor,
            trajectory=trajectory,
            frames=frames,
            name=root.resolve().name,
            path=root,
            notes=notes,
        )

    def open(self, path: str | Path) -> EventFile:
        """Open the folder `path` for one pass over its events."""
        root = Path(path)
        layout = _layout(root)
        if layout == "esim":
            camera, notes, where = _esim_camera(root), (), root / "events"
            decode = _esim_decoder(sorted(where.glob("*.npy")))
        else:
            where = root / "events.h5" if layout == "eds" else _one(root, f"*events_{self.camera}.h5")
            camera, notes = _tumvie_camera(root, self.camera) if layout == "tumvie" else _eds_camera(root)
            decode = decode_events(where, find_events(where), unit="us")
        return EventFile(
            format=f"E-NeRF {layout}",
            path=where,
            width=camera.width,
            height=camera.height,
            decode=decode,
            camera=camera,
            notes=notes,
        )

    def _frames(self, root: Path, trajectory: Trajectory, camera: Camera) -> tuple[Views | None, tuple[str, ...]]:
        """Images that the poses cover, posed at their times, and a note on the others."""
        folder = root / self.frames
        stamps = folder / "image_stamps_ns.txt"
        files, t_us = listed_images(folder), whole_us(read_numbers(stamps, 1, "t")[:, 0], 1e-3, stamps)
        if len(files) != len(t_us):
            raise InputError(f"holds {len(files)} images and {len(t_us)} times", folder, "copy both again")
        covered = trajectory.covers(t_us)
        at = np.flatnonzero(covered & (np.arange(len(files)) % self.view_stride == 0))
        out = int(np.count_nonzero(~covered))
        notes = (f"{out} of {len(files)} frames lie outside the time of the poses and were left out.",) if out else ()
        if len(at) == 0:
            return None, notes
        T = poses_at(trajectory, t_us[at])
        views = posed_views([files[i] for i in at], T, camera, channels=camera.channels, t_us=t_us[at])
        return views, notes


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder of one of the three kinds."""
    return _layout_of(Path(path)) is not None


def _layout_of(root: Path) -> Layout | None:
    if first_bytes(root / "poses_bounds.npy", 6) == _MAGIC and any(root.glob("*poses_all*.txt")):
        first = next(iter(sorted((root / "events").glob("*.npy"))), root)
        return "esim" if first_bytes(first, 6) == _MAGIC else None
    if (root / "calib_undist.json").is_file():
        for side in ("left", "right"):
            if holds(root / f"rectify_map_{side}.h5", "rectify_map"):
                return "tumvie" if any(holds_events(file) for file in root.glob(f"*events_{side}.h5")) else None
    elif (root / "stamped_groundtruth_us.txt").is_file() and holds_events(root / "events.h5"):
        return "eds" if any(holds(file, "rectify_map") for file in root.glob("rectify_map_*.h5")) else None
    return None


def _layout(root: Path) -> Layout:
    layout = _layout_of(root)
    if layout is None:
        raise InputError(
            "is not a complete folder of E-NeRF's layouts esim, tumvie or eds",
            root,
            "copy the complete recording again",
        )
    return layout


def _one(root: Path, pattern: str) -> Path:
    found = sorted(root.glob(pattern))
    if len(found) != 1:
        names = ", ".join(file.name for file in found[:6]) or "none"
        raise InputError(f"must contain exactly one {pattern} (found: {names})", root, "keep only one of them there")
    return found[0]


def _trajectory(root: Path, layout: Layout, side: str) -> Trajectory:
    """Poses of the event camera."""
    pattern = {"esim": "*poses_all*.txt", "tumvie": "*mocap*.txt", "eds": "stamped_groundtruth_us.txt"}[layout]
    file = _one(root, pattern)
    if layout != "tumvie":
        return read_trajectory(file, "ns" if layout == "esim" else "us")[0]
    marker = root / "mocap-imu-calib.json"
    T_imu_marker = _pose(entry(read_json(marker), ("value0", "T_imu_marker"), marker), marker)
    value, calibration = _value0(root)
    T_imu_event = _pose(_listed(value, "T_imu_cam", side, calibration), calibration)
    return read_trajectory(file, "us", T_body_camera=np.linalg.inv(T_imu_marker) @ T_imu_event)[0]


def _pose(node: Any, file: Path) -> Float64[np.ndarray, "4 4"]:
    values = [float(numbers(node, (name,), (), file)) for name in _POSE]
    return T_from_quaternion(values[:3], values[3:], "pose", file)


def _value0(root: Path) -> tuple[Any, Path]:
    file = root / "calib_undist.json"
    return entry(read_json(file), ("value0",), file), file


def _listed(value: Any, name: str, side: str, file: Path) -> Any:
    """The entry of an event camera: the third or fourth of four."""
    items = entry(value, (name,), file)
    if not isinstance(items, list) or len(items) != 4:
        raise InputError(f"'{name}' does not list four cameras", file, "copy the calibration again")
    return items[2 if side == "left" else 3]


def _esim_camera(root: Path) -> Camera:
    file = root / "poses_bounds.npy"
    rows = read_npy(file)
    if rows.ndim != 2 or rows.shape[1] != 17 or len(rows) == 0 or rows.dtype.kind != "f":
        raise InputError(f"has shape {rows.shape}, not n x 17 numbers", file, "copy it again")
    height, width, focal = (float(v) for v in rows[0, [4, 9, 14]])
    if not (1 <= width <= 1 << 16 and 1 <= height <= 1 << 16):
        raise InputError(f"gives images of {width:g} x {height:g}", file, "copy it again")
    return _checked(int(width), int(height), (focal, focal, width / 2 - 0.5, height / 2 - 0.5), (), file)


def _tumvie_camera(root: Path, side: str) -> tuple[Camera, tuple[str, ...]]:
    value, file = _value0(root)
    if "intrinsics" not in value:
        return _from_map(root / f"rectify_map_{side}.h5", _listed(value, "intrinsics_undistorted", side, file), file)
    lens = _listed(value, "intrinsics", side, file)
    if entry(lens, ("camera_type",), file) != "kb4":
        raise InputError("contains a camera model other than kb4", file, "give the calibration of the dataset")
    values = [float(numbers(lens, ("intrinsics", name), (), file)) for name in _KB4]
    size = {"resolution": _listed(value, "resolution", side, file)}
    width, height = numbers(size, ("resolution",), (2,), file)
    return _checked(int(width), int(height), tuple(values[:4]), tuple(values[4:]), file), ()


def _eds_camera(root: Path) -> tuple[Camera, tuple[str, ...]]:
    rectify_map = _one(root, "rectify_map_*.h5")
    file = root / f"calib_undist_{rectify_map.stem.removeprefix('rectify_map_')}.json"
    undistorted = entry(read_json(file), ("intrinsics_undistorted",), file)
    if not isinstance(undistorted, list) or len(undistorted) != 2:
        raise InputError("'intrinsics_undistorted' does not list two cameras", file, "copy it again")
    return _from_map(rectify_map, undistorted[1], file)


def _from_map(rectify_map: Path, pinhole: Any, file: Path) -> tuple[Camera, tuple[str, ...]]:
    k = np.array([float(numbers(pinhole, (name,), (), file)) for name in _KB4[:4]])
    if not (k[:2] > 0).all():
        raise InputError("holds focal lengths that are not above 0", file, "copy it again")
    undistorted = read_h5(rectify_map, ("rectify_map",))["rectify_map"]
    camera, error = camera_from_map(undistorted, k, where=str(rectify_map))
    return camera, (f"The lens was fitted to {rectify_map.name}, to {error:.2g} pixels.",)


def _checked(width: int, height: int, k: tuple[float, ...], lens: tuple[float, ...], file: Path) -> Camera:
    try:
        fx, fy, cx, cy = k
        return Camera(width, height, fx, fy, cx, cy, "equidistant" if lens else "none", lens)
    except InputError as error:
        raise InputError(error.what, file, error.do) from None


def _esim_decoder(files: list[Path]) -> Callable[[Damages], Iterator[EventColumns]]:
    """Passes over the events of esim's layout, file after file."""

    def decode(damages: Damages) -> Iterator[EventColumns]:
        clock, signs, row = Clock(damages, 0, "ns", 0.0, np.inf), Signs(damages), 0
        for file in files:
            for x, y, t, p in _esim_rows(file):
                t_us, inside = clock.microseconds(t, row)
                yield checked_columns(x, y, t_us, p, inside, signs, row)
                row += len(t)

    return decode


def _esim_rows(file: Path) -> Iterator[np.ndarray]:
    """Columns x, y, t, p of one file, a chunk at a time."""
    rows = read_npy(file)
    if rows.ndim != 2 or rows.shape[1] < 4 or rows.dtype.kind not in "iuf":
        raise InputError(f"has the shape {rows.shape}, not n x 4 numbers", file, "rows must read x, y, t, p")
    for first in range(0, len(rows), CHUNK):
        yield rows[first : first + CHUNK, :4].T
