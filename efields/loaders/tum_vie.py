"""TUM-VIE (Klenk et al., IROS 2021): a sequence with two event cameras (1280 x 720), two frame cameras, IMU, mocap.

The folder of the sequence, or one folder further down, holds

- `*events_left.h5`, `*events_right.h5`: `events/{x, y, t, p}`, t in microseconds; raw pixels;
- `mocap_data.txt`: lines `t px py pz qx qy qz qw`, t in microseconds, the MARKER body to world; only at the begin and
  end of long sequences;
- `left_images/`, `right_images/`: `%05d.jpg`, `image_timestamps_{left,right}.txt` (microseconds, one line each), and
  perhaps `image_exposures_{left,right}.txt`; 1024 x 1024, grey;
- `imu_data.txt`: `t gx gy gz ax ay az temperature`, microseconds, rad/s, m/s^2;
- the calibration, from another download: any `*.json` with `value0`: `T_imu_cam` (px py pz qx qy qz qw), `intrinsics`
  (`camera_type` "kb4": fx fy cx cy k1 k2 k3 k4, our "equidistant") and `resolution` of four cameras, in the order left
  frames, right frames, left events, right events; and `T_imu_marker`, in the same file or in one of its own.

T_world_camera = T_world_marker inv(T_imu_marker) T_imu_cam. Everything has one clock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from efields.cameras.along_trajectory import T_from_quaternion, gap_notes, views_along
from efields.cameras.rig import FrameList, image_files, left_out_notes, listed_frames
from efields.errors import InputError
from efields.events.side_streams import Imu, SideStreams
from efields.formats.damages import Damages
from efields.formats.hdf5.events import decode_events, find_events, holds_events
from efields.formats.text.tables import read_table
from efields.formats.yaml import entry, numbers
from efields.geometry.camera import Camera
from efields.loaders._options import PosedSequence
from efields.poses.cover import cover
from efields.poses.text import read_trajectory
from efields.recordings.event_file import EventFile
from efields.recordings.recording import Recording, covered_events
from efields.text import read_text

HOLDS = ("mocap_data.txt", "imu_data.txt", "*/mocap_data.txt", "*/imu_data.txt")

_SIZE = (1280, 720)
_POSE = ("px", "py", "pz", "qx", "qy", "qz", "qw")
_KB4 = ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4")


@dataclass(frozen=True)
class Config(PosedSequence):
    """How to read a TUM-VIE sequence."""

    camera: Literal["left", "right"] = "left"
    """Which event camera, and which frames."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, broken or out of range."""
        root, file = Path(path), self.open(path)
        events, notes = self.gathered(file)
        notes += (self.thresholds_note,)
        rig, mocap = _calibrations(root), _one(root, "mocap_data.txt")
        trajectory, views, covered = None, None, events
        if mocap is None or rig.T_imu_marker is None or file.camera is None:
            missing = "mocap_data.txt" if mocap is None else "calibration with T_imu_cam and T_imu_marker"
            notes += (f"The recording has no poses of the camera (no {missing}).",)
        else:
            T_marker_imu = np.linalg.inv(rig.T_imu_marker)
            T_imu_event = rig.T_imu_cam(2 if self.camera == "left" else 3)
            trajectory, _ = read_trajectory(mocap, "us", self.trajectory, T_marker_imu @ T_imu_event)
            trajectory, said = cover(events, trajectory, self.extrapolate_s, where=str(root))
            covered = covered_events(events, trajectory)
            notes += said + gap_notes(trajectory, covered)
        frames = self._frame_list(root)
        if frames is not None and self.frames != "none" and trajectory is not None:
            which = 0 if self.camera == "left" else 1
            T_event_frame = np.linalg.inv(rig.T_imu_cam(which + 2)) @ rig.T_imu_cam(which)
            views, said = views_along(
                frames,
                self.frames,
                covered,
                trajectory,
                rig.intrinsics(which),
                T_event_frame,
                "linear",
            )
            notes += said
        elif frames is not None:
            notes += left_out_notes(len(frames.files), len(frames.files), "none")
        return Recording(
            events=events,
            camera=file.camera,
            sensor=self.sensor,
            trajectory=trajectory,
            frames=views,
            imu=file.side_streams(Damages(file.path, self.salvage)).imu,
            name=root.resolve().name,
            path=root,
            notes=notes,
        )

    def open(self, path: str | Path) -> EventFile:
        """Open the folder `path` for one pass over its events."""
        root = Path(path)
        file = _one(root, f"*events_{self.camera}.h5")
        if file is None:
            raise InputError(f"contains no *events_{self.camera}.h5", root, "copy the complete recording again")
        rig = _calibrations(root)
        camera = rig.intrinsics(2 if self.camera == "left" else 3) if rig.path is not None else None
        notes = () if camera is not None else ("The calibration is missing (a .json with T_imu_cam).",)
        imu = _one(root, "imu_data.txt")
        return EventFile(
            format="TUM-VIE HDF5",
            path=file,
            width=camera.width if camera is not None else _SIZE[0],
            height=camera.height if camera is not None else _SIZE[1],
            decode=decode_events(file, find_events(file), start_s=self.start_s, stop_s=self.stop_s),
            side_streams=lambda _: SideStreams(imu=None if imu is None else _imu(imu)),
            camera=camera,
            notes=notes,
        )

    def _frame_list(self, root: Path) -> FrameList | None:
        times = _one(root, f"image_timestamps_{self.camera}.txt")
        if times is None:
            times = _one(root, f"{self.camera}_images/image_timestamps_{self.camera}.txt")
        return None if times is None else listed_frames(times, 1.0, image_files(times.parent))


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with `*events_left.h5` or right, and `mocap_data.txt` or `imu_data.txt`."""
    root = Path(path)
    if (root / "calib_undist.json").is_file():  # prepared for E-NeRF
        return False
    try:
        if not root.is_dir() or not any((_one(root, "mocap_data.txt"), _one(root, "imu_data.txt"))):
            return False
        files = [_one(root, f"*events_{side}.h5") for side in ("left", "right")]
    except (OSError, InputError):
        return False
    return any(holds_events(file) for file in files if file is not None)


def _one(root: Path, pattern: str) -> Path | None:
    """The one file of that pattern in the folder, else in those in it. Raises `InputError` where there are several."""
    for found in (sorted(root.glob(pattern)), sorted(root.glob(f"*/{pattern}"))):
        if len(found) > 1:
            raise InputError(f"contains several {pattern} ({found[0].name}, ...)", root, "keep only one of them there")
        if found:
            return found[0]
    return None


@dataclass(frozen=True)
class _Rig:
    """The calibration: what `value0` of one file, or of two, says."""

    path: Path | None = None
    value: dict[str, Any] | None = None
    T_imu_marker: Float64[np.ndarray, "4 4"] | None = None

    def T_imu_cam(self, index: int) -> Float64[np.ndarray, "4 4"]:
        """Camera to IMU; 0 and 1 are the frame cameras, 2 and 3 the event cameras."""
        assert self.path is not None
        return _pose(self._item("T_imu_cam", index), f"T_imu_cam {index}", self.path)

    def intrinsics(self, index: int) -> Camera:
        """The camera of that index. Raises `InputError` for another model than kb4."""
        assert self.path is not None
        lens, path = self._item("intrinsics", index), self.path
        model = entry(lens, ("camera_type",), path)
        if model != "kb4":
            raise InputError(
                f"camera {index} has the model '{model}'", path, "give the calibration of the dataset: kb4"
            )
        values = [float(numbers(lens, ("intrinsics", name), (), path)) for name in _KB4]
        width, height = numbers({"resolution": self._item("resolution", index)}, ("resolution",), (2,), path)
        if not (1 <= width <= 1 << 16 and 1 <= height <= 1 << 16):
            raise InputError(f"camera {index} has {width:g} x {height:g} pixels", path, "correct 'resolution'")
        try:
            fx, fy, cx, cy, *k = values
            return Camera(int(width), int(height), fx, fy, cx, cy, distortion_model="equidistant", distortion=tuple(k))
        except InputError as error:
            raise InputError(error.what, path, error.do) from None

    def _item(self, name: str, index: int) -> Any:
        assert self.path is not None
        items = entry(self.value, (name,), self.path)
        if not isinstance(items, list) or len(items) != 4:
            raise InputError(f"'value0/{name}' does not list four cameras", self.path, "copy the calibration again")
        return items[index]


def _calibrations(root: Path) -> _Rig:
    """What the JSON files of the folder say about the cameras and the markers."""
    rig, seen = _Rig(), 0
    for path in sorted([*root.glob("*.json"), *root.glob("*/*.json")])[:20]:
        try:
            value = json.loads(read_text(path))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"is not readable as JSON ({error})", path, "copy it again, or delete it") from None
        value = value.get("value0") if isinstance(value, dict) else None
        if not isinstance(value, dict):
            continue
        if "T_imu_cam" in value:
            seen += 1
            rig = replace(rig, path=path, value=value)
        if "T_imu_marker" in value:
            rig = replace(rig, T_imu_marker=_pose(value["T_imu_marker"], "T_imu_marker", path))
    if seen > 1:
        raise InputError(f"holds {seen} calibrations of the cameras", root, "keep only one of them there")
    return rig


def _pose(node: Any, name: str, path: Path) -> Float64[np.ndarray, "4 4"]:
    values = [float(numbers(node, (key,), (), path)) for key in _POSE]
    return T_from_quaternion(values[:3], values[3:], name, path)


def _imu(path: Path) -> Imu:
    table = read_table(path, 8, "t gx gy gz ax ay az temperature")
    if not np.isfinite(table[:, :7]).all() or not (np.abs(table[:, 0]) < 1 << 61).all():
        raise InputError("holds a number that is not finite", path, "delete that line")
    return Imu(np.rint(table[:, 0]).astype(np.int64), table[:, 1:4].copy(), table[:, 4:7].copy())
