"""A radiance field on a multiresolution hash grid with small perceptrons.

Source: Mueller et al., Instant Neural Graphics Primitives, SIGGRAPH 2022; radiance activation of Robust e-NeRF
(ICCV 2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from efields.backends.hash_layout import HashLayout
from efields.backends.parts import HashGridParts, Looked, Marching
from efields.backends.reference import Backend
from efields.errors import InputError
from efields.geometry.boxes import Box
from efields.geometry.rays import Points, Rays
from efields.machine import memory_here
from efields.parameters import ParameterGroup
from efields.ranges import Range, check_ranges

MINIMUM_RADIANCE = 1e-3
"""Least radiance that a field gives, so that its logarithm exists (Robust e-NeRF's min_modeled_intensity)."""
BALL_LOG_DENSITY = 5.0
"""Logarithm of how much denser than its surroundings the middle of the initial ball is."""
GEOMETRY_FEATURES = 15
"""Features that the density network hands to the radiance network."""


@dataclass(frozen=True)
class Config:
    """Settings of the hash-grid field."""

    levels: Annotated[int, Range(1, 32)] = 8
    """Levels of the grid."""
    features: Annotated[int, Range(1, 16)] = 4
    """Features a level."""
    log2_size: Annotated[int, Range(3, 28)] = 16
    """Most rows of one level, as a power of two. 15 to 17 fit a CPU's cache; 19 is common on GPUs."""
    base_resolution: Annotated[int, Range(2, 2**16)] = 16
    """Vertices along the box at the coarsest level."""
    finest_resolution: Annotated[int, Range(2, 2**20)] = 256
    """Vertices along the box at the finest level."""
    width: Annotated[int, Range(1, 1024)] = 64
    """Hidden units of each layer."""
    radiance_layers: Annotated[int, Range(0, 16)] = 2
    """Hidden layers of the radiance network."""
    view_degree: Annotated[int, Range(0, 4)] = 2
    """Bands of spherical harmonics of the viewing direction; 0: radiance does not depend on direction."""
    initial_opacity: Annotated[float, Range(above=0, below=1)] = 0.1
    """Opacity of the untrained field along one edge of the box."""
    initial_ball: Annotated[float, Range(0, 10)] = 0.0
    """Radius of a denser ball in the middle of the untrained field, in half edges of the box; 0: none. Scenes of one
    object converge faster with it: otherwise the background shows through the object for a long time."""
    initial_radiance: Annotated[float, Range(above=0, most=500)] = 0.3
    """Radiance of the untrained field, compared with a background near 1."""

    def __post_init__(self) -> None:
        check_ranges(self)
        needed = 4 * self.layout().rows * self.features
        if needed > memory_here() // 4:
            what = f"the hash table would take {needed / 1e9:,.1f} GB, and three times as much again to train"
            raise InputError(what, do="lower log2_size, features or levels")

    def layout(self) -> HashLayout:
        """Where the levels lie in the table; raises `ValueError` for numbers that make no grid."""
        return HashLayout.build(
            dimensions=3,
            levels=self.levels,
            features=self.features,
            base_resolution=self.base_resolution,
            finest_resolution=self.finest_resolution,
            log2_size=self.log2_size,
        )

    def build(self, box: Box, channels: int, generator: torch.Generator) -> HashGridField:
        """The field over `box` with `channels` of radiance; weights drawn by `generator`."""
        return HashGridField(self, box, channels, generator)


class HashGridField(nn.Module):
    """Density and radiance of points in a box."""

    moves = False

    def __init__(self, config: Config, box: Box, channels: int, generator: torch.Generator) -> None:
        super().__init__()
        self.config, self.box, self.channels = config, box, channels
        self.layout = config.layout()
        table = torch.rand((self.layout.rows, config.features), generator=generator) * 2e-4 - 1e-4
        self.table = nn.Parameter(table)
        view = config.view_degree**2
        hidden = [config.width] * config.radiance_layers
        self.density_weights = _layers([self.layout.width, config.width, 1 + GEOMETRY_FEATURES], generator)
        self.radiance_weights = _layers([GEOMETRY_FEATURES + view, *hidden, channels], generator)
        edge = sum(h - lo for lo, h in zip(box.lo, box.hi, strict=True)) / 3
        self.density_scale = -math.log1p(-config.initial_opacity) / edge
        """Density of an untrained point: what gives `initial_opacity` along a mean edge of the box."""
        self.radiance_bias = math.log(math.expm1(config.initial_radiance))
        """What softplus turns into `initial_radiance`."""

    def forward(self, points: Points, backend: Backend) -> tuple[Float[Tensor, " n"], Float[Tensor, "n c"]]:
        """Density (1 / world unit) and linear radiance (>= MINIMUM_RADIANCE) of points seen along unit directions."""
        density, geometry = self._density(points.position, backend)
        if self.config.view_degree:
            view = backend.spherical_harmonics(points.view, self.config.view_degree)
            geometry = torch.cat((geometry, view), dim=1)
        raw = backend.mlp(geometry, list(self.radiance_weights)) + self.radiance_bias
        return density, nn.functional.softplus(raw) + MINIMUM_RADIANCE

    def density(self, points: Points, backend: Backend) -> Float[Tensor, " n"]:
        """Density of points, in 1 / world unit."""
        found = backend.hash_grid_density(self.parts(), points.position)
        return self._density(points.position, backend)[0] if found is None else found

    def fused_look(
        self, backend: Backend, rays: Rays, marching: Marching, jitter: Float[Tensor, " n"] | None
    ) -> Looked | None:
        """Fused rendering, by backends that have a kernel for this field."""
        return backend.hash_grid_look(self.parts(), marching, rays.origin, rays.direction, jitter)

    def parts(self) -> HashGridParts:
        """What a backend needs to do a whole look in one go."""
        return HashGridParts(
            lo=self.box.lo,
            hi=self.box.hi,
            layout=self.layout,
            table=self.table,
            density_weights=list(self.density_weights),
            radiance_weights=list(self.radiance_weights),
            channels=self.channels,
            view_degree=self.config.view_degree,
            density_scale=self.density_scale,
            ball_radius=self.config.initial_ball,
            ball_log_density=BALL_LOG_DENSITY,
            radiance_bias=self.radiance_bias,
            least_radiance=MINIMUM_RADIANCE,
        )

    def _density(self, position: Tensor, backend: Backend) -> tuple[Tensor, Tensor]:
        unit = self.box.unit(position)
        features = backend.hash_encode(unit, self.table, self.layout)
        raw = backend.mlp(features, list(self.density_weights))
        log_density = raw[:, 0]
        if self.config.initial_ball > 0:
            # As the density blob of DreamFusion (Poole et al. 2023, appendix A): a fixed offset that training can undo.
            distance = torch.linalg.vector_norm(2.0 * unit - 1.0, dim=1)
            log_density = log_density + BALL_LOG_DENSITY * (1.0 - distance / self.config.initial_ball).clamp(min=0.0)
        return truncated_exp(log_density) * self.density_scale, raw[:, 1:]

    def parameter_groups(self) -> list[ParameterGroup]:
        """The table, which learns faster, and the perceptrons."""
        weights = [*self.density_weights, *self.radiance_weights]
        return [ParameterGroup("table", [self.table], 1.0, sparse=True), ParameterGroup("weights", weights, None)]


def _layers(widths: list[int], generator: torch.Generator) -> nn.ParameterList:
    """Weights `[out, in]` of a perceptron, uniform as He et al. 2015 propose for ReLU."""
    weights = []
    for inside, outside in pairwise(widths):
        bound = math.sqrt(6.0 / inside)
        weights.append(nn.Parameter((torch.rand((outside, inside), generator=generator) * 2 - 1) * bound))
    return nn.ParameterList(weights)


class _TruncatedExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, raw: Tensor) -> Tensor:
        value = torch.exp(raw.clamp(max=15.0))
        ctx.save_for_backward(value)
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (value,) = ctx.saved_tensors
        return grads[0] * value


def truncated_exp(raw: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """exp(min(raw, 15)), whose gradient stays that of exp at the clamped value (Instant NGP's density activation)."""
    out = _TruncatedExp.apply(raw)
    assert isinstance(out, Tensor)
    return out
