"""The native backend's kernels for moving cameras and warped events, and what they take."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from efields import native
from efields.backends._differentiable import once_differentiable
from efields.backends._structures import MOST_WARP_STEPS, Lattice, long, ours, pointer
from efields.backends.flow_lattice import LatticeExtent
from efields.geometry.rays import Rays
from efields.geometry.trajectory import Trajectory


def camera_rays_at(
    trajectory: Trajectory, bearings: Float64[Tensor, "p 3"], pixel: Int64[Tensor, " n"], t_s: Float64[Tensor, " n"]
) -> Rays | None:
    """The reference's rays, differentiable in bearings, times and the trajectory's segments; None for what the kernel
    does not take.

    Raises `IndexError` for pixels that the camera does not have.
    """
    if pixel.dtype != torch.int64 or pixel.device.type != "cpu" or pixel.shape != t_s.shape or len(bearings) == 0:
        return None
    if any(t.dtype != torch.float64 or t.device.type != "cpu" for t in (bearings, t_s)):
        return None
    segments = trajectory.segments(t_s.device)
    learned = bearings, t_s, segments.rotation, segments.position, segments.increment
    if not torch.is_grad_enabled() or not any(t.requires_grad for t in (segments.t_s, *learned)):
        return Rays(*_camera_rays(_Moving(segments.t_s, *learned, pixel, trajectory.kind == "cubic")))
    if segments.t_s.requires_grad:
        return None
    rays = _CameraRays.apply(segments.t_s, *learned, pixel, trajectory.kind == "cubic")
    assert isinstance(rays, tuple)
    return Rays(*rays)


class _Moving:
    """A camera's segments, its pixels and times, as the kernels take them; holds on to what it points to."""

    def __init__(
        self,
        knots: Tensor,
        bearings: Tensor,
        t_s: Tensor,
        rotation: Tensor,
        position: Tensor,
        increment: Tensor,
        pixel: Tensor,
        cubic: bool,
    ) -> None:
        held = (knots, rotation, position, increment, bearings, pixel, t_s)
        self.held = tuple(values.detach().contiguous() for values in held)
        knots, rotation, position, increment, bearings, pixel, t_s = self.held
        self.count, self.pixels = len(pixel), len(bearings)
        self.arguments = (
            pointer(knots), pointer(rotation), pointer(position), pointer(increment), long(len(knots)), int(cubic),
            pointer(bearings), long(len(bearings)), pointer(pixel), pointer(t_s), long(len(pixel)),
        )  # fmt: skip


def _camera_rays(moving: _Moving) -> tuple[Tensor, Tensor]:
    origin, direction = torch.empty((moving.count, 3)), torch.empty((moving.count, 3))
    outside = ctypes.c_int32(0)
    native.function("camera_rays")(*moving.arguments, pointer(origin), pointer(direction), ctypes.byref(outside))
    if outside.value:
        raise IndexError(f"pixels beyond the camera's {moving.pixels}")
    return origin, direction


class _CameraRays(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(*inputs[:-1])
        ctx.cubic = inputs[-1]
        return _camera_rays(_Moving(*inputs))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        knots, bearings, t_s, *segments, pixel = ctx.saved_tensors
        rotation, position, increment = segments
        moving = _Moving(knots, bearings, t_s, rotation, position, increment, pixel, ctx.cubic)
        wanted = ctx.needs_input_grad[1:6]
        of_bearing = t_s.new_empty((len(t_s), 3)) if wanted[0] else None
        of_t = torch.empty_like(t_s, memory_format=torch.contiguous_format) if wanted[1] else None
        of_segments = [
            torch.empty_like(values, memory_format=torch.contiguous_format) if any(wanted[2:]) else None
            for values in segments
        ]
        held = [grad.contiguous() for grad in grads]
        native.function("camera_rays_backward")(
            *moving.arguments, *(pointer(grad) for grad in held), *(pointer(grad) for grad in of_segments),
            pointer(of_t), pointer(of_bearing),
        )  # fmt: skip
        of_pixels = None
        if of_bearing is not None:
            of_pixels = torch.zeros_like(bearings).index_put_((pixel,), of_bearing, accumulate=True)
        return (None, of_pixels, of_t, *of_segments, None, None)


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
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        columns, grad = ctx.saved_tensors, grads[0].contiguous()
        wanted = ctx.needs_input_grad[:3]
        out = [torch.empty_like(column) if wants else None for column, wants in zip(columns, wanted, strict=True)]
        native.function("splat_backward")(
            *(pointer(c) for c in columns), long(len(columns[0])), long(grad.shape[0]), long(grad.shape[1]),
            pointer(grad), *(pointer(column) for column in out),
        )  # fmt: skip
        return *out, None, None


def warp_events(
    values: Float[Tensor, "2 times rows columns"],
    extent: LatticeExtent,
    t_s: Float[Tensor, " n"],
    bearing: Float[Tensor, "n 2"],
    to_s: Float[Tensor, " n"],
    steps: int,
) -> Float[Tensor, "n 2"] | None:
    """The reference's places, differentiable in `values` alone; None for what the kernel does not take."""
    of_events = (t_s, bearing, to_s)
    differentiated = torch.is_grad_enabled() and any(column.requires_grad for column in of_events)
    if differentiated or not ours(values, *of_events) or not 1 <= steps <= MOST_WARP_STEPS:
        return None
    if not (t_s.shape == to_s.shape == bearing.shape[:1] and bearing.shape[1:] == (2,) and values.numel() > 0):
        return None
    out = _Warp.apply(values, extent, *(column.contiguous() for column in of_events), steps)
    assert isinstance(out, Tensor)
    return out


class _Warp(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, extent: LatticeExtent, t_s: Tensor, bearing: Tensor, to_s: Tensor, steps: int
    ) -> Tensor:
        values = values.detach().contiguous()
        ctx.lattice, ctx.steps = Lattice(values, extent), steps
        out = torch.empty_like(bearing)
        native.function("warp")(
            ctypes.byref(ctx.lattice), pointer(values), pointer(t_s), pointer(bearing), pointer(to_s),
            long(len(t_s)), steps, pointer(out),
        )  # fmt: skip
        ctx.save_for_backward(values, t_s, bearing, to_s)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        values, t_s, bearing, to_s = ctx.saved_tensors
        grad, grad_values = grads[0].contiguous(), torch.empty_like(values)
        native.function("warp_backward")(
            ctypes.byref(ctx.lattice), pointer(values), pointer(t_s), pointer(bearing), pointer(to_s),
            long(len(t_s)), ctx.steps, pointer(grad), pointer(grad_values),
        )  # fmt: skip
        return grad_values, None, None, None, None, None
