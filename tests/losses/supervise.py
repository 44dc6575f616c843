"""Supervision made by hand for tests of losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from efields.geometry.camera_motion import CameraMotion
from efields.geometry.rays import Rays
from efields.geometry.samples import Samples
from efields.geometry.trajectory import Trajectory
from efields.render.composite import distortion
from efields.render.renderer import Rendered
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
    start_s = torch.zeros(n, dtype=torch.float64)
    found = IntervalSupervision(
        log_start=torch.zeros_like(predicted),
        log_end=predicted,
        observed=observed,
        events=counts,
        starts_at_event=begun,
        pixel=torch.arange(n),
        start_s=start_s,
        end_s=start_s + 0.01,
        start_ray=torch.arange(n),
        end_ray=torch.arange(n, 2 * n),
        c_pos=c_pos,
        c_neg=c_neg,
    )
    return supervised({"events": found}, rendered(dtype=dtype))


def predicting(supervision: Supervision, predicted: torch.Tensor) -> Supervision:
    """The same intervals with another change of log radiance."""
    found = supervision.intervals
    moved = replace(found, log_end=found.log_start + predicted)
    return replace(supervision, compared=dict.fromkeys(supervision.compared, moved))


def frames(predicted: torch.Tensor, observed: torch.Tensor) -> Supervision:
    """Single pixels of one frame."""
    n = len(predicted)
    view = torch.zeros(n, dtype=torch.int64)
    return of_frames(FrameSupervision(predicted, observed, view, torch.arange(n), torch.arange(n), 1, None))


def of_frames(shown: FrameSupervision) -> Supervision:
    """What a loss sees that compares frames."""
    return supervised({"frames": shown}, rendered())


def supervised(
    compared: Mapping[str, IntervalSupervision | FrameSupervision], rendered: Rendered, extent: float = 2.0
) -> Supervision:
    """What a loss sees, along rays that no loss here looks at."""
    n = len(rendered.opacity)
    rays = Rays(torch.zeros(n, 3), torch.tensor([[0.0, 0.0, 1.0]]).expand(n, 3))
    still = CameraMotion(Trajectory.from_matrices(np.array([0, 1_000_000]), np.stack([np.eye(4)] * 2)))
    return Supervision(compared, rendered, rays, extent, torch.Generator().manual_seed(0), still)
