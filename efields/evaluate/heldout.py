"""Score a run on views that its training never saw, and keep what the report shows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float32, Float64

from efields.atomic import replacing, write_text
from efields.errors import InputError
from efields.evaluate import scores
from efields.evaluate.environment import environment
from efields.evaluate.event_windows import EventWindows, choose_windows, compare_windows, pose_at
from efields.evaluate.protocols import GAMMA, ColorSpace, Gauge, Protocol, fit_gauge, protocol_named
from efields.recording import Recording, Views
from efields.render.image import render_view
from efields.render.renderer import Renderer
from efields.train import views_for

if TYPE_CHECKING:
    from efields.train.run import Model, Run

NO_REFERENCE = "not available: no reference frames"
KEPT_VIEWS = 48
"""Views whose images are kept in heldout.npz, spread over the set; scores are kept for all."""
TRAJECTORY_VIEWS = 8
"""Poses of the trajectory that are rendered for the report when there are no reference views."""
LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of linear R, G, B in luminance (Rec. 709), for a grey model beside colour references or the reverse."""

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
def render_views(
    renderer: Renderer, views: Views, on_view: OnView | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    rule = protocol_named(protocol) if isinstance(protocol, str) else protocol
    if len(views) == 0:
        raise InputError("there are no reference views")
    radiance, depth, opacity = render_views(renderer, views, on_view)
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


def evaluate_run(
    run: Run, recording: Recording, protocol: Protocol | str | None = None, *, on_view: OnView | None = None
) -> Evaluation:
    """Score a run on the recording's held-out views; writes metrics.json, heldout.npz and events.npz in the run folder.

    The protocol is the run's own unless one is given. Without reference views the scores are None with a reason, and
    poses of the trajectory are rendered for the report.
    """
    chosen = run.experiment.evaluate.protocol if protocol is None else protocol
    rule = protocol_named(chosen) if isinstance(chosen, str) else chosen
    model = run.load_model()
    here = recording.calibrated
    if (model.camera.width, model.camera.height) != (here.width, here.height):
        sizes = f"{here.width}x{here.height}, the run's {model.camera.width}x{model.camera.height}"
        raise InputError(
            f"the recording's camera has {sizes}", recording.path, "give the recording that was trained on"
        )
    _, views = views_for(run.experiment, recording)
    if views is not None and len(views) > 0:
        evaluation = evaluate_views(model.renderer, views, rule, on_view=on_view)
    else:
        evaluation = _without_reference(model, rule, on_view)
    windows = compare_windows(model, recording.events, choose_windows(recording.events, model.trajectory))
    evaluation.metrics.update(_training_facts(run, recording), event_windows=windows.summary())
    _write_arrays(run.path / "heldout.npz", _heldout_arrays(evaluation))
    _write_arrays(run.path / "events.npz", _event_arrays(windows))
    write_text(run.path / "metrics.json", json.dumps(finite(evaluation.metrics), indent=2, allow_nan=False) + "\n")
    return evaluation


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


def _without_reference(model: Model, rule: Protocol, on_view: OnView | None) -> Evaluation:
    """Renders along the trajectory where nothing can be scored."""
    times = np.linspace(model.trajectory.start_us, model.trajectory.end_us, 2 * TRAJECTORY_VIEWS + 1)[1::2]
    poses = np.stack([pose_at(model.trajectory, int(t)) for t in times])
    size = (model.camera.height, model.camera.width)
    names = tuple(f"{(t - model.trajectory.origin_us) * 1e-6:.3f} s" for t in times)
    blank = Views(np.zeros((len(poses), *size, 1), np.float32), poses, model.camera, names)
    radiance, depth, opacity = render_views(model.renderer, blank, on_view)
    unscored = dict.fromkeys(("psnr", "ssim", "lpips", "depth_abs_rel", "depth_coverage", "gauge", "data_range"))
    reasons = {f"{key}_reason": NO_REFERENCE for key in ("psnr", "ssim", "lpips", "depth")}
    metrics = {
        "protocol": rule.name,
        "protocol_summary": NO_REFERENCE,
        "views": 0,
        "views_are": "none",
        "fitted_on": "nothing is fitted",
        **unscored,
        **reasons,
        "view_scores": [],
    }
    return Evaluation(metrics, None, radiance, depth, opacity, None, poses, names, "linear", None)


def _training_facts(run: Run, recording: Recording) -> dict[str, Any]:
    """What was trained, on what, for how long."""
    training = run.training()
    last = (run.read_metrics() or [{}])[-1]
    return {
        "scene": recording.name,
        "train_seconds": training.get("train_seconds", last.get("seconds")),
        "events": training.get("events", len(recording.covered)),
        "steps": training.get("steps", last.get("step")),
        "backend": training.get("backend", run.experiment.backend),
        "seed": training.get("seed", run.experiment.seed),
        "environment": environment(),
    }


def _heldout_arrays(evaluation: Evaluation) -> dict[str, np.ndarray]:
    """Arrays of heldout.npz: float16 pictures of at most `KEPT_VIEWS` views, names, poses and scores."""
    kept = spread(len(evaluation.names), KEPT_VIEWS)
    each = evaluation.metrics["view_scores"]
    arrays = {
        "render": _half(evaluation.render[kept]),
        "depth": _half(evaluation.depth[kept]),
        "opacity": _half(evaluation.opacity[kept]),
        "T_world_camera": evaluation.T_world_camera[kept],
        "names": np.array([evaluation.names[i] for i in kept]),
        "channels": np.array(evaluation.render.shape[-1]),
        "color_space": np.array(evaluation.color_space),
    }
    if evaluation.reference is not None:
        arrays["truth"] = _half(evaluation.reference[kept])
        arrays["psnr"] = np.array([each[i]["psnr"] for i in kept])
        arrays["ssim"] = np.array([np.nan if each[i]["ssim"] is None else each[i]["ssim"] for i in kept])
    if evaluation.depth_truth is not None:
        arrays["depth_truth"] = _half(evaluation.depth_truth[kept])
    return arrays


def _event_arrays(windows: EventWindows) -> dict[str, np.ndarray]:
    """Arrays of events.npz."""
    return {
        "measured": _half(windows.measured),
        "predicted": _half(windows.predicted),
        "t0_us": windows.t0_us,
        "t1_us": windows.t1_us,
    }


def _half(values: np.ndarray) -> np.ndarray:
    """float16, finite values kept inside its range."""
    largest = float(np.finfo(np.float16).max)
    return np.where(np.isfinite(values), np.clip(values, -largest, largest), values).astype(np.float16)


def _write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write an .npz whole or not at all."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
