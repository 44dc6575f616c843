"""evbench (Barranco et al., Frontiers in Neuroscience 2016): a DAVIS240b on a pan-tilt unit.

A folder of `<sequence>_e.mat` (MATLAB 5: columns `x`, `y`, `pol` 0 or 1, `ts` uint32 microseconds),
`DAVIS_<sequence>/*.png` (frames without times) and `KINECT_<sequence>/` (depth, not read). What moved how is published
beside the sequences, not in these files; `worksp_ptucam.mat` calibrates the pan-tilt unit. The intrinsics are close to
fx 196.7, fy 197.8, centre (120, 90).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.formats.arrays.mat import mat5_variables
from efields.formats.opening import first_bytes
from efields.geometry.camera import Camera
from efields.ranges import Range
from efields.recordings.recording import ASSUMED_THRESHOLDS, Recording

HOLDS = ("*_e.mat",)

_COLUMNS = ("x", "y", "pol", "ts")
_MAT5 = b"MATLAB 5.0 MAT-file"


@dataclass(frozen=True)
class Config:
    """How to read a folder of evbench."""

    sequence: str = ""
    """Name of the sequence, such as seq_0001; empty: the only one."""
    fx: Annotated[float, Range(above=0, most=1e6)] = 196.7
    """Focal length along x, pixels."""
    fy: Annotated[float, Range(above=0, most=1e6)] = 197.8
    """Focal length along y, pixels."""
    cx: Annotated[float, Range(-1e6, 1e6)] = 120.0
    """Principal point along x, pixels."""
    cy: Annotated[float, Range(-1e6, 1e6)] = 90.0
    """Principal point along y, pixels."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, broken or out of range."""
        root = Path(path)
        file = self._file(root)
        sequence = file.name.removesuffix("_e.mat")
        x, y, pol, ts = _columns(file)
        try:
            camera = Camera(240, 180, self.fx, self.fy, self.cx, self.cy)
        except InputError as error:
            raise InputError(error.what, root, error.do) from None
        frames = len(list((root / f"DAVIS_{sequence}").glob("*.png")))
        notes = (
            f"Intrinsics are assumed: fx {self.fx:g}, fy {self.fy:g}, centre {self.cx:g}, {self.cy:g}.",
            f"{ASSUMED_THRESHOLDS}: {Sensor().c_pos:g} ON, {Sensor().c_neg:g} OFF.",
            "The recording has no poses: the published rotations of evbench are not in its folder.",
        )
        if frames:
            notes += (f"{frames} frames were left out: the files do not contain their times.",)
        return Recording(
            events=EventStream.from_arrays(x, y, ts.astype(np.int64), pol, 240, 180, where=str(file)),
            camera=camera,
            sensor=Sensor(),
            name=sequence,
            path=root,
            notes=notes,
        )

    def _file(self, root: Path) -> Path:
        found = sorted(root.glob("*_e.mat"))
        if self.sequence:
            found = [file for file in found if file.name == f"{self.sequence}_e.mat"]
        if len(found) != 1:
            names = ", ".join(file.name.removesuffix("_e.mat") for file in sorted(root.glob("*_e.mat"))) or "none"
            raise InputError(
                f"must contain exactly one sequence *_e.mat (found: {names})", root, "give it with the option sequence"
            )
        return found[0]


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with a MATLAB file of events and the frames of the same sequence."""
    for file in Path(path).glob("*_e.mat"):
        if (file.parent / f"DAVIS_{file.name.removesuffix('_e.mat')}").is_dir() and first_bytes(file, 19) == _MAT5:
            return True
    return False


def _columns(file: Path) -> list[np.ndarray]:
    """The four columns, flat."""
    held = mat5_variables(file)
    columns = []
    for name in _COLUMNS:
        column = held.get(name)
        if not isinstance(column, np.ndarray) or column.dtype.kind not in "iuf" or column.ndim != 1 or not column.size:
            raise InputError(f"lacks the column '{name}'", file, f"it must contain {', '.join(_COLUMNS)}")
        columns.append(column)
    return columns
