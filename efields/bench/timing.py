"""Times of several ways to do one thing, taken in turn, so that all of them see the same noise of the machine."""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from efields import native
from efields.events import kernels as event_kernels
from efields.native.build import BuildError

BURST_S = 0.02
"""Least time of one measurement: a job that is shorter is repeated within it."""
LONG_S = 0.2
"""Jobs that take longer are not done once more before each measurement to fill the cache."""
VERY_LONG_S = 2.0
"""Jobs that take longer are measured from the first time on."""


@dataclass(frozen=True)
class Variant:
    """A backend and, where it has some, the instruction set of its kernels."""

    backend: str
    """Name of the backend."""
    isa: str = ""
    """Instruction set; empty for a backend that has none."""

    @property
    def name(self) -> str:
        """The backend's name with its instruction set."""
        return f"{self.backend} {self.isa}".strip()

    @property
    def bf16(self) -> bool:
        """Whether its products take bfloat16 factors."""
        return self.isa.endswith("bf16")

    @contextmanager
    def chosen(self) -> Iterator[None]:
        """Its instruction set is the one in use within the block; the reference counts events in numpy."""
        before, present = os.environ.get("EFIELDS_ISA"), event_kernels.present
        if self.isa:
            os.environ["EFIELDS_ISA"] = self.isa
        if self.backend == "reference":
            # Events take the compiled way whatever the backend of the field is: here the two have to be told apart.
            event_kernels.present = _absent  # pyright: ignore[reportAttributeAccessIssue]
        try:
            yield
        finally:
            event_kernels.present = present
            os.environ.pop("EFIELDS_ISA", None)
            if before is not None:
                os.environ["EFIELDS_ISA"] = before


def _absent() -> bool:
    return False


def instruction_sets() -> list[str]:
    """Instruction sets that the compiled kernels can use here, worst first; none where there are no kernels."""
    try:
        return native.supported()
    except BuildError:
        return []


def variants() -> list[Variant]:
    """The reference, then the native backend with each instruction set that runs here."""
    return [Variant("reference"), *(Variant("native", isa) for isa in instruction_sets())]


@dataclass(frozen=True)
class Timing:
    """Seconds of one job, measured several times."""

    median_s: float
    """Median."""
    low_s: float
    """First quartile."""
    high_s: float
    """Third quartile."""
    best_s: float
    """Least: what the machine does when nothing disturbs it."""
    runs: int
    """Measurements."""

    @staticmethod
    def of(seconds: list[float]) -> Timing:
        """The summary of measurements; with fewer than four, quartiles are the extremes."""
        ordered = sorted(seconds)
        if len(ordered) < 4:
            return Timing(statistics.median(ordered), ordered[0], ordered[-1], ordered[0], len(ordered))
        low, middle, high = statistics.quantiles(ordered, n=4, method="inclusive")
        return Timing(middle, low, high, ordered[0], len(ordered))


def timed_in_turn(jobs: Mapping[Variant, Callable[[], object]], runs: int) -> dict[Variant, Timing]:
    """Time each job `runs` times, one after the other in every round; a first time counts only where it is long."""
    spent: dict[Variant, list[float]] = {variant: [] for variant in jobs}
    once: dict[Variant, float] = {}
    for variant, job in jobs.items():
        with variant.chosen():
            once[variant] = _seconds(job, 1)
            if once[variant] > VERY_LONG_S:
                spent[variant].append(once[variant])
            else:
                once[variant] = _seconds(job, 1)
    for number in range(runs):
        for variant, job in jobs.items():
            if len(spent[variant]) > number:
                continue
            with variant.chosen():
                if once[variant] < LONG_S:
                    job()
                spent[variant].append(_seconds(job, max(1, math.ceil(BURST_S / max(once[variant], 1e-7)))))
    return {variant: Timing.of(seconds) for variant, seconds in spent.items()}


def timed(job: Callable[[], object], runs: int) -> Timing:
    """Time one job `runs` times."""
    return timed_in_turn({Variant(""): job}, runs)[Variant("")]


def _seconds(job: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        job()
    return (time.perf_counter() - began) / times
