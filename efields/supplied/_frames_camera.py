"""The camera of nerfstudio's and instant-ngp's json, which after COLMAP count pixel centres at halves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from efields.cameras.calibration import LENSES, Calibration, lens_of
from efields.cameras.intrinsics import Intrinsics
from efields.errors import InputError
from efields.supplied._camera_of_node import size
from efields.supplied._documents import floats


def of_frames_json(document: dict[str, Any], width: int, path: Path) -> Calibration:
    """The camera of nerfstudio's and instant-ngp's json, at the top or the same in every frame."""
    frames = [frame for frame in document.get("frames") or () if isinstance(frame, dict)]
    own = {name for frame in frames for name in frame if name in ("fl_x", "fl_y", "cx", "cy", "k1", "k2", "w", "h")}
    for name in own:
        values = {str(frame.get(name)) for frame in frames}
        if len(values) > 1:
            raise InputError(f"its frames differ in '{name}'", path, "give the one camera of the events")
    meta = {**(frames[0] if frames else {}), **document}

    def number(name: str) -> float | None:
        value = floats(meta.get(name), name, path)
        return value[0] if value else None

    columns, rows = number("w"), number("h")
    angles = (number("camera_angle_x"), columns or float(width)), (number("camera_angle_y"), rows)
    along_x, along_y = (
        pixels / 2 / math.tan(angle / 2) if angle and pixels and 0 < angle < math.pi else None
        for angle, pixels in angles
    )
    fx = number("fl_x") or along_x
    fy = number("fl_y") or along_y or fx
    if fx is None or fy is None:
        raise InputError("has neither fl_x nor camera_angle_x", path, "add one of them")
    middle = (columns or width), rows
    cx, cy = number("cx"), number("cy")
    if cx is None or cy is None:
        if middle[1] is None:
            raise InputError("gives neither cx, cy nor w, h", path, "add them")
        cx, cy = middle[0] / 2 if cx is None else cx, middle[1] / 2 if cy is None else cy
    model = str(meta.get("camera_model") or "").lower()
    if lens_of(model) is None:
        raise InputError(f"camera model '{meta['camera_model']}' is unknown", path, f"calibrate with {LENSES}")
    fisheye = lens_of(model) == "equidistant" or bool(meta.get("is_fisheye"))
    names = ("k1", "k2", "k3", "k4") if fisheye else ("k1", "k2", "p1", "p2", "k3", "k4")
    distortion = tuple(number(name) or 0.0 for name in names)
    if fisheye and (number("p1") or number("p2")):
        raise InputError("is a fisheye with p1 and p2", path, f"calibrate with {LENSES}")
    sized = None if columns is None or rows is None else size([columns, rows], path)
    lens = "equidistant" if fisheye else "plumb_bob" if any(distortion) else "none"
    return Calibration(Intrinsics(fx, fy, cx - 0.5, cy - 0.5), lens, distortion if lens != "none" else (), sized)
