"""The hash grid encoding of tiny-cuda-nn, point by point in plain Python: what backends are compared with."""

from __future__ import annotations

import itertools
import math

import numpy as np

PRIMES = (1, 2654435761, 805459861, 3674653429)


def level_numbers(base: int, finest: int, levels: int, level: int) -> tuple[float, int]:
    """Scale and resolution of a level, in single precision as tiny-cuda-nn's grid_scale and grid_resolution."""
    growth = (finest / base) ** (1 / (levels - 1)) if levels > 1 else 1.0
    scale = np.exp2(np.float32(level) * np.log2(np.float32(growth))) * np.float32(base) - np.float32(1)
    return float(scale), math.ceil(scale) + 1


def level_rows(resolution: int, dimensions: int, log2_size: int) -> int:
    """Rows of a level: all vertices rounded up to eights, at most the hash table's size."""
    return min((resolution**dimensions + 7) // 8 * 8, 2**log2_size)


def row_of(vertex: tuple[int, ...], resolution: int, rows: int) -> int:
    """Row of a vertex: by strides while they fit, else by the hash (grid_index)."""
    stride, index = 1, 0
    for place in vertex:
        if stride > rows:
            break
        index += place * stride
        stride *= resolution
    if stride > rows:
        index = 0
        for place, prime in zip(vertex, PRIMES, strict=False):
            index ^= (place * prime) & 0xFFFFFFFF
    return index % rows


def encode(point: np.ndarray, table: np.ndarray, *, base: int, finest: int, levels: int, log2_size: int) -> np.ndarray:
    """Features of one point, levels side by side."""
    out, offset = [], 0
    for level in range(levels):
        scale, resolution = level_numbers(base, finest, levels, level)
        rows = level_rows(resolution, len(point), log2_size)
        place = [x * scale + 0.5 for x in point.tolist()]
        cell = [math.floor(p) for p in place]
        total = np.zeros(table.shape[1])
        for corner in itertools.product((0, 1), repeat=len(point)):
            weight = 1.0
            for p, c, far in zip(place, cell, corner, strict=True):
                weight *= (p - c) if far else 1 - (p - c)
            vertex = tuple(c + far for c, far in zip(cell, corner, strict=True))
            total += weight * table[offset + row_of(vertex, resolution, rows)]
        out.append(total)
        offset += rows
    return np.concatenate(out)
