"""Poses in text, `t px py pz qx qy qz qw` a line: the time in any unit, a first line of names or none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from efields.errors import InputError


def read_numbers(path: Path, columns: int, layout: str) -> Float64[np.ndarray, "n columns"]:
    """Lines of `columns` numbers, separated by blanks or commas; `#` comments and one line of names are skipped.

    Raises `InputError` naming the first broken line, and for a file without numbers.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", path, "copy the recording again, whole") from None
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
        raise InputError("holds no numbers", path, f"lines must read '{layout}'")
    return np.array(rows, dtype=np.float64)


def read_poses(path: Path, us_per_unit: float) -> tuple[Int64[np.ndarray, " p"], Float64[np.ndarray, "p 7"]]:
    """Times in microseconds, and position and quaternion (xyzw) as the file has them. Raises as `read_numbers`."""
    table = read_numbers(path, 8, "t px py pz qx qy qz qw")
    return whole_us(table[:, 0], us_per_unit, path), table[:, 1:]


def whole_us(times: np.ndarray, us_per_unit: float, path: Path) -> Int64[np.ndarray, " n"]:
    """Times of another unit to the nearest microsecond, exact for whole nanoseconds.

    Raises `InputError` for times that are not finite or beyond 63 bits.
    """
    if times.ndim != 1 or times.dtype.kind not in "iuf" or not np.isfinite(times).all():
        raise InputError(f"holds times that are no column of finite numbers ({times.shape})", path)
    if len(times) and float(np.abs(times.astype(np.float64)).max()) * us_per_unit >= 2.0**62:
        raise InputError("holds times beyond 63 bits", path, "check their unit")
    if times.dtype.kind != "f" and us_per_unit == 1e-3:
        return (times.astype(np.int64) + 500) // 1000
    return np.rint(times * us_per_unit if us_per_unit >= 1 else times / (1 / us_per_unit)).astype(np.int64)
