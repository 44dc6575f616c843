"""Shared by datasets with several cameras on one rig: YAML, extrinsics, pose tables, lists of frames.

Extrinsics are rigid motions `T_a_b` that take points of b to a. Kalibr's YAML has one entry a camera, `cam0`, `cam1`,
...: `camera_model` pinhole, `intrinsics` [fx, fy, cx, cy], `distortion_model` radtan or equidistant with
`distortion_coeffs`, `resolution` [columns, rows], and `T_cn_cnm1`, which takes points of the camera before to this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from efields.errors import InputError
from efields.formats.yaml import entry, numbers
from efields.geometry.camera import Camera
from efields.text import read_text

WhichFrames = Literal["none", "during_events", "all"]
_MODELS = {"radtan": "plumb_bob", "plumb_bob": "plumb_bob", "equidistant": "equidistant", "none": "none"}


def kalibr_camera(rig: dict[str, Any], name: str, path: Path) -> Camera:
    """The camera `name` of a Kalibr calibration. Raises `InputError` for anything missing or unknown."""
    node = entry(rig, (name,), path)
    if isinstance(node, dict) and (model := node.get("camera_model", "pinhole")) != "pinhole":
        raise InputError(f"'{name}' is a camera of the model '{model}'", path, "calibrate a pinhole")
    numbers(node, ("intrinsics",), (4,), path)
    return camera_of(node["intrinsics"], node, path)


def camera_of(intrinsics: Any, node: Any, path: Path) -> Camera:
    """A camera of [fx, fy, cx, cy] and the model, coefficients and resolution that stand beside them."""
    fx, fy, cx, cy = numbers({"intrinsics": intrinsics}, ("intrinsics",), (4,), path)
    width, height = numbers(node, ("resolution",), (2,), path)
    model = str(node.get("distortion_model", "none"))
    if model not in _MODELS:
        raise InputError(f"distortion model '{model}' is unknown", path, f"known are {', '.join(_MODELS)}")
    lens = numbers(node, ("distortion_coeffs",), (-1,), path) if "distortion_coeffs" in node else np.zeros(0)
    if not (1 <= width <= 1 << 16 and 1 <= height <= 1 << 16):
        raise InputError(f"a camera of {width:g} x {height:g} pixels", path, "correct 'resolution'")
    try:
        return Camera(
            int(width),
            int(height),
            fx,
            fy,
            cx,
            cy,
            distortion_model=_MODELS[model] if len(lens) or model == "equidistant" else "none",  # type: ignore[arg-type]
            distortion=tuple(lens),
        )
    except InputError as error:
        raise InputError(error.what, path, error.do) from None


def rigid(matrix: Float64[np.ndarray, "4 4"], name: str, path: Path) -> Float64[np.ndarray, "4 4"]:
    """`matrix` itself, when it is a rotation and a translation; else `InputError`."""
    rotation = matrix[:3, :3]
    wrong = np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3 or np.linalg.det(rotation) < 0
    if wrong or np.abs(matrix[3] - (0, 0, 0, 1)).max() > 1e-9:
        raise InputError(f"'{name}' is not a rotation and a translation", path, "copy it again")
    return matrix


@dataclass(frozen=True)
class FrameList:
    """Frames on disk, not read yet."""

    t_us: Int64[np.ndarray, " n"]
    """Absolute time of each in microseconds."""
    files: tuple[Path, ...]
    """One file a frame."""

    def chosen(self, which: WhichFrames, start_us: int, stop_us: int) -> Int64[np.ndarray, " m"]:
        """Indices of those to read; the events last from `start_us` to `stop_us`."""
        if which == "all":
            return np.arange(len(self.files))
        inside = (self.t_us >= start_us) & (self.t_us <= stop_us)
        return np.flatnonzero(inside) if which == "during_events" else np.zeros(0, dtype=np.int64)


def listed_frames(times: Path, us: float, files: list[Path]) -> FrameList:
    """Frames in the order of their names, with the times of a text file: a line each, a unit `us` microseconds.

    Of several columns the first is the time. Raises `InputError` when there are not as many times as frames.
    """
    try:
        rows = [line.replace(",", " ").split() for line in read_text(times).splitlines()]
        t = np.array([float(row[0]) for row in rows if row and not row[0].startswith("#")], dtype=np.float64) * us
    except (OSError, ValueError) as error:
        raise InputError(f"is not a list of times ({error})", times, "copy it again completely") from None
    if len(t) != len(files):
        where = files[0].parent if files else times.parent
        raise InputError(
            f"has {len(t)} times for {len(files)} frames in {where.name}", times, "copy both again completely"
        )
    if not (np.abs(t) < 1 << 61).all():
        raise InputError("contains a time that is not finite", times, "correct that line")
    return FrameList(np.rint(t).astype(np.int64), tuple(files))


def image_files(folder: Path) -> list[Path]:
    """The PNG and JPEG files of a folder in the order of their names."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(file for file in found if file.suffix.lower() in (".png", ".jpg", ".jpeg"))


def left_out_notes(left_out: int, total: int, which: WhichFrames) -> tuple[str, ...]:
    """Which frames were left out, and how to include them."""
    if left_out == 0:
        return ()
    if which == "none":
        return (f"{total} frames were not read: set frames to 'during_events' or 'all'.",)
    why = "the time of the events and poses" if which == "during_events" else "the time of the poses"
    return (f"{left_out} of {total} frames lie outside {why} and were left out.",)
