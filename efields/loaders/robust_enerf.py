"""The layout of Robust e-NeRF and Deblur e-NeRF, which is also efields' own.

A folder of `raw_events.npz` (nanoseconds), `camera_poses.npz` (OpenCV axes, quaternions xyzw),
`camera_calibration.npz`, `renderer_params.npz` (absent for real recordings) and `views/` (OpenGL axes), here or in the
folder above. Deblur e-NeRF adds numbers of its pixel bandwidth model to the calibration (time constants, black level,
gains) and `exposure_time` (nanoseconds) and `gain` to views: they are named in a note. As downloaded, both are
`esim.bag` and `esim.conf` still, which their `preprocess_esim.py` makes these files of.

What the published layout cannot say (name, box, threshold mismatch, trajectory kind, depth, labels) lies in files of
its own beside it. `efields convert` writes events as `events.h5` instead (`efields.formats.own_folder.events`), which
is mapped into memory; then poses and calibration may be absent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import UInt8

from efields.cameras.transforms import camera_from_matrix, read_transforms
from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.formats.arrays.npz import expect_shape, is_zip, npz_members, read_npz, times_us
from efields.formats.json import read_json
from efields.formats.opening import first_bytes
from efields.formats.own_folder import events as own_events
from efields.formats.own_folder.side_files import read_frames, read_imu, read_triggers
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.loaders._options import Extrapolated, Outside
from efields.loaders._saving import save
from efields.poses.cover import cover
from efields.ranges import EveryNth, Range
from efields.recordings.recording import Recording, Views
from efields.settings import fill, read_toml

HOLDS = ("raw_events.npz", "events.h5", "esim.conf")

__all__ = ["Config", "load_labels", "matches", "save"]

_EVENTS = ("position", "timestamp", "polarity")
_POSES = ("T_wc_position", "T_wc_orientation", "T_wc_timestamp")
_CALIBRATION = ("intrinsics", "distortion_params", "distortion_model", "img_height", "img_width")
_BANDWIDTH = (
    "input_time_const_eff_it_prod", "miller_time_const_eff_it_prod", "black_level", "amplifier_gain",
    "closed_loop_gain", "output_time_const", "lower_cutoff_freq", "sf_cutoff_freq", "diff_amp_cutoff_freq",
)  # fmt: skip
_EXPOSURE = ("exposure_time", "gain")
_SENSOR = ("pos_contrast_threshold", "neg_contrast_threshold", "refractory_period", "bayer_pattern")


@dataclass(frozen=True)
class _Settings:
    """What `recording.toml` may hold."""

    name: str = ""
    """Short name of the recording."""
    threshold_sigma: Annotated[float, Range(0, 100)] = 0.0
    """Mismatch of the thresholds from pixel to pixel, in log intensity."""
    trajectory: Literal["linear", "cubic"] = "linear"
    """How poses are interpolated."""
    notes: tuple[str, ...] = ()
    """What a user should know, one sentence each."""
    box: Box | None = None
    """Region of the world that holds the scene."""


@dataclass(frozen=True)
class Config(Extrapolated, Outside):
    """How to read a recording in the layout of Robust e-NeRF."""

    trajectory: Literal["", "linear", "cubic"] = ""
    """How poses are interpolated; empty: as in the recording, else linear."""
    view_stride: EveryNth = 1
    """Read only every n-th view: published sets have 200 views of 800 x 800, 1.5 GB as float32."""
    views: bool = True
    """Whether to read the images at all."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, damaged or out of range."""
        root = Path(path)
        if _is_raw(root):
            raise InputError(
                "contains a simulation that was not preprocessed",
                root,
                "run Robust e-NeRF's scripts/preprocess_esim.py on it",
            )
        own = _settings(root / "recording.toml")
        events, (camera, sensor) = _events_and_camera(root, own)
        trajectory, notes = None, own.notes + _bandwidth_notes(root)
        if (root / "camera_poses.npz").is_file():
            trajectory = _trajectory(root, self.trajectory or own.trajectory, int(events.t_us[0]))
            trajectory, found = cover(events, trajectory, self.extrapolate_s, where=str(root))
            notes += found
        else:
            notes += ("The recording has no poses.",)
        frames, heldout, found = self._images(root, camera) if self.views and camera else (None, None, ())
        return Recording(
            events=events,
            camera=camera,
            sensor=sensor,
            trajectory=trajectory,
            frames=frames,
            heldout=heldout,
            box=own.box,
            imu=read_imu(root / "imu.npz"),
            unposed_frames=read_frames(root / "frames.npz"),
            triggers=read_triggers(root / "triggers.npz"),
            name=own.name or root.resolve().name,
            path=root,
            notes=notes + found,
        )

    def _images(self, root: Path, camera: Camera) -> tuple[Views | None, Views | None, tuple[str, ...]]:
        """Training frames, held-out views (test, else validation) and notes."""
        folder = next((f for f in (root / "views", root.resolve().parent / "views") if f.is_dir()), None)
        if folder is None:
            return None, None, ()
        color_space, log_eps = _renderer(root)
        frames, heldout, notes = None, None, ()
        splits = {split: folder / f"transforms_{split}.json" for split in ("train", "test", "val")}

        def read(split: str) -> Views:
            return read_transforms(
                splits[split],
                color_space=color_space,
                channels=camera.channels,
                log_eps=log_eps,
                stride=self.view_stride,
                depth_folder=folder.parent / "depth" / split,
                outside=self.outside,
            )

        if splits["train"].is_file():
            frames = read("train")
        held = next((split for split in ("test", "val") if splits[split].is_file()), None)
        if held is not None:
            heldout = read(held)
            notes = ("The held-out views are the validation views: there are no test views.",) if held == "val" else ()
        return frames, heldout, notes + _exposure_notes([path for path in splits.values() if path.is_file()])


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with this layout's `raw_events.npz` and `camera_calibration.npz`, or the raw form."""
    root = Path(path)
    if _is_raw(root):
        return True
    if (root / own_events.NAME).is_file() and not (root / "raw_events.npz").exists():
        return own_events.is_own(root / own_events.NAME)
    for name, keys in (("raw_events.npz", _EVENTS), ("camera_calibration.npz", _CALIBRATION)):
        if not (root / name).is_file() or not is_zip(root / name):
            return False
        members = npz_members(root / name)
        if members is not None and not set(keys) <= members:
            return False
    return True


def _is_raw(root: Path) -> bool:
    """Whether a folder holds what Robust e-NeRF publishes: a bag of ROS and the settings of its simulation."""
    raw = (root / "esim.conf").is_file() and first_bytes(root / "esim.bag", 7) == b"#ROSBAG"
    return raw and not any((root / name).exists() for name in ("raw_events.npz", own_events.NAME))


def _bandwidth_notes(root: Path) -> tuple[str, ...]:
    """What Deblur e-NeRF's calibration holds beyond Robust e-NeRF's."""
    members = npz_members(root / "camera_calibration.npz") or set()
    named = [name for name in _BANDWIDTH if name in members]
    return (f"The pixel bandwidth in the calibration was not used ({', '.join(named)}).",) if named else ()


def _exposure_notes(files: list[Path]) -> tuple[str, ...]:
    """What Deblur e-NeRF's views say of their exposure."""
    for file in files:
        meta = read_json(file)
        frames = [entry for entry in meta["frames"] if isinstance(entry, dict)]
        named = [key for key in _EXPOSURE if key in meta or any(key in entry for entry in frames)]
        if named:
            return (f"Images are as stored: {' and '.join(named)} of the views were not used.",)
    return ()


def load_labels(path: str | Path) -> UInt8[np.ndarray, " n"] | None:
    """What each event of `raw_events.npz` is, in its order: 0 signal, 1 noise, 2 hot pixel; None where not known."""
    file = Path(path) / "labels.npz"
    return read_npz(file, ("label",))["label"].astype(np.uint8) if file.is_file() else None


def _settings(path: Path) -> _Settings:
    try:
        return fill(_Settings, read_toml(path), str(path)) if path.is_file() else _Settings()
    except InputError as error:
        raise error if error.where else InputError(error.what, path, error.do) from None


def _events_and_camera(root: Path, own: _Settings) -> tuple[EventStream, tuple[Camera | None, Sensor]]:
    file = root / own_events.NAME
    if (root / "raw_events.npz").is_file() or not file.is_file():
        camera, sensor = _calibration(root, own)
        return _events(root, camera), (camera, sensor)
    calibrated = (root / "camera_calibration.npz").is_file()
    return own_events.read_events(file), _calibration(root, own) if calibrated else (None, Sensor())


def _events(root: Path, camera: Camera) -> EventStream:
    path = root / "raw_events.npz"
    raw = read_npz(path, _EVENTS)
    position = expect_shape(raw["position"], (None, 2), "position", path)
    t_us = times_us(raw["timestamp"], "timestamp", path)
    polarity = expect_shape(raw["polarity"], (len(position),), "polarity", path)
    return EventStream.from_arrays(
        position[:, 0], position[:, 1], t_us, polarity, camera.width, camera.height, where=str(path)
    )


def _trajectory(root: Path, kind: Literal["linear", "cubic"], origin_us: int) -> Trajectory:
    path = root / "camera_poses.npz"
    raw = read_npz(path, _POSES)
    position = expect_shape(raw["T_wc_position"], (None, 3), "T_wc_position", path)
    orientation = expect_shape(raw["T_wc_orientation"], (len(position), 4), "T_wc_orientation", path)
    t_us = times_us(raw["T_wc_timestamp"], "T_wc_timestamp", path)
    checked = Trajectory.from_arrays(t_us, position, orientation, kind, origin_us, where=str(path))
    # The check divides by the length; keep the digits as stored where they were of unit length already.
    same = checked.orientation.shape == orientation.shape and np.abs(checked.orientation - orientation).max() < 1e-14
    return replace(checked, orientation=orientation.astype(np.float64)) if same else checked


def _calibration(root: Path, own: _Settings) -> tuple[Camera, Sensor]:
    path = root / "camera_calibration.npz"
    raw = read_npz(path, _CALIBRATION, _SENSOR)
    bayer = _scalar(raw.get("bayer_pattern", np.array("")), str, "bayer_pattern", path)
    camera = camera_from_matrix(
        raw["intrinsics"],
        _scalar(raw["img_width"], int, "img_width", path),
        _scalar(raw["img_height"], int, "img_height", path),
        path,
        model=_scalar(raw["distortion_model"], str, "distortion_model", path),
        distortion=tuple(float(v) for v in np.atleast_1d(raw["distortion_params"]).astype(np.float64)),
        bayer=bayer,
    )
    usual = Sensor()
    c_pos, c_neg, refractory_ns = (
        _scalar(raw[key], float, key, path) if key in raw else default
        for key, default in zip(_SENSOR, (usual.c_pos, usual.c_neg, usual.refractory_us * 1e3), strict=False)
    )
    try:
        return camera, Sensor(
            c_pos=c_pos, c_neg=c_neg, refractory_us=refractory_ns / 1000, threshold_sigma=own.threshold_sigma
        )
    except InputError as error:
        raise InputError(error.what, path, error.do) from None


def _renderer(root: Path) -> tuple[str, float]:
    """Colour space of the views, and what their renderer adds before the logarithm; real images are for display."""
    path = root / "renderer_params.npz"
    if not path.is_file():
        return "display", 0.0
    raw = read_npz(path, ("interm_color_space",), ("log_eps",))
    space = _scalar(raw["interm_color_space"], str, "interm_color_space", path)
    return space, _scalar(raw.get("log_eps", np.array(0.0)), float, "log_eps", path)


def _scalar(value: np.ndarray, kind: type, name: str, path: Path) -> Any:
    """A zero-dimensional (or one-element) array as a Python value of that kind."""
    try:
        item = value.reshape(()).item()
        return item.decode() if isinstance(item, bytes) else kind(item)
    except (TypeError, ValueError):
        raise InputError(f"'{name}' is not a single {kind.__name__}", path) from None
