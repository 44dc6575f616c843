"""The best that this machine can do: matrix products, rows at random positions, bytes in sequence."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any

import torch

from efields import native
from efields.backends import choose_backend
from efields.bench.counts import Work, multiply_adds
from efields.bench.timing import Variant, instruction_sets, timed
from efields.fields.hash_grid import Config

ROW_BYTES = 16
"""Bytes of a row of the ceilings' tables: four features."""
TASK_ROWS = 1 << 14
"""Rows of one task of the kernels gather_rate and scatter_rate (native/src/gather.cpp)."""


@dataclass(frozen=True)
class Ceilings:
    """Rates that were measured in this run, with all threads; None where there are no compiled kernels to ask."""

    gemm_fp32_gflops: float
    """torch.mm of [4096, 64] by [64, 64] in float32, 10^9 floating-point operations a second, two a multiply-add."""
    gemm_bf16_gflops: float
    """The same in bfloat16."""
    mlp_fp32_gflops: float | None
    """The native perceptron of two layers of 64, on 4096 samples, with its best float32 instruction set."""
    mlp_bf16_gflops: float | None
    """The same with bfloat16 factors, where the processor has them."""
    gather_level_g_s: float | None
    """10^9 rows of 16 bytes read a second from random places of one level of the table."""
    gather_grid_g_s: float | None
    """The same from the whole table."""
    scatter_level_g_s: float | None
    """10^9 rows a second added to at random places of one level."""
    memory_gb_s: float
    """10^9 bytes a second, read and written, of a copy or an addition in place that fits no cache: the faster one."""
    table_gb_s: float
    """The same with arrays that are together as large as the table with its gradient and moments."""

    @staticmethod
    def best(measured: Sequence[Ceilings]) -> Ceilings:
        """The highest of several measurements of each."""
        columns: list[tuple[Any, ...]] = list(zip(*(astuple(one) for one in measured), strict=True))
        best: list[Any] = [max(found, key=lambda rate: rate or 0.0) for found in columns]
        return Ceilings(*best)

    def gemm(self, bf16: bool) -> float:
        """The best rate of products that anything reached, in multiply-adds a second."""
        kinds = ("gemm_bf16", "mlp_bf16", "gemm_fp32", "mlp_fp32") if bf16 else ("gemm_fp32", "mlp_fp32")
        rates = asdict(self)
        return max(rates[f"{kind}_gflops"] or 0.0 for kind in kinds) * 1e9 / 2


@dataclass(frozen=True)
class Roof:
    """The least time that a sample can take."""

    seconds: float
    """Of the resource that takes longest, all others at the same time."""
    bound: str
    """That resource."""
    sum_seconds: float
    """Of all resources one after the other, as one core does products and gathers."""


def roof(work: Work, ceilings: Ceilings, bf16: bool = False) -> Roof | None:
    """The least time for `work`; None for no work, or where a rate that it needs was not measured."""
    rates = {
        "products": (work.multiply_adds, ceilings.gemm(bf16)),
        "gathers": (work.gathers, (ceilings.gather_level_g_s or 0.0) * 1e9),
        "scatters": (work.scatters, (ceilings.scatter_level_g_s or 0.0) * 1e9),
        "memory": (work.bytes, ceilings.memory_gb_s * 1e9),
        "table": (work.table_bytes, ceilings.table_gb_s * 1e9),
    }
    needed = {name: (count, rate) for name, (count, rate) in rates.items() if count}
    if not needed or not all(rate for _, rate in needed.values()):
        return None
    seconds = {name: count / rate for name, (count, rate) in needed.items()}
    bound = max(seconds, key=lambda name: seconds[name])
    return Roof(seconds[bound], bound, sum(seconds.values()))


def measure_ceilings(field: Config, runs: int = 15, megabytes: int = 128) -> Ceilings:
    """Measure every ceiling for the table of `field`; arrays that fit no cache have `megabytes`."""
    isas = instruction_sets()
    fp32 = [isa for isa in isas if not isa.endswith("bf16")]
    bf16 = [isa for isa in isas if isa.endswith("bf16")]
    layout = field.layout()
    level = max(one.size for one in layout.levels)
    rows = layout.rows * field.features * 4 // ROW_BYTES
    return Ceilings(
        gemm_fp32_gflops=_mm_gflops(torch.float32, runs),
        gemm_bf16_gflops=_mm_gflops(torch.bfloat16, runs),
        mlp_fp32_gflops=_mlp_gflops(fp32, runs),
        mlp_bf16_gflops=_mlp_gflops(bf16, runs),
        gather_level_g_s=_rows_g_s(gather_job, level, isas, runs),
        gather_grid_g_s=_rows_g_s(gather_job, rows, isas, runs),
        scatter_level_g_s=_rows_g_s(scatter_job, level, isas, runs),
        memory_gb_s=_bytes_gb_s(megabytes << 18, runs),
        table_gb_s=_bytes_gb_s(2 * layout.rows * field.features, runs),
    )


def _bytes_gb_s(numbers: int, runs: int) -> float:
    """The best rate of a copy and of an addition in place between two arrays of `numbers` floats."""
    source, target = torch.ones(numbers), torch.zeros(numbers)
    copied, added = timed(lambda: target.copy_(source), runs).best_s, timed(lambda: target.add_(source), runs).best_s
    return max(2 * source.nbytes / copied, 3 * source.nbytes / added) / 1e9


def _mm_gflops(dtype: torch.dtype, runs: int) -> float:
    left, right = torch.ones((4096, 64), dtype=dtype), torch.ones((64, 64), dtype=dtype)
    out = torch.empty((4096, 64), dtype=dtype)
    return 2 * 4096 * 64 * 64 / timed(lambda: torch.mm(left, right, out=out), runs).best_s / 1e9


def _mlp_gflops(isas: list[str], runs: int) -> float | None:
    if not isas:
        return None
    backend, weights, n = choose_backend("native"), [torch.ones((64, 64)) / 64] * 2, 4096
    features = torch.ones((n, 64))
    done = 2 * n * multiply_adds([64, 64, 64])

    def job() -> object:
        return backend.mlp(features, weights)

    with torch.no_grad():
        return max(done / _of(isa, job, runs) / 1e9 for isa in isas)


def _rows_g_s(make: Callable[[int, int], Callable[[], object]], rows: int, isas: list[str], runs: int) -> float | None:
    """The best rate of any instruction set, as a wider one is not always faster at this."""
    if not isas:
        return None
    tasks = 64
    job = make(rows, tasks)
    return max(tasks * TASK_ROWS / _of(isa, job, runs) / 1e9 for isa in isas)


def gather_job(rows: int, tasks: int) -> Callable[[], object]:
    """A job that reads `tasks` * TASK_ROWS random rows of a table of `rows`; it returns their sums, `[tasks, 4]`."""
    table, sums = torch.ones((rows, 4)), torch.empty((tasks, 4))

    def job() -> torch.Tensor:
        native.function("gather_rate")(_address(table), _long(rows), _long(tasks), _address(sums))
        return sums

    return job


def scatter_job(rows: int, tasks: int) -> Callable[[], object]:
    """A job that adds one to as many random rows; it returns the tables of the threads, `[threads, rows, 4]`."""
    # Kernels ask the pool how many threads it has, so a table for every thread that there could be is there.
    tables = torch.zeros((max(torch.get_num_threads(), os.cpu_count() or 1), rows, 4))

    def job() -> torch.Tensor:
        native.function("scatter_rate")(_address(tables), _long(rows), _long(tasks))
        return tables

    return job


def _of(isa: str, job: Callable[[], object], runs: int) -> float:
    """Least seconds of a job: a ceiling is what the machine can do when nothing disturbs it."""
    with Variant("native", isa).chosen():
        return timed(job, runs).best_s


def _address(tensor: torch.Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


_long = ctypes.c_int64
