"""Text files of datasets besides events: trajectories in any layout, and tables of numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64

from efields.errors import InputError
from efields.geometry.pose import quaternion_to_rotation, rotation_to_quaternion
from efields.geometry.trajectory import Kind, Trajectory
from efields.poses.clock import Unit, microseconds
from efields.poses.rows import read_pose_rows
from efields.text import read_text


def read_numbers(path: Path, columns: int, layout: str) -> Float64[np.ndarray, "n columns"]:
    """Lines of `columns` numbers, separated by blanks or commas; `#` comments and one line of names are skipped.

    Raises `InputError` naming the first broken line, and for a file without numbers.
    """
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise InputError("no such file", path, "copy the complete recording again") from None
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read as text ({error})", path, "copy the recording again") from None
    rows: list[list[float]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            if number == 1:
                continue
            row = []
        if len(row) != columns or not np.isfinite(row).all():
            raise InputError(f"line {number} is '{line.strip()[:60]}'", path, f"every line must read '{layout}'")
        rows.append(row)
    if not rows:
        raise InputError("contains no numbers", path, f"lines must read '{layout}'")
    return np.array(rows, dtype=np.float64)


def read_trajectory(
    path: Path,
    unit: Unit,
    kind: Kind = "linear",
    T_body_camera: Float64[np.ndarray, "4 4"] | None = None,
    *,
    events_us: tuple[int, int] | None = None,
) -> tuple[Trajectory, tuple[str, ...]]:
    """Poses of a text in any layout (see `pose_rows`), of the camera or of a body that carries it, and notes.

    Times are in `unit`; with `events_us`, the first and the last event, in another one where only that fits them.
    Raises `InputError` for a broken line, poses without times, and all that `Trajectory` refuses.
    """
    found = read_pose_rows(path, usual_order="xyzw")
    if found.times is None:
        raise InputError(
            f"its {len(found.labels)} poses have no times", path, "lines must read 't px py pz qx qy qz qw'"
        )
    given, usual = (found.unit, unit) if events_us else (unit, unit)
    t_us, said = microseconds(found.times, given, *(events_us or (0, 0)), str(path), found.labels, usual)
    position, orientation = found.position, found.orientation
    if T_body_camera is not None:
        rotation = quaternion_to_rotation(torch.from_numpy(orientation)).numpy()
        position = position + rotation @ T_body_camera[:3, 3]
        orientation = rotation_to_quaternion(torch.from_numpy(rotation @ T_body_camera[:3, :3])).numpy()
    notes = found.notes + ((said,) if said else ())
    return Trajectory.from_arrays(t_us, position, orientation, kind, where=str(path), rows=found.labels), notes


def whole_us(times: np.ndarray, us_per_unit: float, path: Path) -> Int64[np.ndarray, " n"]:
    """Times of another unit to the nearest microsecond, exact for whole nanoseconds.

    Raises `InputError` for times that are not finite or beyond 63 bits.
    """
    if times.ndim != 1 or times.dtype.kind not in "iuf" or not np.isfinite(times).all():
        raise InputError(f"contains times that are not a column of finite numbers ({times.shape})", path)
    if len(times) and float(np.abs(times.astype(np.float64)).max()) * us_per_unit >= 2.0**62:
        raise InputError("contains times beyond 63 bits", path, "check their unit")
    if times.dtype.kind != "f" and us_per_unit == 1e-3:
        return (times.astype(np.int64) + 500) // 1000
    return np.rint(times * us_per_unit if us_per_unit >= 1 else times / (1 / us_per_unit)).astype(np.int64)
