"""Vectors of three numbers in a scene file, and their ranges."""

from __future__ import annotations

from typing import Annotated

from efields.ranges import Range

Vector = Annotated[tuple[float, float, float], Range(-1e9, 1e9)]
"""A position, direction or velocity in the world, or rotation angles about three axes in degrees."""
Factors = Annotated[tuple[float, float, float], Range(above=0, most=1e9)]
"""Sizes or factors along three axes."""
Colour = Annotated[tuple[float, float, float], Range(0, 1e9)]
"""Linear red, green and blue."""
