"""Every kernel and the whole training step beside what this machine can do at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from efields.bench.ceilings import Ceilings, measure_ceilings
from efields.bench.counts import counts
from efields.bench.kernels import Row, beside_ceilings, measure_kernels
from efields.bench.timing import variants
from efields.bench.training import measure_train_step
from efields.bench.workloads import KERNELS, Sizes
from efields.config import Experiment
from efields.fields.hash_grid import Config
from efields.recordings.recording import Recording

OnProgress = Callable[[str, int, int, str], None]
"""Called with the stage, what is done, what there is to do, and a word about it."""


@dataclass(frozen=True)
class Rooflines:
    """What was measured."""

    ceilings: Ceilings
    """The best that the machine gave, before the kernels or after them."""
    rows: list[Row]
    """Kernels and the training step with every backend and instruction set."""


def measure_rooflines(
    experiment: Experiment, recording: Recording, runs: int, step_runs: int, on_progress: OnProgress
) -> Rooflines:
    """Rows of every kernel, and of the step by which the experiment trains a hash grid on the recording."""
    assert isinstance(experiment.field, Config)
    among = variants()
    before = measure_ceilings(Config())
    rows = measure_kernels(KERNELS, among, Sizes(), runs, lambda *told: on_progress("kernels", *told))
    rows += measure_train_step(
        experiment, recording, among, step_runs, lambda *told: on_progress("training steps", *told)
    )
    # Before and after: the best of both is less likely to have been disturbed.
    best = Ceilings.best([before, measure_ceilings(Config())])
    step = counts(experiment.field, recording.calibrated.channels, experiment.train.samples_per_step)
    work = {**counts(Config(), 1, 1), "train_step": step["train_step"]}
    return Rooflines(best, beside_ceilings(rows, work, best))
