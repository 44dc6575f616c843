"""What writers get in addition to the events."""

from __future__ import annotations

from dataclasses import dataclass

from efields.events.side_streams import SideStreams
from efields.geometry.camera import Camera


@dataclass(frozen=True)
class About:
    """The sensor, and what was recorded besides events; writers leave out what their format cannot store."""

    width: int
    """Columns of the sensor in pixels."""
    height: int
    """Rows of the sensor in pixels."""
    side: SideStreams = SideStreams()
    """IMU, frames and triggers."""
    camera: Camera | None = None
    """The calibrated camera."""
