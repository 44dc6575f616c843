"""A trajectory from whatever measured it.

| source | time | orientation |
| --- | --- | --- |
| text or CSV with named columns | the unit in its name, else what fits the events | as the names say |
| TUM text, `t px py pz qx qy qz qw` | what fits the events | xyzw |
| EuRoC CSV, `t, p, q, ...` | nanoseconds, or what fits the events | wxyz |
| matrices of 3x4 or 4x4, in rows or blocks | before each; in times.txt beside; or spread, where asked | matrix |
| camera_poses.npz of efields | nanoseconds | xyzw |
| `BAG:/topic` of ROS 1 or 2 | stamp of the message's header | xyzw |
| transforms.json of nerfstudio or instant-ngp | a key of the frame, or the recording's frame of that name | matrix |
| folder of a COLMAP model | the recording's frame of that name | wxyz, world to camera |

All poses take camera or body to world once they are read; nerfstudio's and instant-ngp's camera axes are OpenGL's (x
right, y up, z backwards), all others OpenCV's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float64, Int64

from efields.cameras.colmap import images_file, read_images
from efields.errors import InputError
from efields.formats.arrays.npz import expect_shape, is_zip, read_npz, times_us
from efields.geometry.pose import rotation_to_quaternion
from efields.poses.clock import Unit, exact, microseconds
from efields.poses.rows import not_rigid, read_pose_rows
from efields.poses.times import times_beside
from efields.recordings.recording import Recording
from efields.supplied._bags import read_bag
from efields.supplied._documents import read_document
from efields.supplied._frame_times import times_of_frames
from efields.supplied._sources import split, starts_like_json
from efields.supplied.given import Order
from efields.supplied.rigid import rotation_near

_NPZ = ("T_wc_position", "T_wc_orientation", "T_wc_timestamp")
_TIME_KEYS: dict[str, Unit] = {
    "t_us": "us", "timestamp_us": "us", "t_ns": "ns", "timestamp_ns": "ns", "timestamp": "", "time": "", "t": ""
}  # fmt: skip


@dataclass(frozen=True)
class PoseTable:
    """Poses as a source gives them: of a camera or of a body, in the source's clock and order."""

    t_us: Int64[np.ndarray, " p"]
    """Time of each pose in microseconds, in the clock of the poses."""
    position: Float64[np.ndarray, "p 3"]
    """Where the camera or body was, world units."""
    orientation: Float64[np.ndarray, "p 4"]
    """Camera or body to world, quaternions (x, y, z, w)."""
    axes: Literal["opencv", "opengl"] = "opencv"
    """Axes that this kind of source gives to a camera."""
    notes: tuple[str, ...] = ()
    """What was assumed, one sentence each."""
    labels: Sequence[str] = ()
    """Where each pose stands in the source, such as `line 3`; none where sources have no rows."""


def read_poses(
    source: str, recording: Recording, *, unit: Unit = "", order: Order = "", spread: bool = False, offset_us: int = 0
) -> PoseTable:
    """The poses that `source` names; `unit` and `order` say what the source does not.

    The events of the recording, `offset_us` later, are what times of an unknown unit should cover; its frames give the
    times of poses that belong to images. Raises `InputError` for anything missing or broken.
    """
    path, part = split(source, "poses")
    span = int(recording.events.t_us[0]) + offset_us, int(recording.events.t_us[-1]) + offset_us
    if part:
        if not part.startswith("/"):
            raise InputError(f"'{part}' is not a topic", source, "give BAG:/topic")
        stamps, position, orientation, notes = read_bag(path, part)
        return PoseTable(stamps, position, orientation, notes=notes)
    if path.is_dir():
        if (path / "camera_poses.npz").is_file():
            return _of_npz(path / "camera_poses.npz")
        model = images_file(path)
        if model is None:
            raise InputError(
                "is a folder without poses", path, "give a COLMAP model (images.bin or images.txt), or a file"
            )
        return _of_colmap(model, recording, offset_us)
    if path.name in ("images.bin", "images.txt") and path.with_name(path.name.replace("images", "cameras")).is_file():
        return _of_colmap(path, recording, offset_us)
    if is_zip(path):
        return _of_npz(path)
    if starts_like_json(path):
        return _of_json(path, recording, unit, span, offset_us)
    if path.suffix in (".bag", ".db3", ".mcap"):
        raise InputError("is a bag of many topics", path, f"give the topic of the poses: {path.name}:/topic")
    return _of_text(path, unit, order, spread, span)


def _of_colmap(file: Path, recording: Recording, offset_us: int) -> PoseTable:
    images = read_images(file)
    index, t_us, notes = times_of_frames([image.name for image in images], recording, file.parent)
    T = np.stack([images[i].T_world_camera for i in index])
    orientation = rotation_to_quaternion(torch.from_numpy(T[:, :3, :3].copy())).numpy()
    return PoseTable(t_us + offset_us, T[:, :3, 3], orientation, notes=notes)


def _of_npz(path: Path) -> PoseTable:
    arrays = read_npz(path, _NPZ)
    position, orientation, stamps = (arrays[name] for name in _NPZ)
    if position.dtype.kind not in "fiu" or orientation.dtype.kind not in "fiu":
        raise InputError("holds poses that are not numbers", path, "write the poses again")
    return PoseTable(
        times_us(stamps, _NPZ[2], path),
        expect_shape(position, (len(stamps), 3), _NPZ[0], path).astype(np.float64),
        expect_shape(orientation, (len(stamps), 4), _NPZ[1], path).astype(np.float64),
    )


def _of_text(path: Path, unit: Unit, order: Order, spread: bool, span: tuple[int, int]) -> PoseTable:
    """Poses of a text in any layout; without times, those of a file beside it, or spread over the recording."""
    rows = read_pose_rows(path, order)
    times, where, found_unit, labels, notes = rows.times, path, rows.unit, rows.labels, rows.notes
    if times is None and spread:
        t_us = np.rint(np.linspace(*span, len(labels))).astype(np.int64)
        notes += ("The poses have no times: they are spread evenly from the first event to the last.",)
        return PoseTable(t_us, rows.position, rows.orientation, notes=notes, labels=labels)
    if times is None:
        where, times, labels_of_times = times_beside(path, len(labels))
        notes += (f"The poses have no times: those of {where.name} are used, row by row.",)
    else:
        labels_of_times = labels
    t_us, said = microseconds(times, unit or found_unit, *span, str(where), labels_of_times)
    notes = ((said,) if said else ()) + notes
    return PoseTable(t_us, rows.position, rows.orientation, notes=notes, labels=labels)


def _of_json(path: Path, recording: Recording, unit: Unit, span: tuple[int, int], offset_us: int) -> PoseTable:
    frames = read_document(path).get("frames")
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames) or not frames:
        raise InputError("lists no frames", path, "give a transforms.json of nerfstudio or instant-ngp")
    matrix = np.stack([_matrix(frame, f"frame {i}", path) for i, frame in enumerate(frames)])
    key = next((key for key in _TIME_KEYS if all(key in frame for frame in frames)), None)
    if key is not None:
        try:
            times = [exact(str(frame[key])) for frame in frames]
        except ValueError as error:
            raise InputError(f"'{key}' of a frame is not a time ({error})", path, "correct it") from None
        t_us, said = microseconds(times, unit or _TIME_KEYS[key], *span, str(path))
        index, notes = np.arange(len(frames)), (said,) if said else ()
    else:
        names = [str(frame.get("file_path", "")) for frame in frames]
        index, t_us, notes = times_of_frames(names, recording, path)
        t_us = t_us + offset_us
    chosen = matrix[index]
    orientation = rotation_to_quaternion(torch.from_numpy(rotation_near(chosen[:, :3, :3]))).numpy()
    return PoseTable(t_us, chosen[:, :3, 3], orientation, "opengl", notes)


def _matrix(frame: dict[str, Any], label: str, path: Path) -> Float64[np.ndarray, "4 4"]:
    try:
        matrix = np.asarray(frame["transform_matrix"], dtype=np.float64)
    except (KeyError, TypeError, ValueError, OverflowError):
        matrix = np.zeros(0)
    if matrix.shape not in ((3, 4), (4, 4)) or not np.isfinite(matrix).all():
        raise InputError(f"{label}: its transform_matrix is not 4x4 finite numbers", path, "write the poses again")
    if what := not_rigid(matrix):
        raise InputError(f"{label}: {what}", path, "remove scale and mirroring")
    return np.vstack((matrix[:3], [0.0, 0.0, 0.0, 1.0]))
