"""Poses of the event camera for other programs: TUM text, or transforms.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from efields.atomic import refuse_existing, write_text
from efields.errors import InputError
from efields.export.cameras import pinhole, poses_at
from efields.train import Model

_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


def check_poses(out: Path, overwrite: bool) -> None:
    """Raise `InputError` for another ending than .txt and .json, and a name that is taken."""
    if out.suffix.lower() not in (".txt", ".json"):
        raise InputError(f"'{out.suffix}' cannot be written", out, "name a file that ends in .txt (TUM) or .json")
    refuse_existing(out, overwrite)


def write_poses(model: Model, out: Path) -> int:
    """The trajectory's poses, as .txt (TUM: t x y z qx qy qz qw, OpenCV axes) or .json (OpenGL axes, pixel centres at
    one half); returns their number.
    """
    path = model.trajectory
    seconds = (path.t_us - path.origin_us) * 1e-6
    if out.suffix.lower() == ".txt":
        rows = np.concatenate([path.t_us[:, None] * 1e-6, path.position, path.orientation], axis=1)
        lines = [" ".join([f"{row[0]:.6f}", *(repr(float(value)) for value in row[1:])]) for row in rows]
        write_text(out, "# timestamp_s x y z qx qy qz qw\n" + "\n".join(lines) + "\n")
        return len(lines)
    camera = pinhole(model.camera)
    frames = [
        {"time": float(t), "transform_matrix": (pose @ _OPENGL).tolist()}
        for t, pose in zip(seconds, poses_at(path, seconds), strict=True)
    ]
    table = {
        "camera_model": "PINHOLE", "w": camera.width, "h": camera.height, "fl_x": camera.fx, "fl_y": camera.fy,
        "cx": camera.cx + 0.5, "cy": camera.cy + 0.5, "frames": frames,
    }  # fmt: skip
    write_text(out, json.dumps(table, indent=1) + "\n")
    return len(frames)
