"""Poses of a text in any layout: rows of time, position and quaternion, of matrices, or matrices in blocks.

| numbers in a row | what they are |
| --- | --- |
| named in a line above | whatever their names say (`pose_columns`) |
| 8 | time, position, quaternion: TUM's x, y, z, w between blanks; between commas the order must be given |
| 7 | position, quaternion without a time |
| 17 between commas | EuRoC: time, position, quaternion w, x, y, z, and what is no pose |
| 12, 16 | a matrix of 3x4 (KITTI) or 4x4 row by row, without a time |
| 13, 17 | time and such a matrix |
| 4 in lines of 3 or 4 | a matrix in a block, with a line of its time or of numbers (Redwood) before it, or nothing |
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from efields.errors import InputError
from efields.geometry.pose import rotation_to_quaternion
from efields.geometry.pose_checks import check_poses
from efields.poses.clock import Unit, exact
from efields.poses.columns import FORM, Columns, named_columns
from efields.poses.table import TextRows, read_rows

_HALF_TURN = 0.9
"""Mean of the quaternions' first number above which it seems to be w."""


@dataclass(frozen=True)
class PoseRows:
    """Poses as a text gives them, in its order."""

    labels: list[str]
    """Where each pose stands, such as `line 3`."""
    times: list[Decimal] | None
    """The time of each in the text's unit; None where it has none."""
    unit: Unit
    """Unit of the times, where the text says so; else empty."""
    position: Float64[np.ndarray, "n 3"]
    """Positions as they are written."""
    orientation: Float64[np.ndarray, "n 4"]
    """Unit quaternions (x, y, z, w)."""
    notes: tuple[str, ...] = ()
    """What was assumed, one sentence each."""


def read_pose_rows(path: Path, order: str = "", usual_order: str = "") -> PoseRows:
    """The poses of a text or .npy file; `order` (xyzw or wxyz) says how quaternions stand where no names do,
    `usual_order` how they do where nothing else is said.

    Raises `InputError` that names the row of what is no pose, and the shape of what is none at all.
    """
    table = read_rows(path)
    counts = {len(row) for row in table.rows}
    if counts <= {1, 3, 4} and 4 in counts:
        return _of_blocks(table)
    _check_even(table)
    count = len(table.rows[0])
    for names in (table.header, *reversed(table.comments)):
        columns = named_columns(names, count, order, path, comment=not table.header) if names else None
        if columns is not None:
            return _of_columns(table, columns)
    if count in (12, 13, 16, 17) and (rows := _of_matrices(table, count)) is not None:
        return rows
    return _of_columns(table, *_unnamed(table, count, order or usual_order))


def _check_even(table: TextRows) -> None:
    count = len(table.rows[0])
    for row, label in zip(table.rows, table.labels, strict=True):
        if len(row) != count:
            line = " ".join(row)[:60]
            what = f"{label} is not a pose ('{line}'): it has {len(row)} values, the lines before it {count}"
            raise InputError(what, table.path, "correct or delete that line")


def _unnamed(table: TextRows, count: int, order: str) -> tuple[Columns, tuple[str, ...]]:
    """Columns of rows that no names explain, and what was assumed of them."""
    time = (0,) if count in (8, 17) else ()
    if count not in (7, 8) and not (count == 17 and table.commas):
        known = {3: "positions", 4: "times and positions", 6: "positions and angles", 12: "matrices of 3x4"}.get(count)
        what = f"its rows are {count} numbers" + (f", like {known}," if known else ",") + " which are not poses"
        raise InputError(what, table.path, FORM)
    if not order and table.commas and count != 17:
        what = (
            "its columns are separated by commas and have no names: quaternions may be x, y, z, w or w, x, y, z (EuRoC)"
        )
        raise InputError(what, table.path, f"give it with --poses-quaternion wxyz (supplied.quaternion), or {FORM}")
    chosen = order or ("wxyz" if table.commas else "xyzw")
    why = "EuRoC's, as commas separate 17 columns" if table.commas else "TUM's"
    notes = () if order else (f"Quaternions are read in the order {chosen}, {why}.",)
    p, q = len(time), len(time) + 3
    quaternion = (q, q + 1, q + 2, q + 3) if chosen == "xyzw" else (q + 1, q + 2, q + 3, q)
    return Columns(time, (p, p + 1, p + 2), quaternion), notes


def _of_columns(table: TextRows, columns: Columns, notes: tuple[str, ...] = ()) -> PoseRows:
    wanted = columns.position + columns.quaternion
    values = _numbers(table, wanted)
    times = _times(table, columns.time) if columns.time else None
    orientation = check_poses(values[:, :3], values[:, 3:], str(table.path), table.labels)
    if notes and np.abs(orientation[:, 0]).mean() > _HALF_TURN:
        notes += (
            "Read this way, the camera is turned about 180 degrees from upright: is w the first of the four, not x?",
        )
    return PoseRows(table.labels, times, columns.unit, values[:, :3], orientation, notes)


def _numbers(table: TextRows, columns: tuple[int, ...]) -> Float64[np.ndarray, "n k"]:
    """Numbers of these columns."""
    try:
        values = np.array([[float(row[c]) for c in columns] for row in table.rows])
    except ValueError:
        values = None
    if values is None:
        i, row = next((i, row) for i, row in enumerate(table.rows) if not all(_is_number(row[c]) for c in columns))
        what = f"{table.labels[i]} is not a pose ('{' '.join(row)[:60]}')"
        raise InputError(what, table.path, "every line must read 't px py pz qx qy qz qw'")
    return values


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _times(table: TextRows, columns: tuple[int, ...]) -> list[Decimal]:
    times = []
    for row, label in zip(table.rows, table.labels, strict=True):
        try:
            parts = [exact(row[c]) for c in columns]
        except ValueError:
            what = f"{label}: '{row[columns[0]][:40]}' is not a time"
            raise InputError(what, table.path, "give a finite number, or delete that line") from None
        times.append(parts[0] + parts[1] * Decimal("1e-9") if len(parts) > 1 else parts[0])
    return times


def _of_matrices(table: TextRows, count: int) -> PoseRows | None:
    """Rows of 3x4 or 4x4 numbers, a time before them where there is one more; None for rows of something else."""
    timed = count in (13, 17)
    if count == 17 and table.commas and not _like_matrix(table.rows[0][1:]):
        return None
    values = _numbers(table, tuple(range(int(timed), count)))
    times = _times(table, (0,)) if timed else None
    return _posed(table, values.reshape(len(values), -1, 4), times, table.labels)


def _like_matrix(row: list[str]) -> bool:
    return len(row) == 16 and [float(word) for word in row[12:] if _is_number(word)] == [0, 0, 0, 1]


def _of_blocks(table: TextRows) -> PoseRows:
    """Matrices of 3 or 4 lines, each after a line of its time, of whole numbers (Redwood), or nothing."""
    fours = [i for i, row in enumerate(table.rows) if len(row) == 4]
    square = len(fours) > 3 and [float(w) for w in table.rows[fours[3]] if _is_number(w)] == [0, 0, 0, 1]
    height = 4 if square else 3
    starts = fours[::height]
    heads = [i for i, row in enumerate(table.rows) if len(row) != 4]
    whole = TextRows(table.path, [table.rows[i] for i in fours], [table.labels[i] for i in fours])
    values = _numbers(whole, (0, 1, 2, 3))
    if not heads and (len(fours) % height or not_rigid(values[:height])):
        what = "its rows are 4 numbers, like times and positions, which are not poses"
        raise InputError(what, table.path, "give an orientation too: rows 't px py pz qx qy qz qw', or matrices")
    if fours != [i + k for i in starts for k in range(height)] or (heads and heads != [i - 1 for i in starts]):
        what = f"its rows of 4 numbers are not matrices of {height} lines with one line before each"
        raise InputError(what, table.path, FORM)
    times = None
    if heads and {len(table.rows[i]) for i in heads} == {1}:
        times = _times(TextRows(table.path, [table.rows[i] for i in heads], [table.labels[i] for i in heads]), (0,))
    return _posed(table, values.reshape(-1, height, 4), times, [table.labels[i] for i in starts])


def _posed(table: TextRows, matrices: np.ndarray, times: list[Decimal] | None, labels: list[str]) -> PoseRows:
    rotation = matrices[:, :3, :3]
    for i, matrix in enumerate(matrices):
        what = not_rigid(matrix)
        if what:
            raise InputError(f"{labels[i]}: {what}", table.path, "give camera to world row by row, without scale")
    u, _, vt = np.linalg.svd(rotation)
    orientation = rotation_to_quaternion(torch.from_numpy(u @ vt)).numpy()
    return PoseRows(labels, times, "", matrices[:, :3, 3].copy(), orientation)


def not_rigid(matrix: Float64[np.ndarray, "h 4"]) -> str:
    """What is wrong with a matrix that should be a rotation and a position; empty for nothing."""
    if not np.isfinite(matrix).all():
        return "its matrix holds a number that is not finite"
    if len(matrix) == 4 and np.abs(matrix[3] - (0, 0, 0, 1)).max() > 1e-6:
        by_column = np.abs(matrix[:, 3] - (0, 0, 0, 1)).max() <= 1e-6
        return "its matrix is laid out column by column" if by_column else "the last row of its matrix is not 0 0 0 1"
    rotation = matrix[:3, :3]
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-2:
        return "the 3x3 part of its matrix is not a rotation"
    return "its matrix is mirrored, which is not a rotation" if np.linalg.det(rotation) < 0 else ""
