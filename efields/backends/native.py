"""The native backend: the reference's functions by compiled kernels on the processor, in float32.

Tensors of another type or on another device take the reference's way.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from efields import native
from efields.backends import reference
from efields.backends.hash_layout import HashLayout
from efields.errors import InputError
from efields.native.build import BuildError

MOST_WIDTH, MOST_LAYERS = 256, 8
"""Largest perceptron of the kernels (src/mlp.h)."""


class Backend(reference.Backend):
    """Compiled kernels where there are some, the reference elsewhere."""

    name = "native"

    def __init__(self) -> None:
        native.set_threads(torch.get_num_threads())

    @staticmethod
    def unavailable() -> str | None:
        """Why this backend cannot run here, with the line that installs it; None when it can."""
        try:
            native.instruction_set()
        except (BuildError, InputError) as error:
            return str(error)
        return None

    def hash_encode(
        self, position: Float[Tensor, "n d"], table: Float[Tensor, "rows f"], layout: HashLayout
    ) -> Float[Tensor, "n levels*f"]:
        """Features of points in the unit cube; see the reference."""
        if not (_ours(position, table) and layout.features in (1, 2, 4, 8)):
            return super().hash_encode(position, table, layout)
        out = _HashEncode.apply(position, table, layout)
        assert isinstance(out, Tensor)
        return out

    def spherical_harmonics(self, direction: Float[Tensor, "n 3"], degree: int) -> Float[Tensor, "n degree*degree"]:
        """Real spherical harmonics of unit directions; see the reference, which also differentiates them."""
        if not _ours(direction) or direction.requires_grad or not 1 <= degree <= 4:
            return super().spherical_harmonics(direction, degree)
        direction = direction.contiguous()
        out = torch.empty((len(direction), degree * degree))
        native.function("spherical_harmonics")(pointer(direction), long(len(direction)), degree, pointer(out))
        return out

    def mlp(self, features: Float[Tensor, "n i"], weights: list[Tensor]) -> Float[Tensor, "n o"]:
        """A multilayer perceptron without biases; see the reference."""
        widest = max([features.shape[1], *(len(w) for w in weights)])
        if not _ours(features, *weights) or widest > MOST_WIDTH or len(weights) > MOST_LAYERS:
            return super().mlp(features, weights)
        out = _Mlp.apply(features, *weights)
        assert isinstance(out, Tensor)
        return out


def _ours(*tensors: Tensor) -> bool:
    """Whether the kernels take these tensors: float32 on the processor."""
    return all(t.dtype == torch.float32 and t.device.type == "cpu" for t in tensors)


long = ctypes.c_int64


def pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    """The address of a contiguous tensor's first number; null for None."""
    if tensor is None:
        return ctypes.c_void_p(0)
    assert tensor.is_contiguous()
    return ctypes.c_void_p(tensor.data_ptr())


class HashGrid(ctypes.Structure):
    """struct HashGrid of src/hash.h."""

    _fields_ = (
        *[(name, ctypes.c_int32) for name in ("dimensions", "features", "levels", "rows")],
        *[(name, ctypes.c_void_p) for name in ("scale", "resolution", "offset", "size", "dense")],
    )

    def __init__(self, layout: HashLayout) -> None:
        super().__init__(layout.dimensions, layout.features, len(layout.levels), layout.rows)
        self.columns = []  # keeps the arrays alive that the structure points to
        types = {"scale": np.float32, "dense": np.uint8}
        for name in ("scale", "resolution", "offset", "size", "dense"):
            values = np.array([getattr(level, name) for level in layout.levels], dtype=types.get(name, np.uint32))
            self.columns.append(values)
            setattr(self, name, values.ctypes.data)


class MlpShape(ctypes.Structure):
    """struct MlpShape of src/mlp.h; holds on to the weights it points to."""

    _fields_ = (
        ("layers", ctypes.c_int32),
        ("widths", ctypes.c_int32 * (MOST_LAYERS + 1)),
        ("weights", ctypes.c_void_p * MOST_LAYERS),
    )

    def __init__(self, weights: list[Tensor]) -> None:
        self.held = [w.detach().contiguous() for w in weights]
        widths = [self.held[0].shape[1], *(len(w) for w in self.held)]
        addresses = [w.data_ptr() for w in self.held]
        super().__init__(len(weights), (ctypes.c_int32 * (MOST_LAYERS + 1))(*widths),
                         (ctypes.c_void_p * MOST_LAYERS)(*addresses))  # fmt: skip


class _HashEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, position: Tensor, table: Tensor, layout: HashLayout) -> Tensor:
        position, table = position.detach().contiguous(), table.detach().contiguous()
        out = torch.empty((len(position), layout.width))
        ctx.grid = HashGrid(layout)
        native.function("hash_encode")(
            ctypes.byref(ctx.grid), pointer(table), pointer(position), long(len(position)), pointer(out)
        )
        ctx.save_for_backward(position, table)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        position, table = ctx.saved_tensors
        wants_position, wants_table = ctx.needs_input_grad[:2]
        grad_table = torch.empty_like(table) if wants_table else None
        grad_position = torch.empty_like(position) if wants_position else None
        native.function("hash_encode_backward")(
            ctypes.byref(ctx.grid), pointer(table), pointer(position), pointer(grads[0].contiguous()),
            long(len(position)), pointer(grad_table), pointer(grad_position),
        )  # fmt: skip
        return grad_position, grad_table, None


class _Mlp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, *weights: Tensor) -> Tensor:
        features = features.detach().contiguous()
        ctx.shape = MlpShape(list(weights))
        out = torch.empty((len(features), len(weights[-1])))
        native.function("mlp")(ctypes.byref(ctx.shape), pointer(features), long(len(features)), pointer(out))
        ctx.save_for_backward(features, *weights)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        features, *weights = ctx.saved_tensors
        grad_features = torch.empty_like(features) if ctx.needs_input_grad[0] else None
        grad_weights = [torch.empty_like(w, memory_format=torch.contiguous_format) for w in weights]
        addresses = (ctypes.c_void_p * len(weights))(*(g.data_ptr() for g in grad_weights))
        native.function("mlp_backward")(
            ctypes.byref(ctx.shape), pointer(features), pointer(grads[0].contiguous()), long(len(features)),
            pointer(grad_features), addresses,
        )  # fmt: skip
        return grad_features, *grad_weights
