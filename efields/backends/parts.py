"""The input and output of a backend that renders rays in one fused call."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from efields.backends.hash_layout import HashLayout


@dataclass(frozen=True, eq=False)
class HashGridParts:
    """A hash-grid field, as `efields.fields.hash_grid` defines density and radiance from these parts."""

    lo: tuple[float, float, float]
    """Smallest corner of the box, world units."""
    hi: tuple[float, float, float]
    """Largest corner."""
    layout: HashLayout
    """Levels of the table."""
    table: Tensor
    """Rows of the table, `[rows, features]`."""
    density_weights: list[Tensor]
    """Features to log density and geometry, `[out, in]` each."""
    radiance_weights: list[Tensor]
    """Geometry and spherical harmonics of the view to radiance before its activation."""
    channels: int
    """Colours."""
    view_degree: int
    """Bands of spherical harmonics; 0 for none."""
    density_scale: float
    """Density of a log density of 0, in 1 / world unit."""
    ball_radius: float
    """Radius of the initial ball in half edges of the box; 0: none."""
    ball_log_density: float
    """What the ball adds to the log density in the middle, falling linearly to 0 at its radius."""
    radiance_bias: float
    """What is added before softplus."""
    least_radiance: float
    """What is added after it."""


@dataclass(frozen=True, eq=False)
class Marching:
    """How rays are cut into spans."""

    occupied: Bool[Tensor, " cells"]
    """Cells that may hold density, `resolution ** 3` of them, x slowest."""
    resolution: int
    """Cells along each edge of the box."""
    step: float
    """Length of a span, world units."""
    early_stop: float
    """Transmittance below which the rest of a ray is skipped; 0: never."""


@dataclass(frozen=True, eq=False)
class Looked:
    """What rays see of a field, before a background is added."""

    radiance: Float[Tensor, "n c"]
    """Sum of weight times radiance."""
    opacity: Float[Tensor, " n"]
    """Sum of weights."""
    moment: Float[Tensor, " n"]
    """Sum of weight times distance, world units."""
    distortion: Float[Tensor, " n"]
    """sum_ij w_i w_j |m_i - m_j| + 1/3 sum_i w_i^2 d_i, world units."""
    samples: int
    """Field samples that were taken."""
