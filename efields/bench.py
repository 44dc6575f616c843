"""How fast this machine is at what takes the time: indexing events, looking up windows, training steps."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from efields.backends import choose_backend
from efields.config import TrainConfig, experiment_from_table
from efields.events.intervals import PixelIndex
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.boxes import Box
from efields.geometry.camera import Camera
from efields.geometry.paths import orbit
from efields.geometry.pose import rotation_to_quaternion
from efields.geometry.trajectory import Trajectory
from efields.recording import Recording
from efields.train.loop import LoopState, Progress, optimise

WIDTH, HEIGHT = 346, 260
DURATION_US = 1_000_000


@dataclass(frozen=True)
class Measurement:
    """One speed, measured several times in this process."""

    name: str
    """What was done."""
    unit: str
    """Of `median`, `low` and `high`."""
    median: float
    """Median of the runs."""
    low: float
    """Slowest run."""
    high: float
    """Fastest run."""
    runs: int
    """Number of runs."""
    size: str
    """How much was done in one run."""


def measure(name: str, unit: str, size: str, amount: int, runs: int, once: Callable[[], object]) -> Measurement:
    """The rate `amount` / time of `once`, which is called once beforehand to warm up."""
    once()
    rates = []
    for _ in range(runs):
        began = time.perf_counter()
        once()
        rates.append(amount / (time.perf_counter() - began))
    return summary(name, unit, size, rates)


def summary(name: str, unit: str, size: str, rates: list[float]) -> Measurement:
    """Median and extremes of rates."""
    return Measurement(name, unit, statistics.median(rates), min(rates), max(rates), len(rates), size)


def noise_recording(events: int, seed: int = 0) -> Recording:
    """A camera on an orbit that reports `events` events at random pixels and times: work for a clock, not a scene."""
    rng = np.random.default_rng(seed)
    stream = EventStream.from_arrays(
        rng.integers(0, WIDTH, events).astype(np.uint16),
        rng.integers(0, HEIGHT, events).astype(np.uint16),
        np.sort(rng.integers(0, DURATION_US, events)),
        rng.random(events) < 0.5,
        WIDTH,
        HEIGHT,
    )
    poses = torch.from_numpy(np.asarray(orbit((0.0, 0.0, 0.0), 4.0, 20.0, 101, closed=True)))
    trajectory = Trajectory.from_arrays(
        np.linspace(-1, DURATION_US, len(poses)).astype(np.int64),
        poses[:, :3, 3].numpy(),
        rotation_to_quaternion(poses[:, :3, :3]).numpy(),
        origin_us=int(stream.t_us[0]),
    )
    camera = Camera(WIDTH, HEIGHT, 450.0, 450.0, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5)
    return Recording(stream, camera, Sensor(), trajectory, box=Box((-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)), name="noise")


def bench_events(events: int, runs: int) -> list[Measurement]:
    """Rates of building the per-pixel index and of looking up windows in it."""
    stream = noise_recording(events).events
    index = PixelIndex.build(stream)
    rng = np.random.default_rng(1)
    windows = 1_000_000
    pixel = rng.integers(0, WIDTH * HEIGHT, windows)
    t0_us = rng.integers(0, DURATION_US // 2, windows)
    t1_us = t0_us + rng.integers(1, DURATION_US // 2, windows)
    size = f"{events:.0e} events"
    return [
        measure("index of events", "events/s", size, events, runs, lambda: PixelIndex.build(stream)),
        measure(
            "windows looked up",
            "windows/s",
            f"{windows:.0e} in {size}",
            windows,
            runs,
            lambda: index.counts(pixel, t0_us, t1_us),
        ),
    ]


def bench_training(backend: str, steps: int, warm: int = 5) -> list[Measurement]:
    """Rates of whole training steps with the default settings: one run a step, the first `warm` left out."""
    experiment = experiment_from_table({}, "efields bench")
    chosen = choose_backend(backend)
    generator = torch.Generator().manual_seed(0)
    problem = experiment.problem.build(
        noise_recording(200_000), None, experiment.losses, experiment.field, experiment.sampling, chosen, generator
    )
    train = dataclasses.replace(TrainConfig(), steps=warm + steps, log_every=1, heldout_every=0)
    log: list[Progress] = []
    optimise(
        problem, train, LoopState.fresh(problem, train, 0, chosen), on_log=log.append, heldout=None, save=lambda: None
    )
    log = log[warm:]
    size = f"one step of {train.samples_per_step} samples"
    return [
        summary(f"training, {chosen.name}", "samples/s", size, [line.samples_per_s for line in log]),
        summary(f"training, {chosen.name}", "rays/s", size, [line.rays_per_s for line in log]),
    ]
