"""What efields' own folders contain besides events: IMU, unposed frames and triggers, one `.npz` file each."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.events.side_streams import Frames, Imu, SideStreams, Triggers
from efields.formats.arrays.npz import expect_shape, read_npz, times_us


def write_side_files(folder: Path, side: SideStreams) -> None:
    """Write `imu.npz`, `frames.npz` and `triggers.npz` of what is there; times in nanoseconds as in the layout."""
    if side.imu is not None:
        imu = side.imu
        np.savez(folder / "imu.npz", timestamp=imu.t_us * 1000, gyro=imu.gyro, acceleration=imu.acceleration)
    if side.frames is not None:
        frames = side.frames
        np.savez(
            folder / "frames.npz",
            image=frames.image,
            timestamp=frames.t_us * 1000,
            white=np.array(float(frames.white)),
            name=np.array(frames.names, dtype=str),
        )
    if side.triggers is not None:
        np.savez(folder / "triggers.npz", timestamp=side.triggers.t_us * 1000, rising=side.triggers.rising)


def read_imu(path: Path) -> Imu | None:
    """Inertial samples; None where there is no such file. Raises `InputError` for a damaged one."""
    if not path.is_file():
        return None
    raw = read_npz(path, ("timestamp", "gyro", "acceleration"))
    t_us = times_us(raw["timestamp"], "timestamp", path)
    gyro, acceleration = (
        expect_shape(raw[key], (len(t_us), 3), key, path).astype(np.float64) for key in ("gyro", "acceleration")
    )
    return Imu(t_us, gyro, acceleration)


def read_frames(path: Path) -> Frames | None:
    """Frames without poses; None where there is no such file. Raises `InputError` for a damaged one."""
    if not path.is_file():
        return None
    raw = read_npz(path, ("image", "timestamp", "white"), ("name",))
    t_us = times_us(raw["timestamp"], "timestamp", path)
    image = expect_shape(raw["image"], (len(t_us), None, None, None), "image", path)
    if image.dtype not in (np.uint8, np.uint16, np.float32) or raw["white"].size != 1:
        raise InputError(f"'image' holds {image.dtype}, not uint8, uint16 or float32", path)
    return Frames(image, t_us, float(raw["white"].reshape(())), tuple(map(str, raw.get("name", ()))))


def read_triggers(path: Path) -> Triggers | None:
    """Trigger edges; None where there is no such file. Raises `InputError` for a damaged one."""
    if not path.is_file():
        return None
    raw = read_npz(path, ("timestamp", "rising"))
    t_us = times_us(raw["timestamp"], "timestamp", path)
    return Triggers(t_us, expect_shape(raw["rising"], (len(t_us),), "rising", path).astype(bool))
