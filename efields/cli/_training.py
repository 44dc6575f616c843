"""Shared by `efields train` and `efields demo`: train with progress, then score and report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efields.cli._progress import TrainingReport, progress
from efields.errors import InputError
from efields.signals import Stopped

if TYPE_CHECKING:
    from efields.cli._machine import Machine
    from efields.config import Experiment
    from efields.recordings.recording import Recording
    from efields.server.training_page import TrainingPage
    from efields.train import Progress, Run

REPORT = "report.html"


def train(
    experiment: Experiment,
    recording: Recording,
    run: Run,
    *,
    resume: bool,
    go_on: str,
    quiet: bool,
    page: TrainingPage | None = None,
) -> Run:
    """Train into the folder of `run`, which the caller holds, with a quick held-out score now and then.

    The score is made where there are held-out views; `page` shows the field meanwhile. A training that is stopped says
    by which command to `go_on`.
    """
    from efields.evaluate import heldout_psnr
    from efields.train import Interrupted, check_machine, reconstruct, views_for

    check_machine(experiment)  # what it says of a slow backend stands above the progress
    _, views = views_for(experiment, recording)
    protocol, count = experiment.evaluate.protocol, experiment.train.heldout_count
    with progress("training", quiet) as report:
        told = TrainingReport(report)

        def on_progress(now: Progress) -> None:
            told(now)
            if page is not None:
                page.on_progress(now)

        try:
            return reconstruct(
                experiment,
                recording,
                run.path,
                resume=resume,
                held=True,
                heldout=None if views is None else lambda renderer: heldout_psnr(renderer, views, protocol, count),
                on_progress=on_progress,
                onlooker=page,
            )
        except Interrupted as stop:
            raise Stopped(stop.signal_number, f"stopped at step {stop.step}; continue with: {go_on}") from None


def score_and_report(
    run: Run, recording: Recording, protocol: str, machine: Machine, *, quiet: bool, as_loaded: bool = True
) -> dict[str, Any]:
    """Evaluate the run on a machine, write metrics.json and report.html, and return the metrics.

    The recording that was trained on gets the camera and poses that the run's config gives beside it, unless it has
    them already (not `as_loaded`).
    """
    from efields.evaluate import evaluate_run
    from efields.export.scene_page import page_for_report
    from efields.report import write_report
    from efields.supplied.supply import supply

    experiment = run.experiment
    if as_loaded and recording.path is not None and recording.path.resolve() == Path(experiment.scene).resolve():
        recording = supply(recording, experiment.supplied)
    with progress("scoring", quiet) as report:
        metrics = evaluate_run(
            run, recording, protocol, backend=machine.backend, device=machine.device, on_view=report
        ).metrics
    write_report(run, page_for_report(run, machine.backend, machine.device))
    return metrics


def earlier_scores(run_path: Path) -> dict[str, Any] | None:
    """The metrics.json of a run; None when it is not there or damaged: it can be written again."""
    from efields.train.records import read_scores

    try:
        return read_scores(run_path) or None
    except InputError:
        return None


def typed(path: Path) -> str:
    """A path as a person would type it from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def scores_line(metrics: dict[str, Any]) -> str:
    """The scores of metrics.json on one line."""
    if metrics.get("psnr") is None:
        return f"not scored: {metrics.get('psnr_reason') or 'no held-out views'}"
    parts = [f"PSNR {metrics['psnr']:.2f} dB"]
    if metrics.get("ssim") is not None:
        parts.append(f"SSIM {metrics['ssim']:.3f}")
    if metrics.get("depth_abs_rel") is not None:
        parts.append(f"depth error {100 * metrics['depth_abs_rel']:.1f} %")
    return f"{', '.join(parts)} on {metrics['views']} held-out views, protocol {metrics['protocol']}"
