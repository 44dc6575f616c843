"""Poses of the event camera, or of the images of a run without events, as TUM text or transforms.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from efields.atomic import refuse_existing, write_text
from efields.errors import InputError
from efields.export.cameras import pinhole, poses_at
from efields.export.document import recording_of
from efields.geometry.camera import Camera
from efields.recordings.recording import Views
from efields.render.model import Model
from efields.scene_box.viewpoints import order_of_path
from efields.train import Run, views_for

_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def check_poses(out: Path, overwrite: bool) -> None:
    """Raise `InputError` for another ending than .txt and .json, and a name that is taken."""
    if out.suffix.lower() not in (".txt", ".json"):
        raise InputError(f"'{out.suffix}' cannot be written", out, "name a file that ends in .txt (TUM) or .json")
    refuse_existing(out, overwrite)


def images_of(run: Run) -> Views | None:
    """The images that a run without events was trained on, in the order of its path; None if they are missing."""
    recording, _ = recording_of(run)
    if recording is None or len(recording.events):
        return None
    frames, _ = views_for(run.experiment, recording)
    return None if frames is None else frames.take(order_of_path(frames))


def write_poses(model: Model, out: Path, images: Views | None = None) -> int:
    """The trajectory's poses, as .txt (TUM: t x y z qx qy qz qw, OpenCV axes) or .json (OpenGL axes, pixel centres at
    one half, names and cameras of `images` where each pose is of one); returns their number.
    """
    path = model.trajectory
    seconds = (path.t_us - path.origin_us) * 1e-6
    if out.suffix.lower() == ".txt":
        rows = np.concatenate([path.t_us[:, None] * 1e-6, path.position, path.orientation], axis=1)
        lines = [" ".join([f"{row[0]:.6f}", *(repr(float(value)) for value in row[1:])]) for row in rows]
        write_text(out, "# timestamp_s x y z qx qy qz qw\n" + "\n".join(lines) + "\n")
        return len(lines)
    frames: list[dict[str, Any]] = [
        {"time": float(t), "transform_matrix": (pose @ _OPENGL).tolist()}
        for t, pose in zip(seconds, poses_at(path, seconds), strict=True)
    ]
    if images is not None and len(images) == len(frames):
        for frame, name, camera in zip(frames, images.names, images.camera_of_each, strict=True):
            frame["file_path"] = name
            if len(images.cameras) > 1:
                frame |= _intrinsics(camera)
    table = {"camera_model": "PINHOLE", **_intrinsics(model.camera), "frames": frames}
    write_text(out, json.dumps(table, indent=1) + "\n")
    return len(frames)


def _intrinsics(camera: Camera) -> dict[str, float]:
    flat = pinhole(camera)
    size = {"w": flat.width, "h": flat.height, "fl_x": flat.fx, "fl_y": flat.fy}
    return {**size, "cx": flat.cx + 0.5, "cy": flat.cy + 0.5}
