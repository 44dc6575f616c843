"""Writes efields' own recording folder at once: the layout of Robust e-NeRF, and files for what it cannot store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from efields import atomic
from efields.cameras.transforms import write_transforms
from efields.errors import InputError
from efields.events.side_streams import SideStreams
from efields.formats.own_folder.camera import write_camera
from efields.formats.own_folder.side_files import write_side_files
from efields.recordings.recording import Recording

README = """\
Recording "{name}", written by efields in the layout of Robust e-NeRF.

raw_events.npz          position n x 2 uint16 (x, y); timestamp n int64, nanoseconds; polarity n bool (true: brighter)
camera_poses.npz        T_wc_position p x 3, world units; T_wc_orientation p x 4, quaternions xyzw; T_wc_timestamp p
                        int64, nanoseconds. Camera to world, axes OpenCV: x right, y down, z forward.
                        Absent: the poses are not known.
camera_calibration.npz  intrinsics 3 x 3 in pixels (the centre of the first pixel is 0, 0); distortion_model and
                        distortion_params; img_width, img_height; pos_ and neg_contrast_threshold (change of natural-log
                        intensity an event); refractory_period in nanoseconds; bayer_pattern ("" for grey, else the
                        colours at the top left, top right, bottom left and bottom right)
renderer_params.npz     interm_color_space, and log_eps: what is to be added to linear images before the logarithm.
                        Absent: the recording is real.
views/transforms_*.json posed images: "test" are held out (no training may see them), "train" the camera's own frames
                        (t_us: absolute microseconds). transform_matrix: camera to world, axes OpenGL: x right, y up,
                        z backwards.
views/*/*.tif           intensity, float32; linear in light or encoded for a display as color_space in the json says
depth/*/*.tif           distance along the unit ray in world units, float32; inf: nothing is hit; NaN: unknown
labels.npz              label n uint8, one an event in the order of raw_events.npz: 0 signal, 1 noise, 2 hot pixel
imu.npz                 timestamp int64, nanoseconds; gyro in rad/s; acceleration (specific force) in m/s^2
recording.toml          name, box that holds the scene (world units), mismatch of the thresholds, interpolation of the
                        poses, notes

A file that is not there was not known or not asked for. Read it back: efields.load("{folder}").
"""


def save(
    recording: Recording,
    path: str | Path,
    *,
    labels: Int[np.ndarray, " n"] | UInt8[np.ndarray, " n"] | None = None,
    renderer: Mapping[str, str | float] | None = None,
) -> None:
    """Write `recording` as a folder, replacing one that is there; loading it gives the same arrays back, bit for bit.

    `labels` say what each event is (0 signal, 1 noise, 2 hot pixel). `renderer` may set `log_eps` (default 0), which is
    ADDED to the linear views when they are read: leave it 0 where the images hold what the event camera saw.
    Raises `InputError` when the folder cannot be written, is something else than a recording, or labels do not fit.
    """
    target = Path(path)
    if target.exists() and not (
        target.is_dir()
        and (not any(target.iterdir()) or any((target / name).exists() for name in ("raw_events.npz", "events.h5")))
    ):
        raise InputError("exists already and is not a recording", target, "choose another folder")
    if labels is not None and len(labels) != len(recording.events):
        raise InputError(f"{len(labels)} labels for {len(recording.events)} events", target)
    with atomic.replacing(target) as folder:
        folder.mkdir()
        _write_arrays(recording, folder, labels)
        if recording.heldout is not None or renderer is not None:
            space = recording.heldout.color_space if recording.heldout is not None else "linear"
            params: dict[str, Any] = {"interm_color_space": space, "log_eps": 0.0, **(renderer or {})}
            np.savez(folder / "renderer_params.npz", **params)
        for split, views in (("train", recording.frames), ("test", recording.heldout)):
            if views is not None:
                write_transforms(folder / "views" / f"transforms_{split}.json", views, split, folder / "depth" / split)
        (folder / "recording.toml").write_text(_settings(recording, target), encoding="utf-8")
        (folder / "README.txt").write_text(
            README.format(name=_name(recording, target), folder=target.name), encoding="utf-8"
        )


def _write_arrays(recording: Recording, folder: Path, labels: np.ndarray | None) -> None:
    events, camera, sensor, trajectory = recording.events, recording.calibrated, recording.sensor, recording.trajectory
    np.savez(
        folder / "raw_events.npz",
        position=np.stack([events.x, events.y], axis=1).astype(np.uint16),
        timestamp=np.asarray(events.t_us, dtype=np.int64) * 1000,
        polarity=np.asarray(events.polarity, dtype=bool),
    )
    if trajectory is not None:
        np.savez(
            folder / "camera_poses.npz",
            T_wc_position=trajectory.position,
            T_wc_orientation=trajectory.orientation,
            T_wc_timestamp=trajectory.t_us * 1000,
        )
    write_camera(folder, camera, sensor)
    if labels is not None:
        np.savez(folder / "labels.npz", label=np.asarray(labels, dtype=np.uint8))
    write_side_files(folder, SideStreams(recording.imu, recording.unposed_frames, recording.triggers))


def _settings(recording: Recording, target: Path) -> str:
    """`recording.toml`: what the published layout has no place for."""
    lines = [
        f"name = {_quoted(_name(recording, target))}",
        f"threshold_sigma = {float(recording.sensor.threshold_sigma)!r}",
        f"notes = [{', '.join(_quoted(note) for note in recording.notes)}]",
    ]
    if recording.trajectory is not None:
        lines.append(f"trajectory = {_quoted(recording.trajectory.kind)}")
    if recording.box is not None:
        lines += ["", "[box]"]
        lines += [
            f"{end} = {[float(v) for v in corner]}"
            for end, corner in (("lo", recording.box.lo), ("hi", recording.box.hi))
        ]
    return "\n".join(lines) + "\n"


def _name(recording: Recording, target: Path) -> str:
    return recording.name or target.resolve().name


def _quoted(text: str) -> str:
    """A TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
