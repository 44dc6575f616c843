"""The patterns of materials, by `kind`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Float64

from efields.ranges import Range, Seed, Share
from efields.simulation import textures
from efields.simulation.shapes import Shape
from efields.simulation.vectors import Colour


@dataclass(frozen=True)
class Texture:
    """A pattern of linear reflectance."""

    def image(self, shape: Shape) -> Float64[np.ndarray, "h w 3"]:
        """Texels of the pattern on a shape; row 0 is v = 0."""
        raise NotImplementedError


@dataclass(frozen=True)
class Procedural(Texture):
    """A pattern that is computed texel by texel."""

    resolution: Annotated[int, Range(1, 4096)] = 512
    """Texels along v; twice as many along u."""

    def _texels(self) -> Float64[np.ndarray, "h w 2"]:
        """Texture coordinates of the texel centres."""
        v, u = np.meshgrid(
            (np.arange(self.resolution) + 0.5) / self.resolution,
            (np.arange(2 * self.resolution) + 0.5) / (2 * self.resolution),
            indexing="ij",
        )
        return np.stack([u, v], -1)


@dataclass(frozen=True)
class Noise(Procedural):
    """Fractal noise through a palette."""

    palette: tuple[Colour, ...] = ((0.1, 0.1, 0.1), (0.8, 0.8, 0.8))
    """Colours from low to high."""
    scale: Annotated[float, Range(0, 1e6)] = 4.0
    """Lattice cells per scene unit."""
    octaves: Annotated[int, Range(1, 32)] = 4
    """Octaves."""
    seed: Seed = 0
    """Seed."""

    def image(self, shape: Shape) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        return textures.noise_texture(shape.points(self._texels()), self.palette, self.scale, self.octaves, self.seed)


@dataclass(frozen=True)
class Marble(Noise):
    """Bent layers through a palette; `scale` is the number of layers per scene unit."""

    def image(self, shape: Shape) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        return textures.marble_texture(shape.points(self._texels()), self.palette, self.scale, self.octaves, self.seed)


@dataclass(frozen=True)
class Cells(Noise):
    """Cobbles: Voronoi cells in the palette's colours with joints between; `scale` is the number of cells per unit."""

    border: Colour = (0.06, 0.06, 0.06)
    """Colour of the joints."""

    def image(self, shape: Shape) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        points = shape.points(self._texels())
        return textures.cells_texture(points, self.palette, self.border, self.scale, self.octaves, self.seed)


@dataclass(frozen=True)
class Checker(Procedural):
    """Squares in the palette's colours, one after the other."""

    palette: tuple[Colour, ...] = ((0.1, 0.1, 0.1), (0.8, 0.8, 0.8))
    """Colours."""
    tiles: Annotated[tuple[int, int], Range(1, 4096)] = (8, 8)
    """Squares along u and v."""

    def image(self, shape: Shape) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        return textures.checker_texture(self._texels(), self.palette, self.tiles)


@dataclass(frozen=True)
class Photograph(Texture):
    """A photograph inside scikit-image's wheel: brick, grass, gravel, coffee (CC0), text (public domain)."""

    name: str = "brick"
    """Which one."""
    low: Share = 0.06
    """Reflectance of its darkest parts."""
    high: Share = 0.85
    """Reflectance of its brightest parts."""
    quarter_turns: Annotated[int, Range(-1000, 1000)] = 0
    """Rotation in steps of 90 degrees, counter-clockwise."""

    def image(self, shape: Shape) -> Float64[np.ndarray, "h w 3"]:  # noqa: D102
        picture = np.rot90(textures.image_texture(self.name, self.low, self.high), self.quarter_turns)
        return picture[::-1]  # rows of a photograph run down, v runs up


TEXTURES: dict[str, type[Texture]] = {
    "noise": Noise,
    "marble": Marble,
    "cells": Cells,
    "checker": Checker,
    "image": Photograph,
}
