"""The whole path on a small exact recording: events in, a field that shows views it never saw, scores and a report."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import efields
from efields.config import Experiment, experiment_from_table, save_experiment
from efields.evaluate import evaluate_run
from efields.loaders.robust_enerf import save
from efields.recordings.recording import Recording
from efields.report import write_report
from efields.train import Run, reconstruct
from tests.tiny import tiny_recording

STEPS, SEEDS = 800, (0, 1, 2)
GAIN, DEPTH = 4.0, 0.6
"""Decibels above the untrained field and share of its depth error, means over the seeds. Single seeds end 2.7 to 11 dB
above it, by the rounding of each instruction set; their means were 8 to 9 dB and a share of 0.3 on all of them."""
TABLE: dict[str, Any] = {
    "field": {
        "levels": 5,
        "features": 2,
        "log2_size": 13,
        "finest_resolution": 64,
        "width": 32,
        "view_degree": 0,
        "initial_ball": 0.8,
    },
    "problem": {"window_motion_px": 3000.0},
    "sampling": {"samples": 64, "grid_resolution": 24, "update_every": 8, "warmup_steps": 64},
    "train": {"steps": STEPS, "samples_per_step": 12000, "learning_rate": 0.04, "heldout_every": 0},
}


def recording() -> Recording:
    return tiny_recording(size=32, frames=160)


def experiment(steps: int = STEPS, seed: int = SEEDS[0]) -> Experiment:
    whole = experiment_from_table({**TABLE, "seed": seed}, "test")
    return dataclasses.replace(whole, train=dataclasses.replace(whole.train, steps=steps))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return reconstruct(experiment(), recording(), tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture(scope="module")
def metrics(run: Run) -> dict[str, Any]:
    evaluate_run(run, recording())
    write_report(run)
    return json.loads((run.path / "metrics.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_views_it_never_saw_look_like_the_scene(metrics: dict[str, Any], tmp_path: Path) -> None:
    def scores(name: str, **settings: int) -> dict[str, Any]:
        return evaluate_run(reconstruct(experiment(**settings), recording(), tmp_path / name), recording()).metrics

    untrained = scores("untrained", steps=1)
    trained = [metrics, *(scores(f"seed{seed}", seed=seed) for seed in SEEDS[1:])]
    assert np.mean([one["psnr"] for one in trained]) > untrained["psnr"] + GAIN
    assert np.mean([one["depth_abs_rel"] for one in trained]) < DEPTH * untrained["depth_abs_rel"]


@pytest.mark.slow
def test_metrics_say_how_they_were_made(metrics: dict[str, Any]) -> None:
    assert metrics["protocol"] == "robust"
    assert metrics["views"] == 8
    assert (metrics["steps"], metrics["seed"], metrics["events"]) == (STEPS, 0, len(recording().events))
    assert 0 < metrics["ssim"] <= 1
    assert metrics["lpips"] is None or metrics["lpips"] >= 0
    assert metrics["lpips"] is not None or metrics["lpips_reason"]
    assert metrics["train_seconds"] > 0
    assert metrics["backend"] in ("reference", "native", "tcnn")


@pytest.mark.slow
def test_the_report_is_one_file_that_asks_nothing_of_the_network(run: Run, metrics: dict[str, Any]) -> None:
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert f"{metrics['psnr']:.2f}" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    for outside in ('src="http', 'href="http', "@import", "<link"):
        assert outside not in page


@pytest.mark.slow
def test_loss_fell(run: Run) -> None:
    lines = run.read_metrics()
    assert np.mean([line["loss"] for line in lines[-4:]]) < 0.4 * np.mean([line["loss"] for line in lines[:2]])


# ---- the script


def script() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "scripts" / "reconstruct.py"
    spec = importlib.util.spec_from_file_location("reconstruct_script", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_script_does_the_whole_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = tiny_recording(size=24, frames=60)
    save(small, tmp_path / "recording")
    save_experiment(experiment(steps=4), tmp_path / "config.toml")
    main: Callable[..., None] = script().main
    main(str(tmp_path / "recording"), str(tmp_path / "config.toml"), str(tmp_path / "run"))
    said = capsys.readouterr().out
    assert "held-out PSNR:" in said and "report.html" in said
    produced = {path.name for path in (tmp_path / "run").iterdir()}
    assert produced >= {"config.toml", "checkpoint.pt", "metrics.json", "metrics.jsonl", "report.html", "view.png"}


def test_the_script_is_short_and_uses_public_names_only() -> None:
    source = Path(script().__file__ or "").read_text(encoding="utf-8")
    assert len(source.splitlines()) < 40
    assert "from efields" not in source
    assert set(efields.__all__) >= {
        "load",
        "load_experiment",
        "reconstruct",
        "evaluate_run",
        "write_report",
        "render_view",
    }
