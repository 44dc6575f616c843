"""A recording larger than memory: written, surveyed, indexed and trained on, with the memory that each takes."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from efields.bench.kernels import OnProgress
from efields.bench.training import Training
from efields.config import Experiment, experiment_from_table
from efields.errors import InputError
from efields.events import scratch
from efields.events.columns import CHUNK, EventColumns
from efields.geometry.camera import Camera
from efields.geometry.paths import orbit
from efields.geometry.pose import rotation_to_quaternion
from efields.loaders import load
from efields.supplied.facts import facts_of
from efields.supplied.given import Supplied
from efields.writers import About, recording

WIDTH, HEIGHT, RATE_HZ = 1280, 720, 10e6
POSES = 101
BYTES_AN_EVENT = 30
"""On the disk: the recording's columns, and the index of them by pixel."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class LargeRow:
    """One thing that is done with the whole recording."""

    what: str
    """What was done."""
    events: int
    """Events of the recording."""
    seconds: float
    """Seconds it took."""
    own_memory_mb: float | None
    """Most memory of the process itself above what it had before, megabytes; None where the system does not tell."""
    mapped_mb: float | None
    """Most memory that mapped files took, which the system takes back as it needs it."""
    seconds_1e9: float | None
    """Seconds for 1e9 events, if it grows in proportion; None where it does not depend on the number of events."""


def measure_large(
    events: int, backend: str, steps: int = 50, on_progress: OnProgress = lambda done, total, note: None
) -> list[LargeRow]:
    """Write a recording of random events on 1280 x 720 pixels in a scratch folder, and do with it what users do.

    Raises `InputError` when the disk has no room for it, before anything is written.
    """
    rows: list[LargeRow] = []
    jobs = ("write", "info", "load", "index and build", f"{steps} training steps")

    def timed(what: str, job: Callable[[], _T], proportional: bool = True) -> _T:
        on_progress(len(rows), len(jobs), what)
        with memory_peaks() as peaks:
            began = time.perf_counter()
            result = job()
            seconds = time.perf_counter() - began
        rows.append(LargeRow(what, events, seconds, *peaks(), seconds * 1e9 / events if proportional else None))
        return result

    scratch.scratch_folder().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(scratch.scratch_folder()).free
    if (needed := BYTES_AN_EVENT * events) > free:
        what = f"{events:,} events take about {needed / 1e9:,.0f} GB, and {free / 1e9:,.0f} GB are free"
        raise InputError(what, scratch.scratch_folder(), "give fewer --events, or set EFIELDS_SCRATCH to a larger disk")
    with tempfile.TemporaryDirectory(dir=scratch.scratch_folder()) as folder:
        path = Path(folder) / "large"
        timed(jobs[0], lambda: _write(events, path))
        timed(jobs[1], lambda: facts_of(path, "robust_enerf", {}, Supplied()))
        loaded = timed(jobs[2], lambda: load(path, "robust_enerf"))
        # Its box is that of the made-up scene: the events are noise, and only the clock matters.
        table = {"problem": {"box": [[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]]}}
        experiment: Experiment = experiment_from_table(table, "efields bench")
        training = timed(jobs[3], lambda: Training.begin(experiment, loaded, backend))
        timed(jobs[4], lambda: training.run(steps), proportional=False)
    on_progress(len(jobs), len(jobs), "")
    return rows


def _write(events: int, path: Path) -> None:
    camera = Camera(WIDTH, HEIGHT, 1000.0, 1000.0, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5)
    recording.write(_noise(events), path, About(WIDTH, HEIGHT, camera=camera))
    poses = torch.from_numpy(np.asarray(orbit((0.0, 0.0, 0.0), 4.0, 20.0, POSES, closed=True)))
    np.savez(
        path / "camera_poses.npz",
        T_wc_position=poses[:, :3, 3].numpy(),
        T_wc_orientation=rotation_to_quaternion(poses[:, :3, :3]).numpy(),
        T_wc_timestamp=np.linspace(-1000, (events / RATE_HZ * 1e6 + 1) * 1e3, POSES).astype(np.int64),
    )


def _noise(events: int) -> Iterator[EventColumns]:
    rng = np.random.default_rng(0)
    for first in range(0, events, CHUNK):
        n = min(CHUNK, events - first)
        t_us = ((np.arange(first, first + n) + 0.5) / RATE_HZ * 1e6).astype(np.int64)
        yield EventColumns.of(rng.integers(0, WIDTH, n), rng.integers(0, HEIGHT, n), t_us, rng.random(n) < 0.5)


@contextlib.contextmanager
def memory_peaks(interval_s: float = 0.02) -> Iterator[Callable[[], tuple[float | None, float | None]]]:
    """While the block runs, watch the process's memory; then tell the peaks, own and mapped, in megabytes."""
    status = Path("/proc/self/status")
    if not status.is_file():
        yield lambda: (None, None)
        return

    def now() -> tuple[float, float]:
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        own, mapped = (float(lines[key].split()[0]) / 1024 for key in ("RssAnon", "RssFile"))
        return own, mapped

    own, mapped = now()
    peaks, stop = [own, mapped], threading.Event()

    def watch() -> None:
        while not stop.wait(interval_s):
            peaks[:] = map(max, peaks, now())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: (peaks[0] - own, peaks[1])
    finally:
        stop.set()
        thread.join()
        peaks[:] = map(max, peaks, now())
