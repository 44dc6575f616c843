"""Checks of raw poses: each names the wrong pose (as a row of its source where there is one) and what is wrong."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64, Num

from efields.errors import InputError

_log = logging.getLogger(__name__)

FARTHEST = 1e12
"""World units beyond which a position is refused: there float64 would no longer resolve millimetres in metres."""
LATEST_US = 1 << 61
"""Microseconds, 73 thousand years, beyond which differences of times would not fit 63 bits."""


def check_poses(
    position: Float64[np.ndarray, "p 3"], orientation: Float64[np.ndarray, "p 4"], where: str, rows: Sequence[str] = ()
) -> Float64[np.ndarray, "p 4"]:
    """Orientations at unit length.

    Raises `InputError` for positions and quaternions that are not finite or out of range, and quaternions more than
    1e-3 from unit length, naming the first.
    """
    finite = np.isfinite(np.column_stack([position, orientation])).all(axis=1)
    _refuse(
        np.logical_not(finite), "its position or quaternion is not finite", "poses are not finite numbers", where, rows
    )
    far = np.abs(position).max(axis=1, initial=0.0) > FARTHEST
    if far.any():
        first = position[np.argmax(far)]
        said = f"its position {first[0]:.6g}, {first[1]:.6g}, {first[2]:.6g} is out of range"
        _refuse(far, said, "positions are", where, rows)
    length = np.sqrt(np.square(np.clip(orientation, -1e6, 1e6)).sum(axis=1))
    _refuse(length == 0, "its quaternion is 0 0 0 0", "quaternions are 0", where, rows)
    wrong = np.abs(length - 1) > 1e-3
    if wrong.any():
        said = f"its quaternion is not of unit length but {length[np.argmax(wrong)]:.4g}"
        do = "give unit quaternions in the order x, y, z, w, or name the columns"
        _refuse(wrong, said, "quaternions are not of unit length", where, rows, do)
    return orientation / length[:, None]


def check_times(t_us: Num[np.ndarray, " p"], where: str, rows: Sequence[str] = ()) -> None:
    """Raise `InputError` for times so far out that differences of them would not fit 63 bits."""
    far = (t_us > LATEST_US) | (t_us < -LATEST_US)
    if far.any():
        said = f"its time of {float(t_us[np.argmax(far)]):.6g} us is out of range"
        _refuse(far, said, "times are", where, rows, "correct them, or their unit")


def in_order(
    t_us: Int64[np.ndarray, " p"],
    position: Float64[np.ndarray, "p 3"],
    orientation: Float64[np.ndarray, "p 4"],
    where: str,
    rows: Sequence[str] = (),
) -> tuple[Int64[np.ndarray, " k"], Float64[np.ndarray, "k 3"], Float64[np.ndarray, "k 4"]]:
    """Poses in strictly increasing order of time, with a warning that names the first that was moved or dropped.

    Raises `InputError` for fewer than two poses at different times.
    """
    prefix, count = f"{where}: " if where else "", len(t_us)
    if count > 1 and (t_us == t_us[0]).all():
        raise InputError(
            f"all {count} poses have the same time, {t_us[0] * 1e-6:.6f} s", where, "give each pose its own time"
        )
    if count < 2:
        raise InputError(f"{count} pose", where, "a trajectory needs at least 2 poses at different times")
    back = np.flatnonzero(np.diff(t_us) < 0) + 1
    kept = np.arange(count)
    if len(back):
        by = (t_us[back[0] - 1] - t_us[back[0]]) * 1e-6
        _log.warning(
            "%s%s: its time is %.6f s before that of the pose above it; %d of %d poses go backwards in time; sorted",
            prefix, _row(rows, int(back[0])), by, len(back), count,
        )  # fmt: skip
        kept = np.argsort(t_us, kind="stable")
    again = np.flatnonzero(np.diff(t_us[kept]) == 0) + 1
    if len(again):
        _log.warning(
            "%s%s: its time is that of another pose; %d of %d poses repeat a time; dropped",
            prefix, _row(rows, int(kept[again[0]])), len(again), count,
        )  # fmt: skip
        kept = np.delete(kept, again)
    return t_us[kept], position[kept], orientation[kept]


def _row(rows: Sequence[str], index: int) -> str:
    return rows[index] if rows else f"pose {index + 1}"


def _refuse(
    wrong: np.ndarray,
    said: str,
    all_of_them: str,
    where: str,
    rows: Sequence[str],
    do: str = "correct or delete those poses",
) -> None:
    count = int(np.count_nonzero(wrong))
    if count:
        more = f" ({count} of {len(wrong)} {all_of_them})" if count > 1 else ""
        raise InputError(f"{_row(rows, int(np.argmax(wrong)))}: {said}{more}", where, do)
