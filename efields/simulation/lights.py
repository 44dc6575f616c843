"""The lights of a scene, by `kind`; units are radiometric and arbitrary, only ratios matter."""

from __future__ import annotations

from dataclasses import dataclass

from efields.ranges import NotNegative
from efields.simulation.vectors import Colour, Vector


@dataclass(frozen=True)
class Light:
    """A light; it emits `color` times its strength."""

    color: Colour = (1.0, 1.0, 1.0)
    """Tint."""


@dataclass(frozen=True)
class Constant(Light):
    """The same radiance from all directions."""

    radiance: NotNegative = 1.0
    """Radiance."""


@dataclass(frozen=True)
class Sky(Light):
    """A soft sky: radiance fades from the zenith to the horizon and to the ground below."""

    zenith: NotNegative = 1.0
    """Radiance from straight above."""
    horizon: NotNegative = 0.6
    """Radiance from the horizon."""
    ground: NotNegative = 0.2
    """Radiance from straight below."""


@dataclass(frozen=True)
class Sun(Light):
    """Parallel light, with hard shadows and no noise."""

    direction: Vector = (-1.0, -1.0, -1.0)
    """Direction in which the light travels."""
    irradiance: NotNegative = 2.0
    """Irradiance on a surface facing the light."""


@dataclass(frozen=True)
class Point(Light):
    """Light from one point."""

    position: Vector = (2.0, 2.0, 4.0)
    """Its position."""
    intensity: NotNegative = 20.0
    """Radiant intensity."""


LIGHTS: dict[str, type[Light]] = {"constant": Constant, "sky": Sky, "sun": Sun, "point": Point}
