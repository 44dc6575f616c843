"""Score a field on views that its training never saw."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64

from efields.errors import InputError
from efields.evaluate import scores
from efields.evaluate.protocols import GAMMA, ColorSpace, Gauge, Protocol, fit_gauge, protocol_named
from efields.recording import Views
from efields.render.image import render_view
from efields.render.renderer import Renderer

NO_REFERENCE = "not available: no reference frames"
LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of linear R, G, B in luminance (Rec. 709), for a grey model beside colour references or the reverse."""

Rendered = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Radiance [n, h, w, c], depth [n, h, w] and opacity [n, h, w] of views."""
OnView = Callable[[int, int], None]
"""Called with the number of views done and of all views."""


@dataclass(frozen=True)
class Evaluation:
    """Scores and pictures of one evaluation."""

    metrics: dict[str, Any]
    """What metrics.json holds; plain finite numbers, or None beside a `..._reason`."""
    reference: Float32[np.ndarray, "n h w c"] | None
    """Reference images in the space of the comparison; None without any."""
    render: Float32[np.ndarray, "n h w c"]
    """Renders aligned to the reference, in the same space; plain radiance without reference."""
    depth: Float32[np.ndarray, "n h w"]
    """Rendered distance along the unit ray, world units."""
    opacity: Float32[np.ndarray, "n h w"]
    """Rendered opacity, 0 to 1."""
    depth_truth: Float32[np.ndarray, "n h w"] | None
    """Reference depth, inf where nothing is hit."""
    T_world_camera: Float64[np.ndarray, "n 4 4"]
    """Poses of the views, OpenCV axes."""
    names: tuple[str, ...]
    """Names of the views."""
    color_space: ColorSpace
    """Space of `reference` and `render`."""
    gauge: Gauge | None
    """The brightness freedom that was removed."""


@torch.no_grad()
def render_views(renderer: Renderer, views: Views, on_view: OnView | None = None) -> Rendered:
    """Radiance [n, h, w, c], depth [n, h, w] and opacity [n, h, w] at the poses and with the camera of `views`."""
    rendered = []
    for i, pose in enumerate(views.T_world_camera):
        rendered.append(render_view(renderer, views.camera, pose))
        if on_view is not None:
            on_view(i + 1, len(views))
    return tuple(np.stack([getattr(view, key) for view in rendered]) for key in ("radiance", "depth", "opacity"))  # type: ignore[return-value]


def match_channels(render: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reduce the one of three channels to luminance where the other has one; raises `InputError` on other numbers."""
    ours, theirs = render.shape[-1], truth.shape[-1]
    weights = np.asarray(LUMINANCE, dtype=np.float32)
    if ours == theirs:
        return render, truth
    if (ours, theirs) == (1, 3):
        return render, (truth @ weights)[..., None]
    if (ours, theirs) == (3, 1):
        return (render @ weights)[..., None], truth
    raise InputError(f"a model of {ours} channels cannot be compared with references of {theirs}")


def evaluate_views(
    renderer: Renderer, views: Views, protocol: Protocol | str = "robust", *, on_view: OnView | None = None
) -> Evaluation:
    """Render every view, fit the gauge of `protocol` on all of them at once, and score image and depth.

    PSNR and SSIM are means over views; the range is one number for the whole set.
    """
    if len(views) == 0:
        raise InputError("there are no reference views")
    return score_views(render_views(renderer, views, on_view), views, protocol)


def score_views(rendered: Rendered, views: Views, protocol: Protocol | str) -> Evaluation:
    """`evaluate_views` of views that are rendered already: one rendering serves several protocols."""
    rule = protocol_named(protocol) if isinstance(protocol, str) else protocol
    radiance, depth, opacity = rendered
    radiance, truth = match_channels(radiance, views.image)
    gauge = fit_gauge(radiance, truth, rule, views.color_space)
    reference, render = rule.reference(truth, views.color_space), gauge.apply(radiance)
    space: ColorSpace = "display" if rule.gamma_space else views.color_space
    data_range = rule.data_range(reference)
    each_psnr = [scores.psnr(x, y, data_range) for x, y in zip(render, reference, strict=True)]
    each_ssim = [scores.ssim(x, y, data_range) for x, y in zip(render, reference, strict=True)]
    measured_ssim = [value for value in each_ssim if value is not None]
    perceptual = scores.lpips(_display(render, reference, space), _display(reference, reference, space))
    depth_score = scores.depth_abs_rel(depth, views.depth, opacity)
    metrics: dict[str, Any] = {
        "protocol": rule.name,
        "protocol_summary": rule.sentence(len(views)),
        "views": len(views),
        "views_are": "novel views" if views.t_us is None else "the camera's own frames",
        "fitted_on": f"all {truth.size // truth.shape[-1]} pixels of {len(views)} views at once, background included"
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
        depth_truth=views.depth,
        T_world_camera=views.T_world_camera,
        names=views.names,
        color_space=space,
        gauge=gauge,
    )


def heldout_psnr(renderer: Renderer, views: Views, protocol: Protocol | str = "robust", count: int = 4) -> float:
    """PSNR of `count` views spread over the set, for a progress line; the gauge is fitted on these views alone."""
    rule = protocol_named(protocol) if isinstance(protocol, str) else protocol
    some = views.take(spread(len(views), count))
    radiance, _, _ = render_views(renderer, some)
    radiance, truth = match_channels(radiance, some.image)
    render = fit_gauge(radiance, truth, rule, some.color_space).apply(radiance)
    reference = rule.reference(truth, some.color_space)
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


def _display(image: np.ndarray, reference: np.ndarray, space: ColorSpace) -> np.ndarray:
    """Images as display values 0..1, white at the largest reference value."""
    shown = np.clip(image / np.float32(max(float(reference.max()), 1e-12)), 0.0, 1.0)
    return shown if space == "display" else shown ** np.float32(1.0 / GAMMA)
