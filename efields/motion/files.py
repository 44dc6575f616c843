"""Motion and flow on disk: CSV and npz of motion, TUM trajectories, flow as .flo (Middlebury)."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

from efields import atomic
from efields.errors import InputError
from efields.motion.motion import Calibration, Motion
from efields.motion.orientation import integrated
from efields.motion.smoothing import smoothed

FLO_TAG = 202021.25
"""First number of a .flo file, 'PIEH' as bytes."""
UNKNOWN_FLOW = 1e10
"""Value in a .flo where flow is not known (Baker et al., IJCV 2011)."""
CSV_COLUMNS = (
    "t_us", "wx_rad_s", "wy_rad_s", "wz_rad_s", "vx", "vy", "vz",
    "var_wx", "var_wy", "var_wz", "cov_wx_wy", "cov_wx_wz", "cov_wy_wz", "gain", "events", "status", "calibration",
)  # fmt: skip


def write_motion(folder: Path, motion: Motion) -> None:
    """Write motion.csv, motion.npz and, as orientations, trajectory.txt."""
    write_motion_csv(folder / "motion.csv", motion)
    write_motion_npz(folder / "motion.npz", motion)
    write_tum(folder / "trajectory.txt", *integrated(smoothed(motion)), calibration=motion.calibration)


def write_motion_csv(path: Path, motion: Motion) -> None:
    """One row per window: time, angular velocity (rad/s), unit translation direction, covariance, gain, status.

    `calibration` is `assumed` where the focal length is, on which all of rad/s depends. A direction that is not given
    is left empty.
    """
    lines = [",".join(CSV_COLUMNS)]
    for k in range(len(motion)):
        covariance = motion.covariance[k]
        direction = ["" if np.isnan(v) else f"{v:.9g}" for v in motion.direction[k]]
        numbers = [
            *np.diag(covariance), covariance[0, 1], covariance[0, 2], covariance[1, 2], motion.gain[k],
        ]  # fmt: skip
        row = [
            str(int(motion.t_us[k])),
            *(f"{v:.9g}" for v in motion.angular_velocity[k]),
            *direction,
            *(f"{v:.6g}" for v in numbers),
            str(int(motion.events[k])),
            motion.status[k],
            motion.calibration,
        ]
        lines.append(",".join(row))
    atomic.write_text(path, "\n".join(lines) + "\n")


def write_motion_npz(path: Path, motion: Motion) -> None:
    """Everything of `motion`, as arrays of the names of its attributes."""
    content = io.BytesIO()
    np.savez(
        content,
        model=np.array(motion.model),
        t_us=motion.t_us,
        angular_velocity=motion.angular_velocity,
        covariance=motion.covariance,
        direction=motion.direction,
        status=np.array(motion.status, dtype=str),
        events=motion.events,
        gain=motion.gain,
        seconds=np.array(motion.seconds),
        notes=np.array(motion.notes, dtype=str),
        ambiguities=np.array(motion.ambiguities, dtype=str),
        distinct_events=np.array(motion.distinct_events),
        calibration=np.array(motion.calibration),
    )
    atomic.write_bytes(path, content.getvalue())


def read_motion_npz(path: Path) -> Motion:
    """What `write_motion_npz` wrote. Raises `InputError` for another or a damaged file."""
    try:
        with np.load(path, allow_pickle=False) as held:
            found = {name: held[name] for name in held.files}
        return Motion(
            model=str(found["model"]),  # pyright: ignore[reportArgumentType]
            calibration=str(found["calibration"]),  # pyright: ignore[reportArgumentType]
            status=tuple(map(str, found["status"])),  # pyright: ignore[reportArgumentType]
            seconds=float(found["seconds"]),
            notes=tuple(map(str, found["notes"])),
            ambiguities=tuple(map(str, found["ambiguities"])),
            distinct_events=int(found["distinct_events"]),
            **{name: found[name] for name in ("t_us", "angular_velocity", "covariance", "direction", "events", "gain")},
        )
    except (OSError, KeyError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, AttributeError) as error:
        raise InputError(f"is not a motion file written by efields ({error})", path, "estimate it again") from None


def write_tum(
    path: Path,
    t_us: Int64[np.ndarray, " n"],
    orientation: Float64[np.ndarray, "n 4"],
    calibration: Calibration = "given",
) -> None:
    """Orientations (quaternions xyzw, camera to world) as TUM text `t 0 0 0 qx qy qz qw`, t in seconds.

    Positions are zero, as none are estimated; a comment says so, and that the focal length is assumed where it is.
    """
    rows = (
        f"{t / 1e6:.6f} 0 0 0 " + " ".join(f"{v:.9f}" for v in q)
        for t, q in zip(t_us.tolist(), orientation, strict=True)
    )
    said = "# t px py pz qx qy qz qw: orientations from the first estimate on; positions are not estimated and are 0\n"
    if calibration == "assumed":
        said += "# the focal length is assumed: angles depend on it\n"
    atomic.write_text(path, said + "\n".join(rows) + "\n")


def write_flo(path: Path, flow: Float32[np.ndarray, "h w 2"]) -> None:
    """Flow (x, y) in pixels as Middlebury's .flo: little-endian tag, width, height, rows of x, y; NaN means unknown."""
    height, width = flow.shape[:2]
    values = np.where(np.isfinite(flow), flow, UNKNOWN_FLOW).astype("<f4")
    atomic.write_bytes(path, struct.pack("<fii", FLO_TAG, width, height) + values.tobytes())


def read_flo(path: Path) -> Float32[np.ndarray, "h w 2"]:
    """Flow (x, y) in pixels of a .flo, NaN where it is not known. Raises `InputError` for another or a damaged file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", path) from None
    if len(data) < 12 or struct.unpack("<f", data[:4])[0] != FLO_TAG:
        raise InputError("is not a .flo file", path, "give a flow in Middlebury's format")
    width, height = struct.unpack("<ii", data[4:12])
    if width < 1 or height < 1 or len(data) != 12 + 8 * width * height:
        raise InputError(f"holds {len(data) - 12:,} bytes of flow for {width} x {height} pixels", path, "copy it again")
    flow = np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2).astype(np.float32)
    flow[np.abs(flow) > 1e9] = np.nan
    return flow
