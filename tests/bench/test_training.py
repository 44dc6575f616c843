"""Time to quality on a scene that is learned in no time."""

from __future__ import annotations

import dataclasses

import pytest

from efields.bench import noise_recording
from efields.bench.training import time_to_quality
from tests.bench.test_kernels import small_experiment
from tests.tiny import tiny_recording


def test_times_are_of_the_first_score_that_is_good_enough() -> None:
    experiment = small_experiment()
    train = dataclasses.replace(experiment.train, steps=4, heldout_every=2, heldout_count=1)
    experiment = dataclasses.replace(experiment, train=train, backend="reference")
    row = time_to_quality(experiment, tiny_recording(16, 40), [-100.0, 100.0])
    first = row.seconds_to["-100"]
    assert first is not None and 0 < first < row.seconds
    assert row.seconds_to["100"] is None
    assert (row.backend, row.steps, row.every) == ("reference", 4, 2)
    assert row.samples_s > row.rays_s > 0
    assert row.ms_step == pytest.approx(1e3 * row.seconds / 4)


def test_a_recording_without_views_is_told() -> None:
    with pytest.raises(ValueError, match="no held-out views"):
        time_to_quality(small_experiment(), noise_recording(100), [20.0])
