"""Quadrature along rays: what samples add up to, in plain torch and, where a backend has one, by its kernel."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from efields.backends.parts import Looked
from efields.backends.reference import Backend
from efields.geometry.rays import Points, Rays
from efields.geometry.samples import Samples


def composited(
    samples: Samples, density: Float[Tensor, " m"], radiance: Float[Tensor, "m c"], backend: Backend
) -> tuple[Looked, Float[Tensor, "n s"]]:
    """What rays see of the field's answers at their used samples, row by row, and the weight of every span."""
    used = samples.used
    rows, columns = used.nonzero(as_tuple=True)
    n, s = used.shape
    flat = rows * s + columns
    dense = density.new_zeros(n * s).index_put((flat,), density).view(n, s)
    colours = radiance.new_zeros((n * s, radiance.shape[1])).index_put((flat,), radiance)
    seen, weights = backend.composite(dense, colours.view(n, s, radiance.shape[1]), samples.width)
    moment = (weights * samples.middle).sum(dim=1)
    return Looked(seen, weights.sum(dim=1), moment, distortion(weights, samples), len(rows)), weights


def used_points(rays: Rays, samples: Samples) -> Points:
    """The middles of the used spans, row by row."""
    rows, columns = samples.used.nonzero(as_tuple=True)
    return rays.points(rows, samples.middle[rows, columns])


def distortion(weights: Float[Tensor, "n s"], samples: Samples) -> Float[Tensor, " n"]:
    """sum_ij w_i w_j |m_i - m_j| + 1/3 sum_i w_i^2 d_i along each ray, world units.

    Source: Barron et al., Mip-NeRF 360, CVPR 2022, eq. 15; the sum over pairs is done in linear time as in DVGO v2.
    """
    middle, width = samples.middle, samples.width
    # Spans are sorted, so |m_i - m_j| = m_i - m_j for j < i, and each pair counts twice.
    before = weights.cumsum(1) - weights
    moment = (weights * middle).cumsum(1) - weights * middle
    between = 2.0 * (weights * (middle * before - moment)).sum(1)
    within = (weights**2 * width).sum(1) / 3.0
    return between + within
