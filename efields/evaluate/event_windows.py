"""Measured and predicted events: the log change over a few windows, as counted and as rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float32, Int64

from efields.events.image import count_image
from efields.events.sensor import LUMINANCE
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.render.image import render_view

if TYPE_CHECKING:
    from efields.render.model import Model

EVENTS_PER_PIXEL = 0.5
"""Length of a shown window, in events per pixel of the sensor: enough to draw the edges once."""
SMALLEST_WINDOW_SHARE = 0.25
"""Longest window as a fraction of the events, for shorter recordings."""


@dataclass(frozen=True)
class EventWindows:
    """Log changes of intensity over some windows of time."""

    measured: Float32[np.ndarray, "k h w"]
    """Change measured by the sensor: `c_pos n_pos - c_neg n_neg` per pixel."""
    predicted: Float32[np.ndarray, "k h w"]
    """Difference of rendered log radiance between poses and times of both ends, in each pixel's own colour channel."""
    t0_us: Int64[np.ndarray, " k"]
    """Start of each window, excluded, absolute microseconds."""
    t1_us: Int64[np.ndarray, " k"]
    """End of each window, included, absolute microseconds."""

    def summary(self) -> list[dict[str, float | int | None]]:
        """For each window its times, and root mean squares of the measured change and the residual in log units."""
        rows: list[dict[str, float | int | None]] = []
        for k, (measured, predicted) in enumerate(zip(self.measured, self.predicted, strict=True)):
            residual = measured.astype(np.float64) - predicted
            varies = measured.std() > 0 and predicted.std() > 0
            rows.append(
                {
                    "t0_us": int(self.t0_us[k]),
                    "t1_us": int(self.t1_us[k]),
                    "measured_rms": float(np.sqrt(np.mean(measured.astype(np.float64) ** 2))),
                    "residual_rms": float(np.sqrt(np.mean(residual**2))),
                    "correlation": float(np.corrcoef(measured.ravel(), predicted.ravel())[0, 1]) if varies else None,
                }
            )
        return rows


def choose_windows(events: EventStream, trajectory: Trajectory, count: int = 3) -> list[tuple[int, int]]:
    """Windows (t0, t1] of equal event count, spread evenly over the events that the trajectory covers."""
    covered = events.between(trajectory.start_us, trajectory.end_us + 1)
    pixels = events.width * events.height
    half = int(min(EVENTS_PER_PIXEL * pixels, SMALLEST_WINDOW_SHARE * len(covered))) // 2
    if half < 1:
        return []
    centres = ((np.arange(count) + 0.5) / count * len(covered)).astype(np.int64)
    starts, ends = np.clip(centres - half, 0, None), np.clip(centres + half, None, len(covered) - 1)
    windows = [(int(covered.t_us[i]), int(covered.t_us[j])) for i, j in zip(starts, ends, strict=True)]
    return [(t0, t1) for t0, t1 in windows if t1 > t0]


def compare_windows(model: Model, events: EventStream, windows: list[tuple[int, int]]) -> EventWindows:
    """Count the events of each window (t0, t1], and render the log change that the model predicts for it.

    Raises `ValueError` for a model without a sensor.
    """
    sensor = model.sensor
    if sensor is None:
        raise ValueError("the model has no sensor to count events by")
    measured, predicted = [], []
    for t0_us, t1_us in windows:
        positive, negative = count_image(events.between(t0_us + 1, t1_us + 1))
        with torch.no_grad():
            change = sensor.log_change(torch.from_numpy(positive), torch.from_numpy(negative))
        measured.append(np.asarray(change, dtype=np.float32))
        before, after = (_log_radiance(model, t_us) for t_us in (t0_us, t1_us))
        predicted.append(after - before)
    shape = (0, events.height, events.width)
    times = np.array(windows, dtype=np.int64).reshape(-1, 2)
    return EventWindows(
        measured=np.stack(measured) if measured else np.zeros(shape, np.float32),
        predicted=np.stack(predicted) if predicted else np.zeros(shape, np.float32),
        t0_us=times[:, 0],
        t1_us=times[:, 1],
    )


def pose_at(trajectory: Trajectory, t_us: int) -> np.ndarray:
    """T_world_camera [4, 4] in float64 at an absolute time in microseconds."""
    return trajectory.matrices(np.array([(t_us - trajectory.origin_us) * 1e-6]))[0]


def _log_radiance(model: Model, t_us: int) -> np.ndarray:
    """Log radiance [h, w] at a time, as the sensor's pixels see it."""
    t_s = (t_us - model.trajectory.origin_us) * 1e-6
    rendered = render_view(model.renderer, model.camera, pose_at(model.trajectory, t_us), t_s)
    return np.log(np.maximum(own_channel(rendered.radiance, model.camera), 1e-6)).astype(np.float32)


def own_channel(radiance: Float32[np.ndarray, "h w c"], camera: Camera) -> Float32[np.ndarray, "h w"]:
    """Each pixel's own colour channel under a Bayer filter; the luminance without one."""
    if radiance.shape[-1] == 1:
        return radiance[..., 0]
    if not camera.bayer:
        return radiance @ np.asarray(LUMINANCE, dtype=np.float32)
    channel = np.asarray(camera.channel_of_pixel()).reshape(radiance.shape[:2])
    return np.take_along_axis(radiance, channel[..., None], axis=-1)[..., 0]
