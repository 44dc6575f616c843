"""The reference backend: plain torch that defines every accelerated function, its value and its gradient.

Another backend subclasses `Backend`, overrides what it speeds up, and must equal these functions (tests/parity).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Float64, Int, Int64
from torch import Tensor

from efields.backends import flow_lattice, spherical, warped_events
from efields.backends.flow_lattice import LatticeExtent
from efields.backends.hash_layout import PRIMES, HashLayout, HashLevel
from efields.backends.parts import HashGridParts, Looked, Marching
from efields.backends.said import say_once
from efields.devices import KINDS
from efields.geometry.pose import corrected
from efields.geometry.rays import Rays, camera_rays
from efields.geometry.trajectory import Trajectory


class Backend:
    """The functions of a radiance field and its rendering that have faster twins elsewhere."""

    name = "reference"
    devices: tuple[str, ...] = KINDS
    """Kinds of devices that it is made for."""

    def __init__(self) -> None:
        self.fell_back: dict[str, str] = {}
        """Functions that were left to the reference, and why."""

    def falls_back(self, function: str, why: str) -> None:
        """Note, and say once, that a function is left to the reference, which is many times slower."""
        if function not in self.fell_back:
            self.fell_back[function] = why
            say_once(f"backend '{self.name}' leaves {function} to the reference, which is slower: {why}")

    def instruction_set(self) -> str | None:
        """Instructions of the processor that its kernels are compiled for; None where it has no kernels."""
        return None

    @staticmethod
    def unavailable() -> str | None:
        """Why this backend cannot run here, with the line that installs it; None when it can."""
        return None

    def hash_encode(
        self, position: Float[Tensor, "n d"], table: Float[Tensor, "rows f"], layout: HashLayout
    ) -> Float[Tensor, "n features"]:
        """Features of points in the unit cube, multilinear in each level of a hash grid, levels side by side.

        Differentiable in `table` and `position`. Source: Mueller et al. 2022, section 3.
        """
        out = _HashEncode.apply(position, table, layout)
        assert isinstance(out, Tensor)
        return out

    def spherical_harmonics(self, direction: Float[Tensor, "n 3"], degree: int) -> Float[Tensor, "n functions"]:
        """Real spherical harmonics of unit directions, bands 0 to degree - 1 (degree <= 4), tiny-cuda-nn's signs."""
        return spherical.spherical_harmonics(direction, degree)

    def mlp(self, features: Float[Tensor, "n i"], weights: list[Tensor]) -> Float[Tensor, "n o"]:
        """A multilayer perceptron without biases: ReLU between layers, linear at the end; weights are `[out, in]`."""
        for weight in weights[:-1]:
            features = torch.relu(features @ weight.T)
        return features @ weights[-1].T

    def composite(
        self, density: Float[Tensor, "n s"], radiance: Float[Tensor, "n s c"], width: Float[Tensor, "n s"]
    ) -> tuple[Float[Tensor, "n c"], Float[Tensor, "n s"]]:
        """Radiance that reaches the camera and the weight of each sample.

        alpha = 1 - exp(-density * width), weight = alpha * product of earlier (1 - alpha). Source: Max 1995, eq. 6.
        """
        depth = density * width
        before = torch.cumsum(depth, dim=1) - depth
        weights = torch.exp(-before) * -torch.expm1(-depth)
        return (weights[..., None] * radiance).sum(dim=1), weights

    def hash_grid_look(
        self,
        parts: HashGridParts,
        marching: Marching,
        origin: Float[Tensor, "n 3"],
        direction: Float[Tensor, "n 3"],
        jitter: Float[Tensor, " n"] | None,
    ) -> Looked | None:
        """What rays see of a field, where a backend does the whole look in one go; None: the renderer takes its steps.

        The renderer's steps define it: march, stop where light is gone, field, composite.
        """
        return None

    def hash_grid_density(self, parts: HashGridParts, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"] | None:
        """Density of points in the world, where a backend does it in one go; None: the field takes its steps."""
        return None

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
        """Update a parameter and its two moments in place, for step number `step`, counted from 1.

        Where `sparse`, numbers whose gradient is exactly zero keep their value and moments.
        Source: Kingma and Ba, ICLR 2015, algorithm 1.
        """
        if sparse:
            touched = grad.view(-1).nonzero()[:, 0]
            whole, grad = (parameter, mean, square), grad.view(-1)[touched]
            parameter, mean, square = (values.view(-1)[touched] for values in whole)
            self.adam(parameter, grad, mean, square, step=step, rate=rate, betas=betas, eps=eps, sparse=False)
            for values, new in zip(whole, (parameter, mean, square), strict=True):
                values.view(-1)[touched] = new
            return
        mean.lerp_(grad, 1 - betas[0])
        square.mul_(betas[1]).addcmul_(grad, grad, value=1 - betas[1])
        deviation = square.sqrt().div_((1 - betas[1] ** step) ** 0.5).add_(eps)
        parameter.addcdiv_(mean, deviation, value=-rate / (1 - betas[0] ** step))

    def camera_rays_at(
        self,
        trajectory: Trajectory,
        bearings: Float64[Tensor, "p 3"],
        pixel: Int64[Tensor, " n"],
        t_s: Float64[Tensor, " n"],
        correction: Float64[Tensor, "n 6"] | None = None,
    ) -> Rays:
        """Rays of pixels from where the camera is at each time, in seconds since the trajectory's `origin_us`.

        A correction rotates each pose by a rotation vector (three numbers) and translates it (three more),
        in camera axes. Differentiable in everything but the pixels.
        """
        poses = trajectory.at(t_s)
        return camera_rays(bearings, pixel, poses if correction is None else corrected(poses, correction))

    def splat_events(
        self, x: Float[Tensor, " n"], y: Float[Tensor, " n"], weight: Float[Tensor, " n"], height: int, width: int
    ) -> Float[Tensor, "height width"]:
        """Image of warped events, bilinear, differentiable in positions and weights; see `warped_events`."""
        return warped_events.splat_events(x, y, weight, height, width)

    def warp_events(
        self,
        values: Float[Tensor, "2 times rows columns"],
        extent: LatticeExtent,
        t_s: Float[Tensor, " n"],
        bearing: Float[Tensor, "n 2"],
        to_s: Float[Tensor, " n"],
        steps: int,
    ) -> Float[Tensor, "n 2"]:
        """Places of events at times `to_s` along the flow of a lattice, differentiable in it; see `flow_lattice`."""

        def flow(t_s: Tensor, bearing: Tensor) -> Tensor:
            return flow_lattice.flow_on_lattice(values, extent, t_s, bearing)

        return flow_lattice.along_trajectories(flow, t_s, bearing, to_s, steps)


class _HashEncode(torch.autograd.Function):
    """Gather and scatter over the corners of each cell; one level at a time, so that its rows stay in cache."""

    @staticmethod
    def forward(ctx: Any, position: Tensor, table: Tensor, layout: HashLayout) -> Tensor:
        columns = position.T.contiguous()
        encoded, corners = [], []
        for level in layout.levels:
            index, weight = _corners(columns, level)
            rows = table[level.offset : level.offset + level.size]
            encoded.append(_weighted_rows(index, weight, rows))
            corners += [index, weight]
        ctx.layout = layout
        ctx.save_for_backward(position, table, *corners)
        return torch.cat(encoded, dim=1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        position, table, *corners = ctx.saved_tensors
        layout: HashLayout = ctx.layout
        columns, grad = position.T.contiguous(), grads[0].T.contiguous()
        needs_position, needs_table = ctx.needs_input_grad[:2]
        grad_table = torch.zeros_like(table) if needs_table else None
        grad_position = torch.zeros_like(columns) if needs_position else None
        for number, level in enumerate(layout.levels):
            index, weight = corners[2 * number], corners[2 * number + 1]
            rows = slice(level.offset, level.offset + level.size)
            of_level = grad[number * layout.features : (number + 1) * layout.features]
            if grad_table is not None:
                flat = index.reshape(-1).long()
                for feature in range(layout.features):
                    column = torch.zeros(level.size, dtype=table.dtype, device=table.device)
                    column.scatter_add_(0, flat, (weight * of_level[feature][:, None]).reshape(-1))
                    grad_table[rows, feature] = column
            if grad_position is not None:
                for axis, slope in enumerate(_slopes(columns, level)):
                    change = _weighted_rows(index, slope, table[rows])
                    grad_position[axis] += (change * of_level.T).sum(dim=1)
        return None if grad_position is None else grad_position.T, grad_table, None


def _weighted_rows(index: Tensor, weight: Tensor, rows: Tensor) -> Tensor:
    """Sum of the rows at `index` [n, corners], each times its weight: `[n, f]`."""
    return torch.nn.functional.embedding_bag(index, rows, mode="sum", per_sample_weights=weight)


def _corners(
    columns: Float[Tensor, "d n"], level: HashLevel
) -> tuple[Int[Tensor, "n corners"], Float[Tensor, "n corners"]]:
    """Rows (within the level) and multilinear weights of the 2^d corners of each point's cell."""
    dimensions, n = columns.shape
    cell, sides = _cell(columns, level)
    strides = [level.resolution**d for d in range(dimensions)] if level.dense else PRIMES[:dimensions]
    # int32 products wrap as uint32 ones do: the low bits that the mask keeps are the same.
    low = [cell[d].int() * _as_int32(strides[d]) for d in range(dimensions)]
    ends = [(start, start + _as_int32(strides[d])) for d, start in enumerate(low)]
    corners = 1 << dimensions
    index = torch.empty((n, corners), dtype=torch.int32, device=columns.device)
    weight = torch.empty((n, corners), dtype=columns.dtype, device=columns.device)
    for corner in range(corners):
        bits = [(corner >> d) & 1 for d in range(dimensions)]
        row, product = ends[0][bits[0]], sides[bits[0]][0]
        for d in range(1, dimensions):
            row = row + ends[d][bits[d]] if level.dense else row ^ ends[d][bits[d]]
            product = product * sides[bits[d]][d]
        index[:, corner], weight[:, corner] = row, product
    if level.dense:
        # The far corner of the last cell lies beyond the last row: it wraps, as tiny-cuda-nn's modulus does.
        index.remainder_(level.size)
    else:
        index &= level.size - 1
    return index, weight


def _cell(columns: Float[Tensor, "d n"], level: HashLevel) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The cell of each point, and its multilinear weights at the low and the high side along each axis."""
    scaled = columns * level.scale + 0.5
    cell = scaled.floor()
    high = scaled - cell
    return cell, (1.0 - high, high)


def _slopes(columns: Float[Tensor, "d n"], level: HashLevel) -> list[Float[Tensor, "n corners"]]:
    """Derivative of the corners' weights by each coordinate."""
    _, sides = _cell(columns, level)
    dimensions = len(columns)
    slopes = []
    for axis in range(dimensions):
        rows = []
        for corner in range(1 << dimensions):
            bits = [(corner >> d) & 1 for d in range(dimensions)]
            product = torch.full_like(sides[0][0], level.scale if bits[axis] else -level.scale)
            for d in range(dimensions):
                if d != axis:
                    product = product * sides[bits[d]][d]
            rows.append(product)
        slopes.append(torch.stack(rows, dim=1))
    return slopes


def _as_int32(value: int) -> int:
    """The int32 with the same 32 bits."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value
