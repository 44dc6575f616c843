"""Score a field on held-out views, which its training never saw."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from efields.errors import InputError
from efields.evaluate import scores
from efields.evaluate.protocols import (
    GAMMA,
    ColorSpace,
    Gauge,
    Pictures,
    Protocol,
    fit_gauge,
    largest,
    protocol_named,
)
from efields.events.sensor import LUMINANCE
from efields.geometry.camera import Camera
from efields.recordings.recording import Views
from efields.render.image import render_view
from efields.render.renderer import Renderer

NO_REFERENCE = "not available: no reference frames"

Rendered = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]
"""Radiance [h, w, c], depth [h, w] and opacity [h, w] of each view."""
OnView = Callable[[int, int], None]
"""Called with the number of views done and of all views."""


@dataclass(frozen=True)
class Evaluation:
    """Scores and pictures of one evaluation."""

    metrics: dict[str, Any]
    """Content of metrics.json; plain finite numbers, or None with a `..._reason`."""
    reference: Sequence[Float32[np.ndarray, "_ _ c"]] | None
    """Reference images in the space of the comparison; None without any."""
    render: Sequence[Float32[np.ndarray, "_ _ c"]]
    """Renders aligned to the reference, in the same space; plain radiance without reference."""
    depth: Sequence[Float32[np.ndarray, "_ _"]]
    """Rendered distance along the unit ray, world units."""
    opacity: Sequence[Float32[np.ndarray, "_ _"]]
    """Rendered opacity, 0 to 1."""
    depth_truth: Sequence[Float32[np.ndarray, "_ _"]] | None
    """Reference depth, inf where nothing is hit."""
    T_world_camera: Float64[np.ndarray, "n 4 4"]
    """Poses of the views, OpenCV axes."""
    names: tuple[str, ...]
    """Names of the views."""
    color_space: ColorSpace
    """Space of `reference` and `render`."""
    t_us: Int64[np.ndarray, " n"] | None
    """Absolute time of each view in microseconds; None for views without."""
    gauge: Gauge | None
    """The brightness ambiguity (gauge) that was removed."""


@torch.no_grad()
def render_views(
    renderer: Renderer,
    cameras: Sequence[Camera],
    T_world_camera: Float64[np.ndarray, "n 4 4"],
    t_s: Float64[np.ndarray, " n"] | None = None,
    on_view: OnView | None = None,
) -> Rendered:
    """Render each camera at its pose and time, in seconds since the recording's start; all at the start if None."""
    rendered = []
    times = [None] * len(cameras) if t_s is None else t_s.tolist()
    for i, (camera, pose, time) in enumerate(zip(cameras, T_world_camera, times, strict=True)):
        rendered.append(render_view(renderer, camera, pose, time))
        if on_view is not None:
            on_view(i + 1, len(cameras))
    return tuple([getattr(view, key) for view in rendered] for key in ("radiance", "depth", "opacity"))  # type: ignore[return-value]


def seconds_of(renderer: Renderer, views: Views) -> Float64[np.ndarray, " n"] | None:
    """When views were taken, in seconds since the recording's start; None for views without a time."""
    return None if views.t_us is None else (views.t_us - renderer.origin_us) * 1e-6


def match_channels(render: Pictures, truth: Pictures) -> tuple[Pictures, Pictures]:
    """Reduce the one of three channels to luminance where the other has one; raises `InputError` for other numbers."""
    ours, theirs = render[0].shape[-1], truth[0].shape[-1]
    weights = np.asarray(LUMINANCE, dtype=np.float32)
    if ours == theirs:
        return render, truth
    if (ours, theirs) == (1, 3):
        return render, [(image @ weights)[..., None] for image in truth]
    if (ours, theirs) == (3, 1):
        return [(image @ weights)[..., None] for image in render], truth
    raise InputError(f"a model with {ours} channels cannot be compared with references that have {theirs}")


def evaluate_views(
    renderer: Renderer,
    views: Views,
    protocol: Protocol | str = "robust",
    *,
    on_view: OnView | None = None,
) -> Evaluation:
    """Render every view, fit the gauge of `protocol` on all of them at once, and score image and depth.

    PSNR and SSIM are means over views; the range is one number for the whole set.
    """
    if len(views) == 0:
        raise InputError("there are no reference views")
    t_s = seconds_of(renderer, views)
    rendered = render_views(renderer, views.camera_of_each, views.T_world_camera, t_s, on_view)
    return score_views(rendered, views, protocol)


def score_views(rendered: Rendered, views: Views, protocol: Protocol | str) -> Evaluation:
    """`evaluate_views` for views that are already rendered: one rendering serves several protocols."""
    rule = protocol_named(protocol) if isinstance(protocol, str) else protocol
    radiance, depth, opacity = rendered
    seen, truth = match_channels(radiance, views.images)
    gauge = fit_gauge(seen, truth, rule, views.color_space)
    reference, render = rule.reference(truth, views.color_space), gauge.apply_to_each(seen)
    space: ColorSpace = "display" if rule.gamma_space else views.color_space
    data_range = rule.data_range(reference)
    each_psnr = [scores.psnr(x, y, data_range) for x, y in zip(render, reference, strict=True)]
    each_ssim = [scores.ssim(x, y, data_range) for x, y in zip(render, reference, strict=True)]
    measured_ssim = [value for value in each_ssim if value is not None]
    white = largest(reference)
    perceptual = scores.lpips(_display(render, white, space), _display(reference, white, space))
    depth_score = scores.depth_abs_rel(_flat(depth), views.distance, _flat(opacity))
    metrics: dict[str, Any] = {
        "protocol": rule.name,
        "protocol_summary": rule.sentence(len(views)),
        "views": len(views),
        "views_are": "novel views" if views.t_us is None else "the camera's own frames",
        "fitted_on": f"all {len(views.pixels)} pixels of {len(views)} views at once, including background"
        if rule.fit != "none"
        else "nothing is fitted",
        "psnr": float(np.mean(each_psnr)),
        "psnr_reason": None,
        "ssim": float(np.mean(measured_ssim)) if measured_ssim else None,
        "ssim_reason": None if measured_ssim else f"images are smaller than the window of {scores.SSIM_WINDOW} pixels",
        "lpips": perceptual.value,
        "lpips_reason": perceptual.reason,
        "depth_abs_rel": depth_score.abs_rel,
        "depth_coverage": depth_score.coverage,
        "depth_reason": depth_score.reason,
        "data_range": data_range,
        "gauge": gauge.as_dict(),
        "view_scores": [
            {"name": name, "psnr": p, "ssim": s} for name, p, s in zip(views.names, each_psnr, each_ssim, strict=True)
        ],
    }
    return Evaluation(
        metrics=metrics,
        reference=reference,
        render=render,
        depth=depth,
        opacity=opacity,
        depth_truth=views.depths,
        T_world_camera=views.T_world_camera,
        names=views.names,
        color_space=space,
        t_us=views.t_us,
        gauge=gauge,
    )


def heldout_psnr(renderer: Renderer, views: Views, protocol: Protocol | str = "robust", count: int = 4) -> float:
    """PSNR of `count` views spread over the set, for a progress line; the gauge is fitted on these views alone."""
    rule = protocol_named(protocol) if isinstance(protocol, str) else protocol
    some = views.take(spread(len(views), count))
    t_s = seconds_of(renderer, some)
    radiance, _, _ = render_views(renderer, some.camera_of_each, some.T_world_camera, t_s)
    return mean_psnr(radiance, some, rule)


def mean_psnr(radiance: Sequence[Float32[np.ndarray, "_ _ c"]], views: Views, rule: Protocol) -> float:
    """PSNR of renders of all views after the fit of one gauge, mean over the views."""
    seen, truth = match_channels(radiance, views.images)
    render = fit_gauge(seen, truth, rule, views.color_space).apply_to_each(seen)
    reference = rule.reference(truth, views.color_space)
    data_range = rule.data_range(reference)
    return float(np.mean([scores.psnr(x, y, data_range) for x, y in zip(render, reference, strict=True)]))


def spread(total: int, count: int) -> list[int]:
    """At most `count` indices spread evenly over 0 .. total - 1."""
    return sorted({int(i) for i in (np.arange(min(count, total)) + 0.5) / max(min(count, total), 1) * total})


def finite(value: Any) -> Any:
    """The same structure with None in place of NaN and infinities, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _display(pictures: Pictures, white: float, space: ColorSpace) -> list[np.ndarray]:
    """Images as display values 0..1, where 1 is `white`."""
    shown = [np.clip(image / np.float32(max(white, 1e-12)), 0.0, 1.0) for image in pictures]
    return shown if space == "display" else [image ** np.float32(1.0 / GAMMA) for image in shown]


def _flat(maps: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([values.reshape(-1) for values in maps])
