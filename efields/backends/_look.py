"""The fused look of the native backend, differentiable in the parts of the field and in the rays."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from efields import native
from efields.backends._differentiable import once_differentiable
from efields.backends._structures import MOST_SAMPLES, Field, March, long, ours, pointer, pointers
from efields.backends.parts import HashGridParts, Looked, Marching


def look(
    parts: HashGridParts,
    marching: Marching,
    origin: Float[Tensor, "n 3"],
    direction: Float[Tensor, "n 3"],
    jitter: Float[Tensor, " n"] | None,
    spare: list[Tape],
) -> Looked | None:
    """What rays see of a field; None where the kernels are not made for it.

    `spare` keeps the tapes that no pass holds.
    """
    diagonal = math.hypot(*(high - low for low, high in zip(parts.lo, parts.hi, strict=True)))
    if (
        Field.refusal(parts)
        or not ours(origin, direction, *([] if jitter is None else [jitter]))
        or diagonal / marching.step > MOST_SAMPLES - 64
    ):
        return None
    origin, direction = origin.contiguous(), direction.contiguous()
    jitter = None if jitter is None else jitter.contiguous()
    weights = (parts.table, *parts.density_weights, *parts.radiance_weights)
    counted: list[int] = []
    if torch.is_grad_enabled() and any(v.requires_grad for v in (origin, direction, *weights)):
        outputs = _Look.apply(parts, marching, origin, direction, jitter, counted, spare, *weights)
    else:
        outputs = _forward(Field(parts), marching, origin, direction, jitter, counted, None)
    assert isinstance(outputs, tuple)
    return Looked(*outputs, samples=counted[0])


def density(parts: HashGridParts, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"] | None:
    """Density of points; None where gradients are wanted, or the kernels are not made for the field."""
    if torch.is_grad_enabled() or Field.refusal(parts) or not ours(points):
        return None
    points = points.contiguous()
    out = torch.empty(len(points))
    native.function("density")(ctypes.byref(Field(parts)), pointer(points), long(len(points)), pointer(out))
    return out


def _forward(
    field: Field,
    marching: Marching,
    origin: Tensor,
    direction: Tensor,
    jitter: Tensor | None,
    counted: list[int],
    tape: Tape | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    n = len(origin)
    seen = torch.empty((n, field.channels))
    opacity, moment, distortion = torch.empty((3, n)).unbind()
    samples = torch.zeros((n + 63) // 64, dtype=torch.int64)
    native.function("look")(
        ctypes.byref(field), ctypes.byref(March(marching)), pointer(origin), pointer(direction), pointer(jitter),
        long(n), ctypes.c_void_p(None if tape is None else tape.address), pointer(seen), pointer(opacity),
        pointer(moment), pointer(distortion), pointer(samples),
    )  # fmt: skip
    counted.append(int(samples.sum()))
    return seen, opacity, moment, distortion


class Tape:
    """Memory that one forward pass leaves to its backward pass; used again for the next one."""

    def __init__(self) -> None:
        new = native.library().ef_tape_new
        new.restype = ctypes.c_void_p
        self.address = new()

    def __del__(self) -> None:
        if self.address and native is not None:  # None while Python shuts down
            native.library().ef_tape_free(ctypes.c_void_p(self.address))
            self.address = None


_RAYS, _TABLE = slice(2, 4), 7
"""Where `_Look` takes origin and direction, and where the weights begin."""


class _Look(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        parts: HashGridParts,
        marching: Marching,
        origin: Tensor,
        direction: Tensor,
        jitter: Tensor | None,
        counted: list[int],
        spare: list[Tape],
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        ctx.field, ctx.parts, ctx.spare = Field(parts), parts, spare
        ctx.tape = spare.pop() if spare else Tape()
        ctx.save_for_backward(direction, *weights)  # a change in place before the backward pass is told
        return _forward(ctx.field, marching, origin, direction, jitter, counted, ctx.tape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.tape is None:
            raise RuntimeError("a fused look can be differentiated once")
        direction, table, *weights = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        split = len(ctx.parts.density_weights)
        grad_table = torch.empty_like(table) if wanted[_TABLE] else None
        grad_weights = [torch.empty_like(w, memory_format=torch.contiguous_format) for w in weights]
        of_rays = torch.empty((2, *direction.shape)).unbind() if any(wanted[_RAYS]) else (None, None)
        held = [g.contiguous() for g in grads]  # a temporary would be gone before the kernel reads it
        native.function("look_backward")(
            ctypes.byref(ctx.field), ctypes.c_void_p(ctx.tape.address), *(pointer(g) for g in held),
            pointer(grad_table), pointers(grad_weights[:split]), pointers(grad_weights[split:]),
            pointer(direction), *(pointer(g) for g in of_rays),
        )  # fmt: skip
        ctx.spare.append(ctx.tape)
        ctx.tape = None
        return (None, None, *of_rays, None, None, None, grad_table, *grad_weights)
