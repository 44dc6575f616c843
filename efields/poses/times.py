"""Times of poses in a separate text file, one per line, next to the file of the poses (KITTI's times.txt)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from efields.errors import InputError
from efields.poses.clock import exact
from efields.poses.table import read_rows

_NAMES = (
    "{}_times.txt",
    "{}_timestamps.txt",
    "{}.times",
    "times.txt",
    "timestamps.txt",
    "timestamp.txt",
    "poses_ts.txt",
)
_ASK = "give a times.txt next to it, one time per line, a time before each pose, or --poses-spread (supplied.spread)"


def times_beside(poses: Path, count: int) -> tuple[Path, list[Decimal], list[str]]:
    """The file of times beside a file of poses, its times, and where each stands.

    Raises `InputError` where there is none, and for one that has other than `count` times, one line each.
    """
    files = [poses.with_name(name.format(poses.stem)) for name in _NAMES]
    file = next((file for file in files if file.is_file() and file != poses), None)
    if file is None:
        raise InputError(f"its {count} poses have no times", poses, _ASK)
    table = read_rows(file)
    times = []
    for row, label in zip(table.rows, table.labels, strict=True):
        try:
            if len(row) != 1:
                raise ValueError(f"{len(row)} values")
            times.append(exact(row[0]))
        except ValueError:
            what = f"{label} is not a time ('{' '.join(row)[:60]}')"
            raise InputError(what, file, f"give one time per line, for each pose of {poses.name}") from None
    if len(times) != count:
        raise InputError(f"has {len(times)} times, {poses.name} {count} poses", file, "give one time for each pose")
    return file, times, table.labels
