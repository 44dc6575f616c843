"""A tiny run to render, resume and show."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from efields.bench import noise_recording
from efields.config import TrainConfig, experiment_from_table
from efields.fields.hash_grid import Config as HashGrid
from efields.loaders.robust_enerf import save
from efields.recordings.recording import Recording
from efields.samplers import occupancy
from efields.train import Run, reconstruct
from tests.tiny import tiny_recording


@pytest.fixture(scope="session")
def recording() -> Recording:
    """A camera on an orbit with random events."""
    return noise_recording(20_000)


@pytest.fixture(scope="session")
def tiny_run(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two steps on random events: a run folder like any other. Do not write to it."""
    experiment = dataclasses.replace(
        experiment_from_table({}, "test"),
        field=HashGrid(levels=3, finest_resolution=32, log2_size=10),
        sampling=occupancy.Config(samples=16, grid_resolution=16),
        train=TrainConfig(steps=2, samples_per_step=1024, log_every=1),
    )
    path: Path = tmp_path_factory.mktemp("runs") / "tiny"
    return reconstruct(experiment, recording, path)


@pytest.fixture(autouse=True)
def same_environment_afterwards() -> Iterator[None]:
    """Commands change the environment of their process, which here is everybody's."""
    environment = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(environment)


TINY_CONFIG = """\
[field]
levels = 3
finest_resolution = 32
log2_size = 10

[sampling]
samples = 24
grid_resolution = 16

[train]
steps = 4
samples_per_step = 2048
log_every = 1
heldout_every = 0
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with a tiny recording in `tiny/` and a config `small.toml`."""
    monkeypatch.chdir(tmp_path)
    save(tiny_recording(16, 40), tmp_path / "tiny")
    (tmp_path / "small.toml").write_text(TINY_CONFIG)
    return tmp_path
