"""Each kernel by itself: the reference and the native backend with every instruction set, against the roofline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from efields.backends import choose_backend
from efields.bench.ceilings import Ceilings, roof
from efields.bench.counts import Work
from efields.bench.timing import Timing, Variant, timed_in_turn
from efields.bench.workloads import Kernel, Sizes

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
    sizes: Sizes,
    runs: int,
    on_progress: OnProgress = lambda done, total, note: None,
) -> list[Row]:
    """Rows of every kernel, the reference's first, not yet `beside_ceilings`; all variants of a kernel take turns."""
    rows = []
    for number, kernel in enumerate(kernels):
        on_progress(number, len(kernels), kernel.name)
        jobs, amounts = {}, {}
        for variant in among:
            with variant.chosen():
                jobs[variant], amounts[variant] = kernel.make(choose_backend(variant.backend), sizes)
        rows += rows_of(kernel.name, kernel.unit, timed_in_turn(jobs, runs), amounts)
    on_progress(len(kernels), len(kernels), "")
    return rows


def rows_of(name: str, unit: str, timings: Mapping[Variant, Timing], amounts: Mapping[Variant, float]) -> list[Row]:
    """Rows from the times of one kernel, in which `amounts` of units were done."""
    rates = {variant: amounts[variant] / timing.median_s / 1e6 for variant, timing in timings.items()}
    reference = next((rate for variant, rate in rates.items() if variant.backend == "reference"), float("nan"))
    return [
        Row(
            kernel=name,
            backend=variant.backend,
            isa=variant.isa,
            unit=unit,
            msamples_s=rates[variant],
            msamples_s_low=amounts[variant] / timing.high_s / 1e6,
            msamples_s_high=amounts[variant] / timing.low_s / 1e6,
            ratio=rates[variant] / reference,
            ceiling_fraction=None,
            sum_fraction=None,
            bound="",
            runs=timing.runs,
        )
        for variant, timing in timings.items()
    ]


def beside_ceilings(rows: Sequence[Row], work: Mapping[str, Work], ceilings: Ceilings) -> list[Row]:
    """The rows with their fractions of the ceilings, where the work of the kernel is counted."""
    found = []
    for row in rows:
        bf16 = Variant(row.backend, row.isa).bf16
        least = roof(work[row.kernel], ceilings, bf16) if row.kernel in work else None
        if least is not None:
            per_s = 1e6 * row.msamples_s
            fractions = {"ceiling_fraction": least.seconds * per_s, "sum_fraction": least.sum_seconds * per_s}
            row = replace(row, **fractions, bound=least.bound)
        found.append(row)
    return found
