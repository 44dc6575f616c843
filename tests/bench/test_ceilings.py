"""The native kernels that measure rows from random places do what they count."""

from __future__ import annotations

import numpy as np
import pytest

from efields.bench.ceilings import TASK_ROWS, Ceilings, gather_job, measure_ceilings, scatter_job
from efields.bench.timing import Variant, instruction_sets
from efields.fields.hash_grid import Config


def places(number: np.ndarray, rows: int) -> np.ndarray:
    """The hash of gather.cpp."""
    mask = (1 << (rows - 1).bit_length()) - 1
    h = number * np.uint32(2654435761)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(2246822519)
    h = (h ^ (h >> np.uint32(13))) & np.uint32(mask)
    return np.where(h >= rows, h - rows, h)


@pytest.mark.parametrize("isa", instruction_sets())
@pytest.mark.parametrize("rows", [1 << 10, 1500])
def test_every_row_is_visited_as_often_as_the_hash_says(isa: str, rows: int) -> None:
    tasks = 3
    expected = np.bincount(places(np.arange(tasks * TASK_ROWS, dtype=np.uint32), rows), minlength=rows)
    with Variant("native", isa).chosen():
        visits = scatter_job(rows, tasks)().sum(dim=0)  # pyright: ignore[reportAttributeAccessIssue]
        sums = gather_job(rows, tasks)()
    assert np.array_equal(visits.numpy(), np.repeat(expected[:, None], 4, axis=1))
    assert (sums.numpy() == TASK_ROWS).all()  # pyright: ignore[reportAttributeAccessIssue]
    assert expected.min() > 0


def test_the_best_of_several_is_the_highest_of_each() -> None:
    low = Ceilings(1.0, 2.0, None, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
    high = Ceilings(2.0, 1.0, None, 5.0, 5.0, 5.0, 8.0, 7.0, 9.0)
    assert Ceilings.best([low, high]) == Ceilings(2.0, 2.0, None, 5.0, 5.0, 6.0, 8.0, 8.0, 9.0)


def test_all_ceilings_are_measured() -> None:
    found = measure_ceilings(Config(levels=2, log2_size=8), runs=1, megabytes=1)
    assert found.gemm_fp32_gflops > 0 and found.gemm_bf16_gflops > 0 and found.memory_gb_s > 0
    assert found.table_gb_s > 0
    native = (found.mlp_fp32_gflops, found.gather_level_g_s, found.gather_grid_g_s, found.scatter_level_g_s)
    assert all(rate is not None and rate > 0 for rate in native) == bool(instruction_sets())
