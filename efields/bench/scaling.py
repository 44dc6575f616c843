"""How the time of a step, of a view and of an index grows with what it is made of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from efields.backends import choose_backend
from efields.bench.kernels import OnProgress
from efields.bench.noise import noise_recording
from efields.bench.rendering import square_camera, view_from_outside
from efields.bench.timing import Timing, timed
from efields.bench.training import Training
from efields.bench.workloads import default_renderer
from efields.config import Experiment, experiment_from_table
from efields.events.intervals import PixelIndex
from efields.fields import hash_grid
from efields.machine import usable_cores
from efields.recordings.recording import Recording
from efields.render.image import render_view


@dataclass(frozen=True)
class Series:
    """Seconds against one number, and the power that they follow."""

    what: str
    """What took the time."""
    against: str
    """The number that was changed."""
    points: list[tuple[float, float]]
    """Number and median seconds."""
    exponent: float
    """Slope of log seconds over log number, by least squares: 1 is proportional, 0 does not depend on it."""


@dataclass(frozen=True)
class Ranges:
    """The numbers that are tried."""

    events: tuple[int, ...] = (100_000, 300_000, 1_000_000, 3_000_000)
    """Events of an index."""
    samples_per_step: tuple[int, ...] = (1 << 12, 1 << 13, 1 << 14, 1 << 15, 1 << 16)
    """Samples of a step."""
    log2_size: tuple[int, ...] = (14, 15, 16, 17, 18, 19)
    """Rows of a level, as a power of two."""
    resolution: tuple[int, ...] = (64, 128, 256, 512)
    """Pixels along each side of a view."""
    threads: tuple[int, ...] = ()
    """Threads of a step; empty for 1, 2, 4, ... up to every core."""
    steps: int = 8
    """Steps of one measurement."""
    step_events: int = 300_000
    """Events that steps draw from."""


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Slope of log y over log x by least squares; NaN for fewer than two x."""
    x, y = np.log(np.array(points, dtype=np.float64).reshape(-1, 2)).T
    spread = x - x.mean() if len(x) else x
    return float((spread * y).sum() / (spread**2).sum()) if np.any(np.abs(spread) > 0) else math.nan


def measure_scaling(
    backend: str, ranges: Ranges, runs: int, on_progress: OnProgress = lambda done, total, note: None
) -> list[Series]:
    """Every series, one point after the other."""
    jobs = list(_jobs(backend, ranges, runs))
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for number, (what, against, x, measure) in enumerate(jobs):
        on_progress(number, len(jobs), f"{what}, {x:,} {against}")
        points.setdefault((what, against), []).append((float(x), measure().median_s))
    on_progress(len(jobs), len(jobs), "")
    return [Series(what, against, found, exponent(found)) for (what, against), found in points.items()]


def _jobs(backend: str, ranges: Ranges, runs: int) -> Iterator[tuple[str, str, int, Callable[[], Timing]]]:
    for n in ranges.events:
        yield "index of events", "events", n, lambda n=n: timed(_index_job(n), runs)
        yield "batch draw", "events", n, lambda n=n: timed(_draw_job(backend, n), runs)
    recording = noise_recording(ranges.step_events)
    default = experiment_from_table({}, "efields bench")
    for n in ranges.samples_per_step:
        train = dataclasses.replace(default.train, samples_per_step=n)
        experiment = dataclasses.replace(default, train=train)
        yield "training step", "samples per step", n, _step(backend, experiment, recording, ranges.steps, runs)
    for size in ranges.log2_size:
        experiment = dataclasses.replace(default, field=hash_grid.Config(log2_size=size))
        step = _step(backend, experiment, recording, ranges.steps, runs)
        yield "training step", "rows of a level", 1 << size, step
    for size in ranges.resolution:
        yield "view", "pixels along a side", size, lambda size=size: timed(_view_job(backend, size), runs)
    for count in ranges.threads or _powers_up_to(usable_cores()):
        step = _step(backend, default, recording, ranges.steps, runs)
        yield "training step", "threads", count, _threaded(count, step)


def _powers_up_to(most: int) -> list[int]:
    return sorted({*(1 << k for k in range(most.bit_length())), most})


def _index_job(events: int) -> Callable[[], object]:
    stream = noise_recording(events).events
    return lambda: PixelIndex.build(stream)


def _draw_job(backend: str, events: int) -> Callable[[], object]:
    training = Training.begin(experiment_from_table({}, "efields bench"), noise_recording(events), backend)
    rng = np.random.default_rng(0)
    return lambda: training.problem.draw(1 << 12, rng)


def _view_job(backend: str, size: int) -> Callable[[], object]:
    renderer = default_renderer(choose_backend(backend)).eval()
    return lambda: render_view(renderer, square_camera(size), view_from_outside())


def _step(backend: str, experiment: Experiment, recording: Recording, steps: int, runs: int) -> Callable[[], Timing]:
    """Seconds of a step: the number of rays has settled at the samples that are wanted before it is measured."""

    def measure() -> Timing:
        training = Training.begin(experiment, recording, backend)
        training.run(16)
        return Timing.of([training.run(steps)[0] / steps for _ in range(runs)])

    return measure


def _threaded(count: int, measure: Callable[[], Timing]) -> Callable[[], Timing]:
    """The same with another number of threads; what was set before holds again afterwards."""

    def run() -> Timing:
        before = torch.get_num_threads()
        torch.set_num_threads(count)
        try:
            return measure()
        finally:
            torch.set_num_threads(before)
            choose_backend("auto")  # a backend takes torch's number for its own threads when it is made

    return run
