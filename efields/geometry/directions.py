"""Directions: unit vectors that cover a hemisphere, and the two axes perpendicular to a direction."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


def half_sphere(count: int) -> Float64[np.ndarray, "n 3"]:
    """About evenly spread unit vectors with z >= 0 (a Fibonacci lattice)."""
    k = np.arange(count)
    z = (k + 0.5) / count
    angle = np.pi * (3.0 - np.sqrt(5.0)) * k
    radius = np.sqrt(1.0 - z**2)
    return np.column_stack((radius * np.cos(angle), radius * np.sin(angle), z))


def across(direction: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, "2 3"]:
    """Two unit vectors perpendicular to a direction and to each other."""
    least = np.eye(3)[np.argmin(np.abs(direction))]
    first = np.cross(direction, least)
    first /= np.linalg.norm(first)
    return np.stack((first, np.cross(direction, first)))
