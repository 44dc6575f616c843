"""The path of the simulated camera and the poses of the held-out views: all on spheres around a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float64

from efields.errors import InputError
from efields.geometry.paths import look_at
from efields.ranges import Range, Seed, check_ranges
from efields.simulation.vectors import Vector


def _on_sphere(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Unit vectors of angles in radians, z up."""
    across = np.cos(elevation)
    return np.stack([across * np.cos(azimuth), across * np.sin(azimuth), np.sin(elevation)], -1)


@dataclass(frozen=True)
class CameraPath:
    """A path on a sphere around the target at constant speed, looking at the target."""

    kind: Literal["orbit", "spiral", "wave"] = "spiral"
    """`orbit` stays at the first elevation, `spiral` rises to the second, `wave` oscillates between both."""
    duration_s: Annotated[float, Range(above=0, most=3600)] = 4.0
    """Time from start to end in seconds."""
    revolutions: Annotated[float, Range(-1e5, 1e5)] = 2.0
    """Revolutions about the z axis."""
    radius: Annotated[float, Range(above=0, most=1e9)] = 4.0
    """Distance to the target in scene units."""
    elevation_deg: Annotated[tuple[float, float], Range(-89, 89)] = (-20.0, 60.0)
    """Lowest and highest elevation above the horizontal plane."""
    swings: Annotated[float, Range(-1e5, 1e5)] = 4.0
    """Periods of `wave` over the whole path."""
    start_deg: Annotated[float, Range(-1e5, 1e5)] = 0.0
    """Azimuth at the start."""
    target: Vector = (0.0, 0.0, 0.0)
    """What the camera looks at."""

    __post_init__ = check_ranges

    def direction(self, share: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 3"]:
        """Unit vectors from the target to the camera at these fractions (0 to 1) of the path's length."""
        fine = np.linspace(0, 1, 20001)
        step = np.linalg.norm(np.diff(self._raw(fine), axis=0), axis=-1)
        length = np.concatenate([[0], np.cumsum(step)])
        if length[-1] == 0:
            raise InputError("has no length", "camera path", "give it revolutions or two elevations")
        return self._raw(np.interp(share, length / length[-1], fine))

    def _raw(self, along: np.ndarray) -> np.ndarray:
        low, high = np.radians(self.elevation_deg)
        rise = {"orbit": 0 * along, "spiral": along, "wave": 0.5 - 0.5 * np.cos(2 * np.pi * self.swings * along)}
        azimuth = np.radians(self.start_deg) + 2 * np.pi * self.revolutions * along
        return _on_sphere(azimuth, low + (high - low) * rise[self.kind])

    def poses(self, t_s: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, "n 4 4"]:
        """Camera-to-world poses (OpenCV axes) at times in seconds from the start."""
        position = np.asarray(self.target) + self.radius * self.direction(np.asarray(t_s) / self.duration_s)
        return look_at(position, self.target)


@dataclass(frozen=True)
class HeldoutPath:
    """Held-out views: spread over the elevations of the path, away from the path, at similar distances."""

    count: Annotated[int, Range(0, 1000)] = 40
    """Number of views."""
    elevation_deg: Annotated[tuple[float, float], Range(-89, 89)] | None = None
    """Lowest and highest elevation; None takes those of the path."""
    separation_deg: Annotated[float, Range(0, 180)] = 5.0
    """Smallest angle, seen from the target, between a view and the camera path."""
    reach_deg: Annotated[float, Range(0, 180)] = 18.0
    """Largest such angle: a view farther away could show what the camera never saw."""
    radius_share: Annotated[tuple[float, float], Range(above=0, most=1000)] = (0.95, 1.05)
    """Smallest and largest distance to the target, as fractions of the path's radius."""
    seed: Seed = 7
    """Seed of the views."""

    def poses(self, path: object) -> Float64[np.ndarray, "n 4 4"]:
        """Camera-to-world poses (OpenCV axes), evenly spread by golden angles, without those too near the path.

        Raises `InputError` where there is no room for them, or the path does not go around a target.
        """
        if self.count == 0:
            return np.zeros((0, 4, 4))
        if not isinstance(path, CameraPath):
            raise InputError("a free path has no held-out views", "held-out views", "set heldout.count = 0")
        rng = np.random.default_rng(self.seed)
        low, high = np.radians(self.elevation_deg or path.elevation_deg)
        travelled = path.direction(np.linspace(0, 1, 2000))
        directions = np.zeros((0, 3))
        tried = 2 * self.count
        while len(directions) < self.count:
            if tried > 100 * self.count:
                band = f"{self.separation_deg:g} to {self.reach_deg:g} degrees"
                what = f"no room for {self.count} views {band} off the camera path"
                raise InputError(what, "held-out views", "lower separation_deg or raise reach_deg")
            index = np.arange(tried)
            height = np.sin(low) + (np.sin(high) - np.sin(low)) * (index + 0.5) / tried
            azimuth = rng.uniform(0, 2 * np.pi) + index * np.pi * (3 - np.sqrt(5))
            spread = _on_sphere(azimuth, np.arcsin(height))
            off = np.degrees(np.arccos(np.clip((spread @ travelled.T).max(-1), -1, 1)))
            directions = spread[(off >= self.separation_deg) & (off <= self.reach_deg)]
            tried = tried * 5 // 4
        chosen = directions[np.linspace(0, len(directions) - 1, self.count).round().astype(int)]
        radius = path.radius * rng.uniform(*self.radius_share, (self.count, 1))
        return look_at(np.asarray(path.target) + radius * chosen, path.target)
