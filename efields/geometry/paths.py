"""Camera paths: orbits and spirals that look at a point, for simulation and for rendering."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

Point = Sequence[float] | np.ndarray


def look_at(position: Point, target: Point, up: Point = (0.0, 0.0, 1.0)) -> Float64[np.ndarray, "*n 4 4"]:
    """T_world_camera (OpenCV axes) of cameras at `position` [..., 3] that look at `target` with `up` upwards in view.

    A camera that looks along `up` takes another axis for it. Raises `ValueError` for a camera at its target.
    """
    position, target = np.broadcast_arrays(np.asarray(position, np.float64), np.asarray(target, np.float64))
    forward = target - position
    distance = np.linalg.norm(forward, axis=-1, keepdims=True)
    if not (distance > 0).all():
        raise ValueError("a camera cannot look at its own position")
    forward = forward / distance
    upward = np.asarray(up, np.float64) / np.linalg.norm(up)
    # The axis least along `up` stands in for it where the view is along it.
    spare = np.eye(3)[np.argmin(np.abs(upward))]
    along = np.abs(forward @ upward)[..., None] > 1 - 1e-9
    right = np.cross(forward, np.where(along, spare, upward))
    right = right / np.linalg.norm(right, axis=-1, keepdims=True)
    down = np.cross(forward, right)
    T = np.zeros((*position.shape[:-1], 4, 4))
    T[..., :3, 0], T[..., :3, 1], T[..., :3, 2], T[..., :3, 3] = right, down, forward, position
    T[..., 3, 3] = 1
    return T


def orbit(
    center: Point,
    radius: float,
    elevation_deg: float,
    n: int,
    *,
    turns: float = 1.0,
    start_deg: float = 0.0,
    up: Point = (0.0, 0.0, 1.0),
    closed: bool = False,
) -> Float64[np.ndarray, "n 4 4"]:
    """T_world_camera of `n` cameras on a circle around `center`, looking at it, counter-clockwise seen from above.

    `closed` puts the last camera at the end of the last revolution, else one step before it (so that a video loops).
    """
    return spiral(
        center, radius, (elevation_deg, elevation_deg), n, turns=turns, start_deg=start_deg, up=up, closed=closed
    )


def spiral(
    center: Point,
    radius: float | tuple[float, float],
    elevation_deg: tuple[float, float],
    n: int,
    *,
    turns: float = 2.0,
    start_deg: float = 0.0,
    up: Point = (0.0, 0.0, 1.0),
    closed: bool = True,
) -> Float64[np.ndarray, "n 4 4"]:
    """T_world_camera of `n` cameras that circle `center` while elevation (and radius) change between two values."""
    share = np.linspace(0.0, 1.0, n, endpoint=closed)
    azimuth = np.radians(start_deg) + 2 * np.pi * turns * share
    elevation = np.radians(elevation_deg[0] + (elevation_deg[1] - elevation_deg[0]) * share)
    first, last = (radius, radius) if isinstance(radius, (int, float)) else radius
    distance = first + (last - first) * share
    east, north, upward = _basis(up)
    flat = np.cos(azimuth)[:, None] * east + np.sin(azimuth)[:, None] * north
    outward = np.cos(elevation)[:, None] * flat + np.sin(elevation)[:, None] * upward
    middle = np.asarray(center, np.float64)
    return look_at(middle + distance[:, None] * outward, middle, up)


def _basis(up: Point) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right-handed axes (east, north, up); x, y, z for the usual up."""
    upward = np.asarray(up, np.float64) / np.linalg.norm(up)
    # x stays x when it can: any axis not along `up` would do.
    reference = np.array([1.0, 0.0, 0.0]) if abs(upward[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    east = reference - (reference @ upward) * upward
    east = east / np.linalg.norm(east)
    return east, np.cross(upward, east), upward
