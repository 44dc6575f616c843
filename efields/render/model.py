"""The result of a reconstruction, for rendering."""

from __future__ import annotations

from dataclasses import dataclass

from efields.events.sensor import Sensor
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.render.renderer import Renderer


@dataclass(frozen=True)
class Model:
    """A field and where its camera was; rendering needs nothing else."""

    renderer: Renderer
    """The field before its background."""
    camera: Camera
    """The event camera; of posed images, the one of the widest view."""
    trajectory: Trajectory
    """Its path, with learned corrections."""
    sensor: Sensor | None
    """Its thresholds, as learned; None where no events were trained on."""
    step: int
    """Optimiser steps that it was trained for."""

    @property
    def moves_s(self) -> tuple[float, float] | None:
        """First and last second in which a field that moves is known; None for one that stands still."""
        return self.renderer.span_s if self.renderer.field.moves else None

    @property
    def near_trajectory(self) -> Trajectory:
        """Where the camera was, positions counted from the renderer's origin as its box and rays are."""
        return self.trajectory.about(self.renderer.origin)
