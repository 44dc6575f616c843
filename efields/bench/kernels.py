"""Each kernel by itself: the reference and the native backend with every instruction set, beside the roofline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from efields.backends import choose_backend
from efields.bench.ceilings import Ceilings, roof
from efields.bench.counts import Work, counts
from efields.bench.timing import Timing, Variant, timed_in_turn
from efields.bench.workloads import Kernel, Sizes
from efields.fields.hash_grid import Config

OnProgress = Callable[[int, int, str], None]
"""Called with what is done, what there is to do, and a word about it."""


@dataclass(frozen=True)
class Row:
    """One kernel with one backend."""

    kernel: str
    """What was done."""
    backend: str
    """By whom."""
    isa: str
    """With which instruction set; empty for the reference."""
    unit: str
    """Of what `msamples_s` counts millions a second: samples, rays, parameters or events."""
    msamples_s: float
    """Median."""
    msamples_s_low: float
    """First quartile."""
    msamples_s_high: float
    """Third quartile."""
    ratio: float
    """Over the reference's in the same run."""
    ceiling_fraction: float | None
    """Time that the slowest resource needs at least, over the measured time; None without counts or ceilings."""
    sum_fraction: float | None
    """Time that all resources need one after the other, over the measured time."""
    bound: str
    """The slowest resource: products, gathers, scatters, memory or table; empty without counts."""
    runs: int
    """Measurements."""


def measure_kernels(
    kernels: Sequence[Kernel],
    among: Sequence[Variant],
    ceilings: Ceilings,
    sizes: Sizes,
    runs: int,
    on_progress: OnProgress = lambda done, total, note: None,
) -> list[Row]:
    """Rows of every kernel, the reference's first; all variants of a kernel take turns."""
    work = counts(Config(), 1, 1)
    rows = []
    for number, kernel in enumerate(kernels):
        on_progress(number, len(kernels), kernel.name)
        rows += measure_kernel(kernel, among, work.get(kernel.name), ceilings, sizes, runs)
    on_progress(len(kernels), len(kernels), "")
    return rows


def measure_kernel(
    kernel: Kernel, among: Sequence[Variant], work: Work | None, ceilings: Ceilings, sizes: Sizes, runs: int
) -> list[Row]:
    """Rows of one kernel."""
    jobs, amounts = {}, {}
    for variant in among:
        with variant.chosen():
            jobs[variant], amounts[variant] = kernel.make(choose_backend(variant.backend), sizes)
    return rows_of(kernel.name, kernel.unit, timed_in_turn(jobs, runs), amounts, work, ceilings)


def rows_of(
    name: str,
    unit: str,
    timings: Mapping[Variant, Timing],
    amounts: Mapping[Variant, float],
    work: Work | None,
    ceilings: Ceilings,
) -> list[Row]:
    """Rows from the times of one kernel, in which `amounts` of units were done."""
    rates = {variant: amounts[variant] / timing.median_s / 1e6 for variant, timing in timings.items()}
    reference = next((rate for variant, rate in rates.items() if variant.backend == "reference"), float("nan"))
    rows = []
    for variant, timing in timings.items():
        amount, least = amounts[variant], None if work is None else roof(work, ceilings, variant.bf16)
        row = Row(
            kernel=name,
            backend=variant.backend,
            isa=variant.isa,
            unit=unit,
            msamples_s=rates[variant],
            msamples_s_low=amount / timing.high_s / 1e6,
            msamples_s_high=amount / timing.low_s / 1e6,
            ratio=rates[variant] / reference,
            ceiling_fraction=None if least is None else least.seconds * amount / timing.median_s,
            sum_fraction=None if least is None else least.sum_seconds * amount / timing.median_s,
            bound="" if least is None else least.bound,
            runs=timing.runs,
        )
        rows.append(row)
    return rows
