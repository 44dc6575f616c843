"""IMU samples and triggers that were read part by part, joined, sorted by time and in SI units."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int64

from efields.events.side_streams import Imu, Triggers

GRAVITY = 9.80665
"""Metres per second squared in one g."""


def imu_of(parts: list[tuple[Int64[np.ndarray, " n"], Float[np.ndarray, "n 6"]]]) -> Imu | None:
    """Samples from times and six numbers each: acceleration x, y, z in g, angular velocity x, y, z in degrees/s."""
    if not sum(len(t_us) for t_us, _ in parts):
        return None
    t_us, axes = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(t_us, kind="stable")
    with np.errstate(invalid="ignore"):  # numbers that are none stay none
        axes = axes[order].astype(np.float64)
    return Imu(t_us[order], np.deg2rad(axes[:, 3:]), axes[:, :3] * GRAVITY)


def triggers_of(parts: list[tuple[Int64[np.ndarray, " n"], Bool[np.ndarray, " n"]]]) -> Triggers | None:
    """Edges from times and whether they rise."""
    if not sum(len(t_us) for t_us, _ in parts):
        return None
    t_us, rising = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(t_us, kind="stable")
    return Triggers(t_us[order], rising[order])
