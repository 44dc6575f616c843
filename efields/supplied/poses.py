"""A trajectory from whatever measured it.

| source | time | orientation |
| --- | --- | --- |
| TUM text, `t px py pz qx qy qz qw` | seconds, or microseconds or nanoseconds by their size | xyzw |
| EuRoC CSV, `t, p, q, ...` | nanoseconds, or by their size | wxyz, unless its header says else |
| camera_poses.npz of efields | nanoseconds | xyzw |
| `BAG:/topic` of ROS 1 or 2 | stamp of the message's header | xyzw |
| transforms.json of nerfstudio or instant-ngp | a key of the frame, or the recording's frame of that name | matrix |
| folder of a COLMAP model | the recording's frame of that name | wxyz, world to camera |

All poses take camera or body to world once they are read; nerfstudio's and instant-ngp's camera axes are OpenGL's (x
right, y up, z backwards), all others OpenCV's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float64, Int64

from efields.errors import InputError
from efields.geometry.pose import rotation_to_quaternion
from efields.loaders._reading.arrays import expect_shape, is_zip, read_npz, times_us
from efields.loaders._reading.colmap_model import images_file, read_images
from efields.recording import Recording
from efields.supplied._bags import read_bag
from efields.supplied._clock import Unit, exact, microseconds, unit_in
from efields.supplied._documents import read_document
from efields.supplied._frame_times import times_of_frames
from efields.supplied._sources import read_text, split, starts_like_json
from efields.supplied.rigid import rotation_near

Order = Literal["", "xyzw", "wxyz"]
"""Order of the numbers of a quaternion; empty: as the format has it."""

_LARGEST = 256 << 20
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
    """What was assumed, a sentence each."""


def read_poses(
    source: str, recording: Recording, *, unit: Unit = "", order: Order = "", offset_us: int = 0
) -> PoseTable:
    """The poses that `source` names; `unit` and `order` win over what the source says or shows.

    The events of the recording, `offset_us` later, are what times of an unknown unit should cover; its frames give the
    times of poses that belong to images. Raises `InputError` for anything missing or broken.
    """
    path, part = split(source, "poses")
    span = int(recording.events.t_us[0]) + offset_us, int(recording.events.t_us[-1]) + offset_us
    if part:
        if not part.startswith("/"):
            raise InputError(f"'{part}' is no topic", source, "give BAG:/topic")
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
    if is_zip(path):
        return _of_npz(path)
    if starts_like_json(path):
        return _of_json(path, recording, unit, span, offset_us)
    if path.suffix in (".bag", ".db3", ".mcap"):
        raise InputError("is a bag of many topics", path, f"name that of the poses: {path.name}:/topic")
    return _of_text(path, unit, order, span)


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
        raise InputError("holds poses that are no numbers", path, "write the poses again")
    return PoseTable(
        times_us(stamps, _NPZ[2], path),
        expect_shape(position, (len(stamps), 3), _NPZ[0], path).astype(np.float64),
        expect_shape(orientation, (len(stamps), 4), _NPZ[1], path).astype(np.float64),
    )


def _of_text(path: Path, unit: Unit, order: Order, span: tuple[int, int]) -> PoseTable:
    """Rows of time, position and quaternion, split by blanks (TUM) or commas (EuRoC); more columns are left out."""
    header, first_line, times, rows = "", "", [], []
    for number, line in enumerate(read_text(path, _LARGEST).splitlines(), start=1):
        words = line.replace(",", " ").replace(";", " ").split()
        if not words:
            continue
        if words[0].startswith("#") or (not rows and _is_name(words[0])):
            header = line
            continue
        try:
            if len(words) < 8:
                raise ValueError(f"{len(words)} values")
            times.append(exact(words[0]))
            rows.append([float(word) for word in words[1:8]])
        except ValueError:
            what = f"line {number} is no pose ('{line.strip()[:60]}')"
            raise InputError(what, path, "every line must read 't px py pz qx qy qz qw'") from None
        first_line = first_line or line
    if not rows:
        raise InputError("holds no poses", path, "every line must read 't px py pz qx qy qz qw'")
    table = np.array(rows, dtype=np.float64)
    commas = "," in first_line
    given = order or _order_in(header)
    chosen = given or ("wxyz" if commas else "xyzw")
    t_us, said = microseconds(times, unit or unit_in(header), *span, str(path))
    notes = (said,) if said else ()
    if not given:
        why = "EuRoC's, as commas divide the columns" if commas else "TUM's"
        notes += (f"Quaternions are read in the order {chosen}, {why}.",)
    quaternion = table[:, 3:] if chosen == "xyzw" else table[:, [4, 5, 6, 3]]
    return PoseTable(t_us, table[:, :3], quaternion, notes=notes)


def _is_name(word: str) -> bool:
    return word[0].isalpha() and word.lower() not in ("nan", "inf", "infinity")


def _order_in(header: str) -> Order:
    """The order in which a line of column names has `qx qy qz qw` or EuRoC's `q_RS_w [], q_RS_x []`; empty for none."""
    words = [word.lower() for word in header.replace(",", " ").replace(";", " ").split()]
    letters = "".join(word[-1] for word in words if word[0] == "q" and word[-1] in "wxyz" and len(word) > 1)
    return letters if letters in ("xyzw", "wxyz") else ""  # type: ignore[return-value]


def _of_json(path: Path, recording: Recording, unit: Unit, span: tuple[int, int], offset_us: int) -> PoseTable:
    frames = read_document(path).get("frames")
    if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames) or not frames:
        raise InputError("lists no frames", path, "give a transforms.json of nerfstudio or instant-ngp")
    matrix = np.stack([_matrix(frame, path) for frame in frames])
    key = next((key for key in _TIME_KEYS if all(key in frame for frame in frames)), None)
    if key is not None:
        try:
            times = [exact(str(frame[key])) for frame in frames]
        except ValueError as error:
            raise InputError(f"'{key}' of a frame is no time ({error})", path, "mend it") from None
        t_us, said = microseconds(times, unit or _TIME_KEYS[key], *span, str(path))
        index, notes = np.arange(len(frames)), (said,) if said else ()
    else:
        names = [str(frame.get("file_path", "")) for frame in frames]
        index, t_us, notes = times_of_frames(names, recording, path)
        t_us = t_us + offset_us
    chosen = matrix[index]
    orientation = rotation_to_quaternion(torch.from_numpy(rotation_near(chosen[:, :3, :3]))).numpy()
    return PoseTable(t_us, chosen[:, :3, 3], orientation, "opengl", notes)


def _matrix(frame: dict[str, Any], path: Path) -> Float64[np.ndarray, "4 4"]:
    try:
        matrix = np.asarray(frame["transform_matrix"], dtype=np.float64)
    except (KeyError, TypeError, ValueError, OverflowError):
        matrix = np.zeros(0)
    if matrix.shape not in ((3, 4), (4, 4)) or not np.isfinite(matrix).all():
        raise InputError("a frame's transform_matrix is not 4x4 finite numbers", path, "write the poses again")
    rotation = matrix[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-2 or np.linalg.det(rotation) < 0:
        what = "a frame's transform_matrix is not a rotation and a position"
        raise InputError(what, path, "remove scale and mirroring")
    return np.vstack((matrix[:3], [0.0, 0.0, 0.0, 1.0]))
