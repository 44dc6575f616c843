"""The structures that kernels read (efields/native/src), filled from tensors, and the addresses of tensors."""

from __future__ import annotations

import ctypes

import numpy as np
import torch
from torch import Tensor

from efields.backends.flow_lattice import LatticeExtent
from efields.backends.hash_layout import HashLayout
from efields.backends.parts import HashGridParts, Marching

MOST_WIDTH, MOST_LAYERS = 256, 8
"""Largest perceptron of the kernels (src/mlp.h)."""
ROW_SIZES = (1, 2, 4, 8)
"""Features of a row of the hash table (src/hash.h)."""
MOST_CHANNELS = 8
"""Most colours of a fused look."""
MOST_SAMPLES = 4096
"""Most spans along the diagonal of the box (src/look.h)."""
MOST_WARP_STEPS = 8
"""Most midpoint steps of a warp (src/warp.cpp)."""

long = ctypes.c_int64


def ours(*tensors: Tensor) -> bool:
    """Whether kernels take these tensors: float32 on the processor."""
    return all(t.dtype == torch.float32 and t.device.type == "cpu" for t in tensors)


def foreign(*tensors: Tensor) -> str:
    """Which tensors kernels do not take, in words; empty where all are ours."""
    kinds = {f"{str(t.dtype).removeprefix('torch.')} on {t.device.type}": None for t in tensors if not ours(t)}
    return f"tensors of {' and of '.join(kinds)}" if kinds else ""


def pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    """The address of a contiguous tensor's first number; null for None."""
    if tensor is None:
        return ctypes.c_void_p(0)
    assert tensor.is_contiguous()
    return ctypes.c_void_p(tensor.data_ptr())


def pointers(tensors: list[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    """An array of the addresses of contiguous tensors."""
    return (ctypes.c_void_p * len(tensors))(*(pointer(t) for t in tensors))


class HashGrid(ctypes.Structure):
    """struct HashGrid of hash.h; holds on to the arrays it points to."""

    _fields_ = (
        *[(name, ctypes.c_int32) for name in ("dimensions", "features", "levels", "rows")],
        *[(name, ctypes.c_void_p) for name in ("scale", "resolution", "offset", "size", "dense")],
    )

    def __init__(self, layout: HashLayout) -> None:
        super().__init__(layout.dimensions, layout.features, len(layout.levels), layout.rows)
        self.held = []
        types = {"scale": np.float32, "dense": np.uint8}
        for name in ("scale", "resolution", "offset", "size", "dense"):
            values = np.array([getattr(level, name) for level in layout.levels], dtype=types.get(name, np.uint32))
            self.held.append(values)
            setattr(self, name, values.ctypes.data)


class MlpShape(ctypes.Structure):
    """struct MlpShape of mlp.h; holds on to the weights it points to."""

    _fields_ = (
        ("layers", ctypes.c_int32),
        ("widths", ctypes.c_int32 * (MOST_LAYERS + 1)),
        ("weights", ctypes.c_void_p * MOST_LAYERS),
    )

    def __init__(self, weights: list[Tensor]) -> None:
        self.held = [w.detach().contiguous() for w in weights]
        widths = [self.held[0].shape[1], *(len(w) for w in self.held)]
        super().__init__(len(weights), tuple(widths), tuple(w.data_ptr() for w in self.held))

    limits = f"a perceptron wider than {MOST_WIDTH} or of more than {MOST_LAYERS} layers"
    """What the kernels are not made for."""

    @staticmethod
    def takes(widest_input: int, weights: list[Tensor]) -> bool:
        """Whether the kernels are made for a perceptron of this size."""
        return max([widest_input, *(len(w) for w in weights)]) <= MOST_WIDTH and 1 <= len(weights) <= MOST_LAYERS


class Field(ctypes.Structure):
    """struct Field of field.h; holds on to what it points to."""

    _fields_ = (
        ("grid", HashGrid),
        ("density", MlpShape),
        ("radiance", MlpShape),
        ("table", ctypes.c_void_p),
        ("lo", ctypes.c_float * 3),
        ("size", ctypes.c_float * 3),
        ("channels", ctypes.c_int32),
        ("view_degree", ctypes.c_int32),
        *[
            (name, ctypes.c_float)
            for name in ("density_scale", "ball_radius", "ball_log_density", "radiance_bias", "least_radiance")
        ],
    )

    def __init__(self, parts: HashGridParts) -> None:
        self.held = (
            HashGrid(parts.layout),
            MlpShape(parts.density_weights),
            MlpShape(parts.radiance_weights),
            parts.table.detach().contiguous(),
        )
        grid, density, radiance, table = self.held
        size = tuple(high - low for low, high in zip(parts.lo, parts.hi, strict=True))
        super().__init__(
            grid, density, radiance, table.data_ptr(), parts.lo, size, parts.channels, parts.view_degree,
            parts.density_scale, parts.ball_radius, parts.ball_log_density, parts.radiance_bias, parts.least_radiance,
        )  # fmt: skip

    @staticmethod
    def refusal(parts: HashGridParts) -> str:
        """Why the kernels are not made for this field, as it is now and here; empty where they are."""
        tensors = (parts.table, *parts.density_weights, *parts.radiance_weights)
        if not ours(*tensors):
            return foreign(*tensors)
        if parts.layout.dimensions != 3:
            return f"{parts.layout.dimensions} dimensions"
        if parts.layout.features not in ROW_SIZES:
            return f"{parts.layout.features} features a level"
        perceptrons = (
            (parts.layout.width, parts.density_weights),
            (1 + parts.radiance_weights[0].shape[1], parts.radiance_weights),
        )
        if not all(MlpShape.takes(*perceptron) for perceptron in perceptrons):
            return MlpShape.limits
        return f"{parts.channels} channels" if parts.channels > MOST_CHANNELS else ""


class March(ctypes.Structure):
    """struct March of look.h; holds on to the grid it points to."""

    _fields_ = (
        ("occupied", ctypes.c_void_p),
        ("resolution", ctypes.c_int32),
        ("step", ctypes.c_float),
        ("early_stop", ctypes.c_float),
    )

    def __init__(self, marching: Marching) -> None:
        self.held = marching.occupied.contiguous()
        super().__init__(self.held.data_ptr(), marching.resolution, marching.step, marching.early_stop)


class Lattice(ctypes.Structure):
    """struct Lattice of warp.h: node = place * per + first, for time, row and column."""

    _fields_ = (
        *[(name, ctypes.c_int64) for name in ("times", "rows", "columns")],
        ("per", ctypes.c_float * 3),
        ("first", ctypes.c_float * 3),
    )

    def __init__(self, values: Tensor, extent: LatticeExtent) -> None:
        sizes = values.shape[1:]
        halves = (extent.half_s, extent.half[1], extent.half[0])
        per = [(size - 1) / (2 * half) for size, half in zip(sizes, halves, strict=True)]
        middles = (0.0, extent.centre[1], extent.centre[0])
        first = [(size - 1) / 2 - middle * p for size, middle, p in zip(sizes, middles, per, strict=True)]
        three = ctypes.c_float * 3
        super().__init__(*sizes, three(*per), three(*first))
