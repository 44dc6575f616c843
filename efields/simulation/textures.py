"""Procedural textures of linear reflectance, evaluated at points of the surface, so that they have no seams."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.spatial import KDTree

from efields.errors import InputError
from efields.settings import did_you_mean

IMAGES = ("brick", "grass", "gravel", "coffee", "text")
"""Photographs that come with scikit-image: CC0, and `text` in the public domain."""


def perlin(points: Float64[np.ndarray, "*n 3"], seed: int) -> Float64[np.ndarray, "*n"]:
    """Gradient noise of unit lattice spacing, about in [-1, 1] (Perlin 2002: quintic blend, one gradient a corner)."""
    rng = np.random.default_rng(seed)
    table = rng.permutation(256)
    gradients = rng.normal(size=(256, 3))
    gradients = (gradients / np.linalg.norm(gradients, axis=-1, keepdims=True)).T
    # Coordinates one by one: arrays [n] are several times faster here than arrays [n, 3].
    x, y, z = np.moveaxis(np.asarray(points, dtype=np.float64), -1, 0)
    lattice = [np.floor(c).astype(np.int64) for c in (x, y, z)]
    within = [c - at for c, at in zip((x, y, z), lattice, strict=True)]
    blend = [w * w * w * (w * (6 * w - 15) + 10) for w in within]
    # For both ends of every axis: the hash's share, the way from there, and the weight.
    ends = [((at & 255, w, 1 - f), ((at + 1) & 255, w - 1, f)) for at, w, f in zip(lattice, within, blend, strict=True)]
    total = np.zeros(x.shape)
    for at_x, from_x, weight_x in ends[0]:
        first = table[at_x]
        for at_y, from_y, weight_y in ends[1]:
            second = table[(first + at_y) & 255]
            weight_xy = weight_x * weight_y
            for at_z, from_z, weight_z in ends[2]:
                gx, gy, gz = gradients[:, table[(second + at_z) & 255]]
                total += weight_xy * weight_z * (from_x * gx + from_y * gy + from_z * gz)
    return 1.5 * total


def fractal(points: Float64[np.ndarray, "*n 3"], seed: int, octaves: int) -> Float64[np.ndarray, "*n"]:
    """Perlin noise summed over octaves of half the amplitude and twice the frequency, of unit leading amplitude."""
    # The offset prevents the lattices of the octaves from aligning at the origin.
    return sum((perlin(points * 2**k + 17.3 * k, seed + k) / 2**k for k in range(octaves)), np.zeros(points.shape[:-1]))


def palette_at(value: Float64[np.ndarray, "*n"], palette: tuple[tuple[float, ...], ...]) -> Float64[np.ndarray, "*n 3"]:
    """Colours along a palette: 0 is its first, 1 its last, linear between."""
    colours = np.asarray(palette, dtype=np.float64)
    stops = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(value, stops, colours[:, c]) for c in range(3)], -1)


def noise_texture(
    points: Float64[np.ndarray, "h w 3"], palette: tuple[tuple[float, ...], ...], scale: float, octaves: int, seed: int
) -> Float64[np.ndarray, "h w 3"]:
    """Fractal noise through a palette; `scale` is the number of lattice cells in a scene unit."""
    return palette_at(0.5 + 0.75 * fractal(points * scale, seed, octaves), palette)


def marble_texture(
    points: Float64[np.ndarray, "h w 3"], palette: tuple[tuple[float, ...], ...], scale: float, octaves: int, seed: int
) -> Float64[np.ndarray, "h w 3"]:
    """Layers along a slanted axis, bent by fractal noise; `scale` is the number of layers in a scene unit."""
    along = points @ np.array([0.48, 0.36, 0.8])
    bend = fractal(points * scale / 2, seed, octaves)
    return palette_at(0.5 + 0.5 * np.sin(2 * np.pi * (scale * along + 0.9 * bend)), palette)


def cells_texture(
    points: Float64[np.ndarray, "h w 3"],
    palette: tuple[tuple[float, ...], ...],
    border: tuple[float, ...],
    scale: float,
    octaves: int,
    seed: int,
) -> Float64[np.ndarray, "h w 3"]:
    """Voronoi cells, each one colour of the palette, veined by noise, with joints of colour `border` between them."""
    rng = np.random.default_rng(seed)
    warped = points + 0.18 / scale * np.stack([fractal(points * scale * 1.3, seed + 31 * k, 3) for k in range(3)], -1)
    lo, hi = warped.min((0, 1)) - 1 / scale, warped.max((0, 1)) + 1 / scale
    count = np.maximum(np.ceil((hi - lo) * scale).astype(int), 1)
    lattice = np.stack(np.meshgrid(*(np.arange(n) for n in count), indexing="ij"), -1).reshape(-1, 3)
    seeds = lo + (lattice + rng.uniform(0.1, 0.9, lattice.shape)) / scale
    distance, nearest = (np.asarray(found) for found in KDTree(seeds).query(warped.reshape(-1, 3), k=2))
    colours = np.asarray(palette, dtype=np.float64)[rng.integers(len(palette), size=len(seeds))]
    vein = 1 + 0.35 * fractal(points * scale * 3, seed + 7, octaves).reshape(-1, 1)
    joint = np.clip(1 - (distance[:, 1] - distance[:, 0]) * scale / 0.14, 0, 1)[:, None]
    smooth = joint * joint * (3 - 2 * joint)
    colour = colours[nearest[:, 0]] * vein * (1 - smooth) + np.asarray(border) * smooth
    return colour.reshape(*points.shape[:2], 3)


def checker_texture(
    uv: Float64[np.ndarray, "h w 2"], palette: tuple[tuple[float, ...], ...], tiles: tuple[int, ...]
) -> Float64[np.ndarray, "h w 3"]:
    """Squares in the texture's own coordinates that take the palette's colours in turn."""
    square = np.floor(uv * np.asarray(tiles)).astype(int).sum(-1)
    return np.asarray(palette, dtype=np.float64)[square % len(palette)]


def image_texture(name: str, low: float, high: float) -> Float64[np.ndarray, "h w 3"]:
    """A photograph from scikit-image's wheel, its values decoded from sRGB and stretched to reflectances low to high.

    Raises `InputError` for a name that is not one of `IMAGES`, or when scikit-image is absent.
    """
    if name not in IMAGES:
        raise InputError(f"no image named '{name}'", "texture", did_you_mean(name, IMAGES))
    try:
        from skimage import data
    except ImportError:
        raise InputError("image textures need scikit-image", f"texture '{name}'", "pip install scikit-image") from None
    picture = np.asarray(getattr(data, name)(), dtype=np.float64) / 255
    picture = np.repeat(picture[..., None], 3, -1) if picture.ndim == 2 else picture[..., :3]
    light = np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4)
    lo, hi = np.quantile(light, [0.01, 0.99])
    return low + (high - low) * np.clip((light - lo) / (hi - lo), 0, 1)
