"""The operation counts and the roofline that is made of them."""

from __future__ import annotations

import dataclasses

import pytest

from efields.bench.ceilings import Ceilings, roof
from efields.bench.counts import Work, counts, multiply_adds, perceptrons
from efields.fields.hash_grid import Config, HashGridField
from efields.geometry.boxes import Box

CEILINGS = Ceilings(
    gemm_fp32_gflops=200.0,
    gemm_bf16_gflops=400.0,
    mlp_fp32_gflops=100.0,
    mlp_bf16_gflops=800.0,
    gather_level_g_s=1.0,
    gather_grid_g_s=0.5,
    scatter_level_g_s=0.5,
    memory_gb_s=10.0,
    table_gb_s=20.0,
)


def test_the_default_field_by_hand() -> None:
    work = counts(Config(), channels=1, samples_per_step=1 << 14)
    assert work["hash encode"].gathers == 8 * 8  # levels, corners
    assert work["mlp"].multiply_adds == (32 * 64 + 64 * 16) + (19 * 64 + 64 * 64 + 64 * 1)
    assert work["look and backward"].multiply_adds == 3 * work["look"].multiply_adds
    assert work["density"].multiply_adds == 32 * 64 + 64 * 16


@pytest.mark.parametrize("field", [Config(), Config(levels=4, features=2, width=32, radiance_layers=1, view_degree=3)])
def test_multiply_adds_are_the_weights_of_the_field(field: Config) -> None:
    import torch

    box = Box((-1.0,) * 3, (1.0,) * 3)
    built = HashGridField(field, box, 3, torch.Generator())
    weights = [sum(w.numel() for w in part) for part in (built.density_weights, built.radiance_weights)]
    assert [multiply_adds(widths) for widths in perceptrons(field, 3)] == weights


def test_the_roof_is_the_slowest_resource_and_the_sum_all_of_them() -> None:
    work = Work(multiply_adds=100.0, gathers=2.0, scatters=0.5, bytes=5.0, table_bytes=4.0)
    least = roof(work, CEILINGS)
    assert least is not None
    assert least.bound == "gathers"
    assert least.seconds == pytest.approx(2e-9)
    assert least.sum_seconds == pytest.approx(1e-9 + 2e-9 + 1e-9 + 0.5e-9 + 0.2e-9)


def test_bfloat16_has_its_own_ceiling_and_the_best_of_a_kind_counts() -> None:
    assert CEILINGS.gemm(bf16=False) == pytest.approx(100e9)
    assert CEILINGS.gemm(bf16=True) == pytest.approx(400e9)


def test_without_a_rate_that_it_needs_there_is_no_roof() -> None:
    unknown = dataclasses.replace(CEILINGS, gather_level_g_s=None)
    assert roof(Work(gathers=1.0), unknown) is None
    assert roof(Work(multiply_adds=1.0), unknown) is not None
    assert roof(Work(), CEILINGS) is None
