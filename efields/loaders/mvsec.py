"""MVSEC (Zhu et al., RA-L 2018): `<sequence>_data.hdf5` from two DAVIS346, and `<sequence>_gt.hdf5` beside it.

In the data file, for each of `davis/left` and `davis/right`: `events` (n, 4) float64 rows x, y, t, p with t in seconds
since 1970 and p -1 or 1; `image_raw` (m, 260, 346) uint8 with `image_raw_ts`; `imu` (not read: the order of its columns
is not documented). In the other file: `davis/left/pose` (k, 4, 4), left camera to world, with `pose_ts`, and the same
as `odometry`, which drifts. Seconds must be float64: a float32 is coarser than two minutes there.

Calibration is a file of Kalibr's, `camchain-imucam-<group>.yaml`, from another download: cam0 is the left DAVIS, cam1
the right one, models equidistant, raw pixels. Without it the published numbers of the left camera stand in, by the
name of the sequence. Ground-truth flow: `efields.formats.mvsec_flow`. `<sequence>_odom.npz` is not used: all
four numbers of its quaternions were written to one place. Source: the dataset's page, and its `tools/gt_flow`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from efields.cameras.rig import FrameList, WhichFrames, kalibr_camera, left_out_notes, rigid
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.side_streams import Frames, SideStreams
from efields.events.stream import EventStream, seconds_to_us
from efields.formats.damages import Damages
from efields.formats.hdf5.events import Clock, Signs, checked_columns
from efields.formats.hdf5.file import blocks, holds, is_dataset, opened_hdf5, usable_rows
from efields.formats.yaml import numbers, read_yaml
from efields.geometry.camera import Camera
from efields.loaders._options import PosedSequence
from efields.ranges import PixelsOrUnknown
from efields.recordings.event_file import EventFile
from efields.recordings.recording import Recording, Views, covered_events
from efields.recordings.sensor_size import checked_size

if TYPE_CHECKING:
    from efields.geometry.trajectory import Trajectory

BEGINS = rb"\x89HDF\r\n\x1a\n"
HOLDS = ("*_data.hdf5",)

_SIZE = (346, 260)
_LEFT = {
    "indoor_flying": ((226.018, 225.787, 174.543, 124.216), (-0.04847, 0.01009, -0.04293, 0.00519)),
    "outdoor_day": ((223.994, 223.618, 170.768, 128.187), (-0.03390, -0.01537, -0.02228, 0.00692)),
}
"""fx fy cx cy and k1 to k4 of the left camera, by group of sequences."""


@dataclass(frozen=True)
class Config(PosedSequence):
    """How to read an MVSEC sequence."""

    camera: Literal["left", "right"] = "left"
    """Which DAVIS; the right one has poses only with the calibration file."""
    poses: Literal["pose", "odometry"] = "pose"
    """Which poses of the ground truth: with loop closure, or the lidar's odometry."""
    frames: WhichFrames = "during_events"
    """Which grey frames to read: those taken during the events, all that the poses cover, or none."""
    width: PixelsOrUnknown = 0
    """Width of the sensor in pixels; 0: that of the calibration, else 346."""
    height: PixelsOrUnknown = 0
    """Height of the sensor in pixels; 0: that of the calibration, else 260."""

    def load(self, path: str | Path) -> Recording:
        """Read the data file `path`, or the one in that folder. Raises `InputError` for anything missing or broken."""
        from efields.cameras.along_trajectory import gap_notes
        from efields.poses.cover import cover

        file = self.open(path)
        events, notes = self.gathered(file)
        notes += (self.thresholds_note,)
        trajectory, said = self._poses(file.path)
        notes += said
        views, unposed = None, None
        if trajectory is not None:
            trajectory, said = cover(events, trajectory, self.extrapolate_s, where=str(file.path))
            notes += said + gap_notes(trajectory, covered_events(events, trajectory))
        if trajectory is not None and file.camera is not None:
            views, said = self._views(file.path, covered_events(events, trajectory), trajectory, file.camera)
        else:
            unposed, said = self._frames(file.path, int(events.t_us[0]), int(events.t_us[-1]))
        return Recording(
            events=events,
            camera=file.camera,
            sensor=self.sensor,
            trajectory=trajectory,
            frames=views,
            unposed_frames=unposed,
            name=file.path.stem.removesuffix("_data"),
            path=Path(path),
            notes=notes + said,
        )

    def open(self, path: str | Path) -> EventFile:
        """Open for one pass; `path` as for `load`."""
        source = Path(path)
        checked_size(self.width, self.height, source)
        file, name = _data_file(source), f"davis/{self.camera}/events"
        with opened_hdf5(file) as opened:
            if not is_dataset(opened, name):
                raise InputError(f"lacks '{name}'", file, "give a <sequence>_data.hdf5")
            table = opened[name]
            if table.ndim != 2 or table.shape[1] != 4 or table.dtype.kind != "f" or table.dtype.itemsize < 8:
                raise InputError(f"'{name}' is {table.dtype}, {table.shape}, not float64, n x 4", file)
        camera, notes = _camera(file, self.camera)
        known = _SIZE if camera is None else (camera.width, camera.height)
        size = (self.width, self.height) if self.width else known
        if camera is not None and (camera.width, camera.height) != size:
            raise InputError(
                f"the camera is calibrated for {camera.width} x {camera.height} pixels, not {size[0]} x {size[1]}",
                source,
                "correct width and height",
            )

        def side_streams(damages: Damages) -> SideStreams:
            return SideStreams(frames=self._frames(file, -(1 << 62), 1 << 62)[0])

        return EventFile("MVSEC HDF5", file, *size, self._decoder(file, name), side_streams, camera, notes)

    def _decoder(self, file: Path, name: str) -> Callable[[Damages], Iterator[EventColumns]]:
        def decode(damages: Damages) -> Iterator[EventColumns]:
            clock, signs = Clock(damages, 0, "s", self.start_s, self.stop_s), Signs(damages)
            with opened_hdf5(file) as opened:
                for row, (table,) in blocks([opened[name]], usable_rows([opened[name]], file, damages), damages):
                    x, y, t, p = np.ascontiguousarray(table.T)
                    t_us, inside = clock.microseconds(t, row)
                    if inside.any():
                        yield checked_columns(x, y, t_us, p, inside, signs, row)

        return decode

    def _poses(self, data: Path) -> tuple[Trajectory | None, tuple[str, ...]]:
        """Poses of the event camera, or a note why there are none."""
        from efields.geometry.trajectory import Trajectory

        path = data.with_name(f"{data.stem.removesuffix('_data')}_gt.hdf5")
        if not path.is_file():
            return None, (f"The recording has no poses (no {path.name}).",)
        T_left_camera = np.eye(4)
        if self.camera == "right":
            yaml = _yaml(data)
            if yaml is None:
                return None, ("Poses are of the left camera: the right one needs camchain-imucam-*.yaml.",)
            T_right_left = numbers(read_yaml(yaml), ("cam1", "T_cn_cnm1"), (4, 4), yaml)
            T_left_camera = np.linalg.inv(rigid(T_right_left, "T_cn_cnm1", yaml))
        name = f"davis/left/{self.poses}"
        with opened_hdf5(path) as file:
            T, t_s = _whole(file, name, (4, 4), path), _whole(file, f"{name}_ts", (), path)
        if len(T) != len(t_s):
            raise InputError(f"'{name}' has {len(T)} poses and {len(t_s)} times", path, "copy the file again")
        good = np.isfinite(t_s) & np.isfinite(T).all(axis=(1, 2))
        R = T[good, :3, :3]
        if good.sum() < 2 or np.abs(R @ R.transpose(0, 2, 1) - np.eye(3)).max() > 1e-3 or (np.linalg.det(R) < 0).any():
            raise InputError(f"'{name}' does not hold poses", path, "copy the file again")
        lost = int(np.count_nonzero(~good))
        notes = (f"{lost} poses that are not finite were left out.",) if lost else ()
        t_us = seconds_to_us(t_s[good])
        return Trajectory.from_matrices(t_us, T[good] @ T_left_camera, self.trajectory, where=str(path)), notes

    def _read_frames(
        self, file: Path, start_us: int, stop_us: int, covered: Trajectory | None
    ) -> tuple[Frames | None, tuple[str, ...]]:
        """The grey frames wanted, as they are stored, and a note on the others."""
        name = f"davis/{self.camera}/image_raw"
        with opened_hdf5(file) as opened:
            if not (is_dataset(opened, name) and is_dataset(opened, f"{name}_ts")):
                return None, ()
            images, stamps = opened[name], _whole(opened, f"{name}_ts", (), file)
            if images.ndim != 3 or images.dtype != np.uint8 or max(images.shape[1:]) > 1 << 14:
                raise InputError(f"'{name}' is {images.dtype}, {images.shape}, not grey frames of 8 bits", file)
            rows = min(usable_rows([images], file, Damages(file, self.salvage)), len(stamps))
            listed = FrameList(seconds_to_us(stamps[:rows], file), (file,) * rows)
            index = listed.chosen(self.frames, start_us, stop_us)
            if covered is not None:
                index = index[covered.covers(listed.t_us[index])]
            notes = left_out_notes(rows - len(index), rows, self.frames)
            if len(index) == 0:
                return None, notes
            image = np.stack([images[int(i)] for i in index])[..., None]
        return Frames(image, listed.t_us[index], 255.0, tuple(f"image_raw {i}" for i in index)), notes

    def _frames(self, file: Path, start_us: int, stop_us: int) -> tuple[Frames | None, tuple[str, ...]]:
        return self._read_frames(file, start_us, stop_us, None)

    def _views(
        self, file: Path, events: EventStream, trajectory: Trajectory, camera: Camera
    ) -> tuple[Views | None, tuple[str, ...]]:
        """The same frames with poses by interpolation."""
        from efields.cameras.along_trajectory import poses_at

        frames, notes = self._read_frames(file, int(events.t_us[0]), int(events.t_us[-1]), trajectory)
        if frames is None:
            return None, notes
        if frames.image.shape[1:3] != (camera.height, camera.width):
            raise InputError(f"frames are {frames.image.shape[2]} x {frames.image.shape[1]}, unlike the sensor", file)
        image = (frames.image.astype(np.float32) + np.float32(0.5)) / np.float32(256)
        # The DAVIS integrates light linearly and its driver publishes the converter's raw numbers.
        T = poses_at(trajectory, frames.t_us)
        return Views.stacked(image, T, camera, frames.names, frames.t_us, color_space="linear"), notes


def matches(path: str | Path) -> bool:
    """Whether `path` is an HDF5 file with `davis/left|right/events`, or a folder that holds one named *_data.hdf5."""
    source = Path(path)
    files = sorted(source.glob("*_data.hdf5")) if source.is_dir() else [source] if source.is_file() else []
    return any(holds(file, f"davis/{side}/events") for file in files for side in ("left", "right"))


def _data_file(source: Path) -> Path:
    if not source.is_dir():
        return source
    found = sorted(source.glob("*_data.hdf5"))
    if len(found) != 1:
        named = ", ".join(file.name for file in found[:6]) or "none"
        raise InputError(f"does not contain exactly one *_data.hdf5 (found: {named})", source, "give the file")
    return found[0]


def _yaml(data: Path) -> Path | None:
    """Kalibr's file for this sequence, beside it or in `calibration/`; the one of its group where there are several."""
    found = sorted(file for where in ("", "calibration") for file in (data.parent / where).glob("*camchain*.yaml"))
    named = [file for file in found if (group := file.stem.rpartition("-")[2]) and group in data.name]
    return (named or found if len(named or found) == 1 else [None])[0]


def _camera(data: Path, side: str) -> tuple[Camera | None, tuple[str, ...]]:
    yaml = _yaml(data)
    if yaml is not None:
        return kalibr_camera(read_yaml(yaml), "cam0" if side == "left" else "cam1", yaml), ()
    group = next((group for group in _LEFT if data.name.startswith(group)), None)
    if side == "left" and group is not None:
        (fx, fy, cx, cy), lens = _LEFT[group]
        camera = Camera(*_SIZE, fx, fy, cx, cy, distortion_model="equidistant", distortion=lens)
        return camera, (f"The calibration is the published one of the left camera of {group}.",)
    return None, ("The calibration is missing (camchain-imucam-*.yaml of the dataset, next to the data file).",)


def _whole(file: Any, name: str, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """A dataset of float64 with rows of that shape, whole."""
    if not is_dataset(file, name):
        raise InputError(f"lacks '{name}'", path, "copy the complete file again")
    dataset = file[name]
    if dataset.shape[1:] != shape or dataset.dtype != np.float64:
        raise InputError(f"'{name}' is {dataset.dtype}, {dataset.shape}, not float64, n {shape}", path)
    return dataset[: usable_rows([dataset], path, Damages(path))]
