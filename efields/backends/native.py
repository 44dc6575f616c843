"""The native backend: the reference's functions by compiled kernels on the processor, in float32.

What the kernels do not support is left to the reference, and reported once (`Backend.falls_back`).
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from efields import native
from efields.backends import _events, _look, reference
from efields.backends._differentiable import once_differentiable
from efields.backends._structures import ROW_SIZES, Field, HashGrid, MlpShape, foreign, long, ours, pointer, pointers
from efields.backends.flow_lattice import LatticeExtent
from efields.backends.hash_layout import HashLayout
from efields.backends.parts import HashGridParts, Looked, Marching
from efields.errors import InputError
from efields.geometry.rays import Rays
from efields.geometry.trajectory import Trajectory
from efields.native.build import BuildError

FEW = 8
"""Numbers that cost nothing, whoever updates them, such as the sensor's, which are of double precision."""


class Backend(reference.Backend):
    """Compiled kernels where they exist, the reference elsewhere."""

    name = "native"
    devices = ("cpu",)

    def __init__(self) -> None:
        super().__init__()
        native.set_threads(torch.get_num_threads())
        self.spare_tapes: list[_look.Tape] = []

    def instruction_set(self) -> str | None:
        """Instructions of the processor that its kernels are compiled for."""
        return native.instruction_set()

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
    ) -> Float[Tensor, "n features"]:
        """Features of points in the unit cube; see the reference."""
        if not (ours(position, table) and layout.features in ROW_SIZES):
            self.falls_back("hash_encode", foreign(position, table) or f"{layout.features} features a level")
            return super().hash_encode(position, table, layout)
        out = _HashEncode.apply(position, table, layout)
        assert isinstance(out, Tensor)
        return out

    def spherical_harmonics(self, direction: Float[Tensor, "n 3"], degree: int) -> Float[Tensor, "n functions"]:
        """Real spherical harmonics of unit directions; see the reference."""
        if not ours(direction) or not 1 <= degree <= 4:
            self.falls_back("spherical_harmonics", foreign(direction) or f"degree {degree}")
            return super().spherical_harmonics(direction, degree)
        out = _Harmonics.apply(direction, degree)
        assert isinstance(out, Tensor)
        return out

    def mlp(self, features: Float[Tensor, "n i"], weights: list[Tensor]) -> Float[Tensor, "n o"]:
        """A multilayer perceptron without biases; see the reference."""
        if not ours(features, *weights) or not MlpShape.takes(features.shape[1], weights):
            self.falls_back("mlp", foreign(features, *weights) or MlpShape.limits)
            return super().mlp(features, weights)
        out = _Mlp.apply(features, *weights)
        assert isinstance(out, Tensor)
        return out

    def hash_grid_look(
        self,
        parts: HashGridParts,
        marching: Marching,
        origin: Float[Tensor, "n 3"],
        direction: Float[Tensor, "n 3"],
        jitter: Float[Tensor, " n"] | None,
    ) -> Looked | None:
        """The whole render in one kernel; see the reference."""
        looked = _look.look(parts, marching, origin, direction, jitter, self.spare_tapes)
        if looked is None:
            given = [origin, direction, *([] if jitter is None else [jitter])]
            self.falls_back("hash_grid_look", Field.refusal(parts) or foreign(*given) or "too many spans along a ray")
        return looked

    def adam(
        self,
        parameter: Tensor,
        grad: Tensor,
        mean: Tensor,
        square: Tensor,
        *,
        step: int,
        rate: float,
        betas: tuple[float, float],
        eps: float,
        sparse: bool,
    ) -> None:
        """One step of Adam in one pass over memory; see the reference."""
        tensors = (parameter, grad, mean, square)
        if not ours(*tensors) or not all(t.is_contiguous() for t in tensors):
            if parameter.numel() > FEW:
                self.falls_back("adam", foreign(*tensors) or "tensors that are not contiguous")
            super().adam(*tensors, step=step, rate=rate, betas=betas, eps=eps, sparse=sparse)
            return
        native.function("adam")(
            *(pointer(t) for t in tensors), long(parameter.numel()), ctypes.c_double(rate), ctypes.c_double(betas[0]),
            ctypes.c_double(betas[1]), ctypes.c_double(eps), long(step), int(sparse),
        )  # fmt: skip

    def hash_grid_density(self, parts: HashGridParts, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"] | None:
        """Density of points in one kernel; see the reference."""
        density = _look.density(parts, points)
        if density is None and not torch.is_grad_enabled():
            self.falls_back("hash_grid_density", Field.refusal(parts) or foreign(points))
        return density

    def camera_rays_at(
        self,
        trajectory: Trajectory,
        bearings: Float64[Tensor, "p 3"],
        pixel: Int64[Tensor, " n"],
        t_s: Float64[Tensor, " n"],
        correction: Float64[Tensor, "n 6"] | None = None,
    ) -> Rays:
        """Rays of pixels at times; see the reference."""
        rays = _events.camera_rays_at(trajectory, bearings, pixel, t_s, correction)
        if rays is None:
            self.falls_back("camera_rays_at", "gradients of the times of poses, or not float64 on the processor")
            return super().camera_rays_at(trajectory, bearings, pixel, t_s, correction)
        return rays

    def splat_events(
        self, x: Float[Tensor, " n"], y: Float[Tensor, " n"], weight: Float[Tensor, " n"], height: int, width: int
    ) -> Float[Tensor, "height width"]:
        """Image of warped events; see the reference."""
        image = _events.splat_events(x, y, weight, height, width)
        if image is None:
            self.falls_back("splat_events", foreign(x, y, weight) or "an image of 2^31 pixels or more")
            return super().splat_events(x, y, weight, height, width)
        return image

    def warp_events(
        self,
        values: Float[Tensor, "2 times rows columns"],
        extent: LatticeExtent,
        t_s: Float[Tensor, " n"],
        bearing: Float[Tensor, "n 2"],
        to_s: Float[Tensor, " n"],
        steps: int,
    ) -> Float[Tensor, "n 2"]:
        """Places of events along the flow of a lattice; see the reference, which also differentiates by places."""
        places = _events.warp_events(values, extent, t_s, bearing, to_s, steps)
        if places is None:
            self.falls_back("warp_events", foreign(values, t_s, bearing, to_s) or "gradients of places, or many steps")
            return super().warp_events(values, extent, t_s, bearing, to_s, steps)
        return places


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
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        position, table = ctx.saved_tensors
        grad = grads[0].contiguous()
        wants_position, wants_table = ctx.needs_input_grad[:2]
        grad_table = torch.empty_like(table) if wants_table else None
        grad_position = torch.empty_like(position) if wants_position else None
        native.function("hash_encode_backward")(
            ctypes.byref(ctx.grid), pointer(table), pointer(position), pointer(grad),
            long(len(position)), pointer(grad_table), pointer(grad_position),
        )  # fmt: skip
        return grad_position, grad_table, None


class _Harmonics(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, direction: Tensor, degree: int) -> Tensor:
        direction, ctx.degree = direction.detach().contiguous(), degree
        out = torch.empty((len(direction), degree * degree))
        native.function("spherical_harmonics")(pointer(direction), long(len(direction)), degree, pointer(out))
        ctx.save_for_backward(direction)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (direction,), grad = ctx.saved_tensors, grads[0].contiguous()
        out = torch.empty_like(direction)
        native.function("spherical_harmonics_backward")(
            pointer(direction), pointer(grad), long(len(direction)), ctx.degree, pointer(out)
        )
        return out, None


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
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        features, *weights = ctx.saved_tensors
        grad = grads[0].contiguous()
        grad_features = torch.empty_like(features) if ctx.needs_input_grad[0] else None
        grad_weights = [torch.empty_like(w, memory_format=torch.contiguous_format) for w in weights]
        native.function("mlp_backward")(
            ctypes.byref(ctx.shape), pointer(features), pointer(grad), long(len(features)),
            pointer(grad_features), pointers(grad_weights),
        )  # fmt: skip
        return grad_features, *grad_weights
