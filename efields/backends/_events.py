"""The native backend's kernels for moving cameras and warped events, and what they take."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from efields import native
from efields.backends._structures import long, ours, pointer
from efields.geometry.rays import Rays
from efields.geometry.trajectory import Trajectory


def camera_rays_at(
    trajectory: Trajectory, bearings: Float64[Tensor, "p 3"], pixel: Int64[Tensor, " n"], t_s: Float64[Tensor, " n"]
) -> Rays | None:
    """The reference's rays, where no gradient is asked for; None for what the kernel does not take.

    Raises `IndexError` for pixels that the camera does not have.
    """
    doubles, differentiated = (bearings, t_s), torch.is_grad_enabled() and (bearings.requires_grad or t_s.requires_grad)
    if differentiated or any(t.dtype != torch.float64 or t.device.type != "cpu" for t in doubles):
        return None
    if pixel.dtype != torch.int64 or pixel.device.type != "cpu" or pixel.shape != t_s.shape or len(bearings) == 0:
        return None
    segments = trajectory.segments(t_s.device)
    knots, rotation, position, increment = (
        values.contiguous() for values in (segments.t_s, segments.rotation, segments.position, segments.increment)
    )
    bearings, pixel, t_s = bearings.detach().contiguous(), pixel.contiguous(), t_s.detach().contiguous()
    origin, direction = torch.empty((len(pixel), 3)), torch.empty((len(pixel), 3))
    outside = ctypes.c_int32(0)
    native.function("camera_rays")(
        pointer(knots), pointer(rotation), pointer(position), pointer(increment), long(len(knots)),
        int(trajectory.kind == "cubic"), pointer(bearings), long(len(bearings)), pointer(pixel), pointer(t_s),
        long(len(pixel)), pointer(origin), pointer(direction), ctypes.byref(outside),
    )  # fmt: skip
    if outside.value:
        raise IndexError(f"pixels beyond the camera's {len(bearings)}")
    return Rays(origin, direction)


def splat_events(
    x: Float[Tensor, " n"], y: Float[Tensor, " n"], weight: Float[Tensor, " n"], height: int, width: int
) -> Float[Tensor, "height width"] | None:
    """The reference's image of warped events; None for what the kernel does not take."""
    if not ours(x, y, weight) or not x.shape == y.shape == weight.shape or (height + 2) * (width + 2) >= 2**31:
        return None
    out = _Splat.apply(x, y, weight, height, width)
    assert isinstance(out, Tensor)
    return out


class _Splat(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, weight: Tensor, height: int, width: int) -> Tensor:
        x, y, weight = (column.detach().contiguous() for column in (x, y, weight))
        out = torch.empty((height, width))
        native.function("splat")(
            pointer(x), pointer(y), pointer(weight), long(len(x)), long(height), long(width), pointer(out)
        )
        ctx.save_for_backward(x, y, weight)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        columns, grad = ctx.saved_tensors, grads[0].contiguous()
        wanted = ctx.needs_input_grad[:3]
        out = [torch.empty_like(column) if wants else None for column, wants in zip(columns, wanted, strict=True)]
        native.function("splat_backward")(
            *(pointer(c) for c in columns), long(len(columns[0])), long(grad.shape[0]), long(grad.shape[1]),
            pointer(grad), *(pointer(column) for column in out),
        )  # fmt: skip
        return *out, None, None
