"""The native backend's kernels for moving cameras and warped events, and what they take."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from efields import native
from efields.backends._differentiable import once_differentiable
from efields.backends._structures import MOST_WARP_STEPS, Lattice, long, ours, pointer
from efields.backends.flow_lattice import LatticeExtent
from efields.geometry.rays import Rays
from efields.geometry.trajectory import Trajectory


def camera_rays_at(
    trajectory: Trajectory,
    bearings: Float[Tensor, "p 3"],
    pixel: Int64[Tensor, " n"],
    t_s: Float[Tensor, " n"],
    correction: Float[Tensor, "n 6"] | None,
) -> Rays | None:
    """The reference's rays, differentiable but in the times of the poses; None for what the kernel does not take.

    Raises `IndexError` for pixels that the camera does not have.
    """
    if pixel.dtype != torch.int64 or pixel.device.type != "cpu" or pixel.shape != t_s.shape or len(bearings) == 0:
        return None
    if correction is not None and correction.shape != (len(t_s), 6):
        return None
    doubles = (bearings, t_s) if correction is None else (bearings, t_s, correction)
    if any(t.dtype != torch.float64 or t.device.type != "cpu" for t in doubles):
        return None
    segments = trajectory.segments(t_s.device)
    inputs = (
        segments.t_s, segments.rotation, segments.position, segments.increment, bearings, t_s, correction, pixel,
    )  # fmt: skip
    cubic = trajectory.kind == "cubic"
    if not torch.is_grad_enabled() or not any(t is not None and t.requires_grad for t in inputs):
        return Rays(*_camera_rays(_Moving(*inputs, cubic)))
    if segments.t_s.requires_grad:
        return None
    rays = _CameraRays.apply(*inputs, cubic)
    assert isinstance(rays, tuple)
    return Rays(*rays)


class _Moving:
    """A camera's segments, its pixels and times, as the kernels take them; holds on to what it points to."""

    def __init__(
        self,
        knots: Tensor,
        rotation: Tensor,
        position: Tensor,
        increment: Tensor,
        bearings: Tensor,
        t_s: Tensor,
        correction: Tensor | None,
        pixel: Tensor,
        cubic: bool,
    ) -> None:
        given = (knots, rotation, position, increment, bearings, pixel, t_s, correction)
        self.held = tuple(None if values is None else values.detach().contiguous() for values in given)
        knots_at, *segments, bearings_at, pixel_at, t_at, correction_at = map(pointer, self.held)
        self.count, self.pixels = len(pixel), len(bearings)
        self.arguments = (
            knots_at, *segments, long(len(knots)), int(cubic), bearings_at, long(len(bearings)), pixel_at, t_at,
            long(len(pixel)), correction_at,
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
        knots, rotation, position, increment, bearings, t_s, correction, pixel = ctx.saved_tensors
        moving = _Moving(knots, rotation, position, increment, bearings, t_s, correction, pixel, ctx.cubic)
        of_bearings, of_t, of_correction = ctx.needs_input_grad[4:7]

        def out(wanted: bool, like: Tensor, *shape: int) -> Tensor | None:
            return like.new_empty(shape or like.shape) if wanted else None

        learned = any(ctx.needs_input_grad[1:4])
        by_segments = [out(learned, values) for values in (rotation, position, increment)]
        by_t, by_correction = out(of_t, t_s), out(of_correction, t_s, len(t_s), 6)
        by_bearing = out(of_bearings, t_s, len(t_s), 3)
        held = [grad.contiguous() for grad in grads]
        native.function("camera_rays_backward")(
            *moving.arguments,
            *(pointer(grad) for grad in (*held, *by_segments, by_t, by_correction, by_bearing)),
        )
        by_bearings = None
        if by_bearing is not None:
            by_bearings = torch.zeros_like(bearings).index_put_((pixel,), by_bearing, accumulate=True)
        return (None, *by_segments, by_bearings, by_t, by_correction, None, None)


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
