"""Score a run, and write to its folder what the report shows: metrics.json, heldout.npz, events.npz."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from efields.atomic import replacing, write_text
from efields.errors import InputError
from efields.evaluate.environment import environment
from efields.evaluate.event_windows import EventWindows, choose_windows, compare_windows, pose_at
from efields.evaluate.heldout import (
    NO_REFERENCE,
    Evaluation,
    OnView,
    finite,
    render_views,
    score_views,
    seconds_of,
    spread,
)
from efields.evaluate.protocols import Protocol, protocol_named
from efields.locks import held
from efields.recordings.recording import Recording
from efields.train import views_for
from efields.train.records import read_scores

if TYPE_CHECKING:
    from efields.render.model import Model
    from efields.train.run import Run

KEPT_VIEWS = 48
"""Number of views whose images are kept in heldout.npz, spread over the set; scores are kept for all."""
TRAJECTORY_VIEWS = 8
"""Number of poses of the trajectory that are rendered for the report if there are no reference views."""
OF_THE_RUN = ("train_seconds", "events", "backend", "seed", "environment", "event_windows")
"""Keys of metrics.json that do not depend on the protocol."""


def evaluate_run(
    run: Run,
    recording: Recording,
    protocol: Protocol | str | None = None,
    *,
    backend: str = "auto",
    device: str = "cpu",
    on_view: OnView | None = None,
) -> Evaluation:
    """Score a run on the recording's held-out views; writes metrics.json, heldout.npz and events.npz in the run folder.

    metrics.json holds the scores under the run's own protocol (until there are some, under `protocol`), and those under
    every protocol used so far, by name in `protocols`. What is returned is under `protocol`, or the run's
    own if None. Without reference views the scores are None with a reason, and poses of the trajectory are rendered for
    the report.
    """
    own = protocol_named(run.experiment.evaluate.protocol)
    asked = own if protocol is None else protocol_named(protocol) if isinstance(protocol, str) else protocol
    facts = _training_facts(run, recording)  # damage is reported before the work
    model = run.load_model(backend, device)
    here = recording.calibrated
    if (model.camera.width, model.camera.height) != (here.width, here.height):
        sizes = f"{here.width}x{here.height}, the run's {model.camera.width}x{model.camera.height}"
        raise InputError(
            f"the recording's camera has {sizes}", recording.path, "give the recording that the run was trained on"
        )
    _, views = views_for(run.experiment, recording)
    rules = [own, asked] if asked.name != own.name and own.name in _earlier(run.path) else [asked]
    if views is not None and len(views) > 0:
        t_s = seconds_of(model.renderer, views)
        rendered = render_views(model.renderer, views.camera_of_each, views.T_world_camera, t_s, on_view)
        evaluations = [score_views(rendered, views, rule) for rule in rules]
    else:
        evaluations = [_without_reference(model, rule, on_view) for rule in rules[:1]]
    if model.sensor is None:  # no events were trained on, and they are compared all the same
        model = replace(model, sensor=recording.sensor)
    windows = compare_windows(model, recording.events, choose_windows(recording.events, model.trajectory))
    facts["event_windows"] = windows.summary()
    for evaluation in evaluations:
        evaluation.metrics.update(facts)
    with held(run.path / ".scoring", "is being scored", "repeat the command when that is done", patience_s=60.0):
        scores = {
            **_earlier(run.path),
            **{each.metrics["protocol"]: _of_protocol(each.metrics) for each in evaluations},
        }
        for evaluation in evaluations:
            evaluation.metrics["protocols"] = scores
        _write_arrays(run.path / "heldout.npz", _heldout_arrays(evaluations[0]))
        _write_arrays(run.path / "events.npz", _event_arrays(windows))
        text = json.dumps(finite(evaluations[0].metrics), indent=2, allow_nan=False)
        write_text(run.path / "metrics.json", text + "\n")
    return evaluations[-1]


def _earlier(run_path: Path) -> dict[str, dict[str, Any]]:
    """Scores by protocol in metrics.json; empty if it is broken, as it is about to be rewritten."""
    try:
        metrics = read_scores(run_path)
    except InputError:
        return {}
    if metrics.get("psnr") is None:
        return {}
    return metrics.get("protocols", {metrics["protocol"]: _of_protocol(metrics)})


def _of_protocol(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in metrics.items() if key not in (*OF_THE_RUN, "protocols")}


def _without_reference(model: Model, rule: Protocol, on_view: OnView | None) -> Evaluation:
    """Renders along the trajectory if nothing can be scored."""
    times = np.linspace(model.trajectory.start_us, model.trajectory.end_us, 2 * TRAJECTORY_VIEWS + 1)[1::2]
    poses = np.stack([pose_at(model.trajectory, int(t)) for t in times])
    t_s = (times - model.trajectory.origin_us) * 1e-6
    names = tuple(f"{t:.3f} s" for t in t_s)
    radiance, depth, opacity = render_views(model.renderer, [model.camera] * len(poses), poses, t_s, on_view)
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
    return Evaluation(
        metrics, None, radiance, depth, opacity, None, poses, names, "linear", times.astype(np.int64), None
    )


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
    """Arrays of heldout.npz: pictures (float16) and depth of at most `KEPT_VIEWS` views, sizes, names, poses, scores.

    Pictures lie at the top left of arrays as large as the largest; what is beside a smaller one is NaN.
    """
    kept = spread(len(evaluation.names), KEPT_VIEWS)
    each = evaluation.metrics["view_scores"]
    arrays = {
        "render": _half(evaluation.render, kept),
        "depth": _together(evaluation.depth, kept),
        "opacity": _half(evaluation.opacity, kept),
        "size": np.array([evaluation.render[i].shape[:2] for i in kept]),
        "T_world_camera": evaluation.T_world_camera[kept],
        "names": np.array([evaluation.names[i] for i in kept]),
        "channels": np.array(evaluation.render[0].shape[-1]),
        "color_space": np.array(evaluation.color_space),
    }
    if evaluation.t_us is not None:
        arrays["t_us"] = evaluation.t_us[kept]
    if evaluation.reference is not None:
        arrays["truth"] = _half(evaluation.reference, kept)
        arrays["psnr"] = np.array([each[i]["psnr"] for i in kept])
        arrays["ssim"] = np.array([np.nan if each[i]["ssim"] is None else each[i]["ssim"] for i in kept])
    if evaluation.depth_truth is not None:
        arrays["depth_truth"] = _together(evaluation.depth_truth, kept)
    return arrays


def _event_arrays(windows: EventWindows) -> dict[str, np.ndarray]:
    """Arrays of events.npz."""
    return {
        "measured": _finite_half(windows.measured),
        "predicted": _finite_half(windows.predicted),
        "t0_us": windows.t0_us,
        "t1_us": windows.t1_us,
    }


def _half(pictures: Sequence[np.ndarray], kept: list[int]) -> np.ndarray:
    """Some of the pictures in one float16 array, NaN beside smaller ones."""
    return _finite_half(_together(pictures, kept))


def _together(pictures: Sequence[np.ndarray], kept: list[int]) -> np.ndarray:
    """Some of the pictures in one float32 array, NaN beside smaller ones."""
    sizes = np.array([pictures[i].shape[:2] for i in kept])
    arrays = np.full((len(kept), *sizes.max(axis=0), *pictures[kept[0]].shape[2:]), np.nan, np.float32)
    for k, i in enumerate(kept):
        rows, columns = sizes[k]
        arrays[k, :rows, :columns] = pictures[i]
    return arrays


def _finite_half(values: np.ndarray) -> np.ndarray:
    """float16, finite values kept inside its range."""
    largest = float(np.finfo(np.float16).max)
    return np.where(np.isfinite(values), np.clip(values, -largest, largest), values).astype(np.float16)


def _write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """Write an .npz completely or not at all."""
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
