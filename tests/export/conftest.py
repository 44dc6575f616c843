"""One small trained run for the tests of exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from efields.config import experiment_from_table
from efields.loaders.robust_enerf import save
from efields.train import Run, reconstruct
from tests.tiny import tiny_recording

SMALL = {
    "field": {
        "levels": 4,
        "log2_size": 11,
        "finest_resolution": 32,
        "width": 16,
        "view_degree": 0,
        "initial_ball": 0.8,
    },
    "problem": {"window_motion_px": 3000.0},
    "sampling": {"samples": 32, "grid_resolution": 16, "update_every": 8, "warmup_steps": 32},
    "train": {"steps": 150, "samples_per_step": 6000, "heldout_every": 0},
}


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on the tiny recording, which lies beside it."""
    folder = tmp_path_factory.mktemp("exported")
    recording = tiny_recording()
    save(recording, folder / "recording")
    experiment = experiment_from_table({**SMALL, "scene": str(folder / "recording")}, "test")
    return reconstruct(experiment, recording, folder / "run")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page in the viewer's place."""
    path = tmp_path / "page" / "index.html"
    path.parent.mkdir()
    path.write_text("<!doctype html><html><head></head><body><main></main></body></html>", encoding="utf-8")
    monkeypatch.setattr("efields.export.scene_page.PAGE", path)
    return path
