"""The camera of efields' own recording folder, `camera_calibration.npz`, and what is known of its sensor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from efields.events.sensor import Sensor
from efields.geometry.camera import Camera


def write_camera(folder: Path, camera: Camera, sensor: Sensor | None = None) -> None:
    """Write `camera_calibration.npz`; a sensor that is not known is left out."""
    thresholds: dict[str, Any] = {}
    if sensor is not None:
        refractory_ns = sensor.refractory_us * 1e3
        # Whole nanoseconds stay exact through the division by 1000.
        whole = abs(refractory_ns - round(refractory_ns)) < 1e-6
        thresholds = {
            "pos_contrast_threshold": np.array(float(sensor.c_pos)),
            "neg_contrast_threshold": np.array(float(sensor.c_neg)),
            "refractory_period": np.array(round(refractory_ns) if whole else refractory_ns),
        }
    np.savez(
        folder / "camera_calibration.npz",
        intrinsics=camera.matrix,
        # Readers of this layout name a model even where there are no numbers for it.
        distortion_model=np.array("plumb_bob" if camera.distortion_model == "none" else camera.distortion_model),
        distortion_params=np.array(camera.distortion, dtype=np.float64),
        img_height=np.array(camera.height),
        img_width=np.array(camera.width),
        bayer_pattern=np.array(camera.bayer),
        **thresholds,
    )
