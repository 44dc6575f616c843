"""Supervision made by hand for tests of losses."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from efields.render.renderer import Rendered
from efields.render.samples import Samples, distortion
from efields.supervision import FrameSupervision, IntervalSupervision, Supervision

C_POS, C_NEG = 0.3, 0.2
C_MEAN = 0.25


def weighed(
    rays: int = 4, samples: int = 6, seed: int = 0, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, Samples]:
    """Random weights whose sum stays below one, on sorted spans with gaps."""
    generator = torch.Generator().manual_seed(seed)
    edges = torch.rand(rays, 2 * samples, generator=generator, dtype=dtype).sort(dim=1).values * 3
    spans = Samples(edges[:, 0::2], edges[:, 1::2])
    return torch.rand(rays, samples, generator=generator, dtype=dtype) / samples, spans


def seen(weights: torch.Tensor, spans: Samples) -> Rendered:
    """What rays with these weights see, of radiance 0.5."""
    opacity = weights.sum(1)
    return Rendered(0.5 * opacity[:, None], opacity, opacity, distortion(weights, spans), weights.numel())


def rendered(dtype: torch.dtype = torch.float32) -> Rendered:
    """What rays with random weights see."""
    return seen(*weighed(dtype=dtype))


def intervals(
    predicted: Sequence[float] | torch.Tensor,
    observed: Sequence[float] | torch.Tensor,
    events: Sequence[int] | None = None,
    starts: bool | Sequence[bool] = True,
    dtype: torch.dtype = torch.float32,
) -> Supervision:
    predicted, observed = torch.as_tensor(predicted, dtype=dtype), torch.as_tensor(observed, dtype=dtype)
    n = len(predicted)
    counts = torch.ones(n, dtype=torch.int64) if events is None else torch.as_tensor(events, dtype=torch.int64)
    begun = torch.full((n,), starts) if isinstance(starts, bool) else torch.tensor(starts)
    c_pos, c_neg = torch.tensor(C_POS, dtype=dtype), torch.tensor(C_NEG, dtype=dtype)
    found = IntervalSupervision(predicted, observed, counts, begun, c_pos, c_neg)
    return Supervision(found, None, rendered(dtype=dtype), extent=2.0)


def frames(predicted: torch.Tensor, observed: torch.Tensor) -> Supervision:
    return Supervision(None, FrameSupervision(predicted, observed), rendered(), extent=2.0)
