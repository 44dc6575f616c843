"""A reconstruction of a fraction of a second, for tests of the loop and the run folder."""

from __future__ import annotations

import dataclasses
from typing import Any

from efields.config import Experiment, experiment_from_table
from efields.recordings.recording import Recording
from tests.tiny import tiny_recording

TABLE: dict[str, Any] = {
    "field": {"levels": 3, "log2_size": 10, "width": 16, "finest_resolution": 32},
    "sampling": {"samples": 24, "grid_resolution": 8, "update_every": 4, "warmup_steps": 4},
    "train": {"steps": 12, "samples_per_step": 1024, "log_every": 2, "heldout_every": 4},
    "problem": {"learn_ratio": True},
    "seed": 5,
}


def recording() -> Recording:
    return tiny_recording(size=24, frames=60)


def experiment(**train: Any) -> Experiment:
    whole = experiment_from_table(TABLE, "test")
    return dataclasses.replace(whole, train=dataclasses.replace(whole.train, **train))
