"""Rows of kernels and of whole steps: who is there, and numbers that can be."""

from __future__ import annotations

import dataclasses
import math
import os

import pytest
import torch

from efields.bench import noise_recording
from efields.bench.counts import counts
from efields.bench.kernels import Row, beside_ceilings, measure_kernels
from efields.bench.timing import Timing, Variant, timed_in_turn, variants
from efields.bench.training import Training, measure_train_step
from efields.bench.workloads import KERNELS, Kernel, Sizes, default_renderer
from efields.config import Experiment, TrainConfig, experiment_from_table
from efields.fields.hash_grid import Config
from efields.samplers import occupancy
from tests.bench.test_counts import CEILINGS

SMALL = Sizes(samples=256, rays=8, directions=256, events=2000, drawn_rays=64)
# Rates that no machine has, so that small sizes do not exceed them.
FAST = dataclasses.replace(
    CEILINGS,
    gemm_fp32_gflops=1e5,
    gemm_bf16_gflops=1e5,
    gather_level_g_s=1e3,
    scatter_level_g_s=1e3,
    memory_gb_s=1e4,
    table_gb_s=1e4,
)


def small_experiment() -> Experiment:
    return dataclasses.replace(
        experiment_from_table({}, "test"),
        field=Config(levels=3, finest_resolution=32, log2_size=10),
        sampling=occupancy.Config(samples=16, grid_resolution=16),
        train=TrainConfig(samples_per_step=512, steps=4),
    )


def check(rows: list[Row], names: list[Variant]) -> None:
    assert [(row.backend, row.isa) for row in rows] == [(v.backend, v.isa) for v in names]
    for row in rows:
        assert 0 < row.msamples_s_low <= row.msamples_s <= row.msamples_s_high
        assert row.ratio > 0
        if row.ceiling_fraction is not None:
            assert row.sum_fraction is not None
            assert 0 < row.ceiling_fraction <= row.sum_fraction < 1.5
            assert row.bound in ("products", "gathers", "scatters", "memory", "table")
    assert rows[0].ratio == 1


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_each_kernel_gives_a_row_for_each_variant(kernel: Kernel) -> None:
    rows = measure_kernels([kernel], variants(), SMALL, runs=1)
    assert rows[0].ceiling_fraction is None
    rows = beside_ceilings(rows, counts(Config(), 1, 1), FAST)
    check(rows, variants())
    assert (kernel.name in counts(Config(), 1, 1)) == (rows[0].ceiling_fraction is not None)


def test_the_row_of_the_whole_step() -> None:
    rows = measure_train_step(
        small_experiment(), noise_recording(3000), variants(), runs=2, burst=2, warm=1
    )  # fmt: skip
    check(rows, variants())
    assert {row.kernel for row in rows} == {"train_step"}
    assert rows[0].runs == 2


def test_a_training_can_be_taken_back() -> None:
    training = Training.begin(small_experiment(), noise_recording(3000), "reference")
    training.run(2)
    content = training.content()
    table = training.problem.renderer.field.table.detach().clone()
    _, samples, rays = training.run(3)
    assert samples > 0 and rays > 0 and training.state.step == 5
    assert not torch.equal(table, training.problem.renderer.field.table)
    training.restore(content)
    assert training.state.step == 2
    assert torch.equal(table, training.problem.renderer.field.table)


def test_the_made_up_field_is_an_object_in_empty_space() -> None:
    from efields.backends import choose_backend

    sampler = default_renderer(choose_backend("reference")).sampler
    assert isinstance(sampler, occupancy.OccupancySampler)
    grid = sampler.grid
    assert 0.01 < float(grid.occupied.float().mean()) < 0.1
    middle = grid.resolution // 2
    assert grid.occupied.view((grid.resolution,) * 3)[middle, middle, middle]


def test_jobs_take_turns_and_the_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIELDS_ISA", "before")
    seen: list[str] = []
    jobs = {Variant("native", isa): lambda: seen.append(os.environ["EFIELDS_ISA"]) for isa in ("one", "two")}
    timings = timed_in_turn(jobs, runs=4)
    assert os.environ["EFIELDS_ISA"] == "before"
    order = [isa for at, isa in enumerate(seen) if at == 0 or isa != seen[at - 1]]
    assert order == ["one", "two"] * 5
    assert all(t.runs == 4 and t.best_s <= t.low_s <= t.median_s <= t.high_s for t in timings.values())


def test_the_reference_counts_events_in_numpy() -> None:
    from efields.events import kernels as event_kernels

    before = event_kernels.present
    with Variant("reference").chosen():
        assert not event_kernels.present()
    assert event_kernels.present is before


def test_quartiles() -> None:
    assert Timing.of([3.0, 1.0, 2.0]) == Timing(2.0, 1.0, 3.0, 1.0, 3)
    assert Timing.of([5.0, 1.0, 2.0, 4.0, 3.0]) == Timing(3.0, 2.0, 4.0, 1.0, 5)
    assert math.isclose(Timing.of([1.0]).median_s, 1.0)
