"""Whole training: the rate of a step in mid-training, and the seconds until held-out views look as they should."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from efields.backends import choose_backend
from efields.bench.kernels import OnProgress, Row, rows_of
from efields.bench.timing import Timing, Variant
from efields.config import Experiment, TrainConfig
from efields.evaluate import heldout_psnr
from efields.problems import Problem
from efields.recordings.recording import Recording, Views
from efields.render.renderer import Renderer
from efields.train import Progress, reconstruct, setup_of, views_for
from efields.train.checkpoint import loop_content, restore_loop
from efields.train.loop import LoopState, optimise

BURST = 16
"""Steps of one measurement: one turn of the occupancy grid is among them."""
WARM_STEPS = {"native": 160, "reference": 32}
"""Steps before the measurement, by the backend that does them; after 128 the grid has left its warm-up."""


@dataclass
class Training:
    """A problem and its loop that can be taken back to where they were."""

    problem: Problem
    """The problem."""
    train: TrainConfig
    """How it is optimised."""
    state: LoopState
    """The loop's state."""

    @staticmethod
    def begin(experiment: Experiment, recording: Recording, backend_name: str) -> Training:
        """Everything as before the first step."""
        backend = choose_backend(backend_name)
        frames, _ = views_for(experiment, recording)
        generator = torch.Generator().manual_seed(experiment.seed)
        problem = experiment.problem.build(setup_of(experiment, recording, frames, backend, generator))
        return Training(problem, experiment.train, LoopState.fresh(problem, experiment.train, experiment.seed, backend))

    def content(self) -> dict[str, Any]:
        """What `restore` takes; shares no memory with this training."""
        kept = {name: tensor.clone() for name, tensor in self.problem.state_dict().items()}
        return {"problem": kept, "loop": _copied(loop_content(self.state))}

    def restore(self, content: dict[str, Any]) -> None:
        """Go back (or on) to where `content` was taken."""
        self.problem.load_state_dict(content["problem"])
        restore_loop(self.state, _copied(content["loop"]))

    def run(self, steps: int) -> tuple[float, float, float]:
        """Do `steps` steps: seconds, samples and rays."""
        log: list[Progress] = []
        train = dataclasses.replace(
            self.train, steps=self.state.step + steps, log_every=1 << 30, heldout_every=0, checkpoint_every_s=1e9
        )
        before = self.state.seconds
        optimise(self.problem, train, self.state, on_log=log.append, heldout=None, save=lambda: None)
        seconds = self.state.seconds - before
        return seconds, log[-1].samples_per_s * seconds, log[-1].rays_per_s * seconds


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def measure_train_step(
    experiment: Experiment,
    recording: Recording,
    among: Sequence[Variant],
    runs: int,
    on_progress: OnProgress = lambda done, total, note: None,
    *,
    burst: int = BURST,
    warm: int | None = None,
) -> list[Row]:
    """Samples a second through the whole loop, every variant from the same state in mid-training, in turn."""
    first = among[-1].backend
    trainings = {name: Training.begin(experiment, recording, name) for name in dict.fromkeys(v.backend for v in among)}
    on_progress(0, runs, "steps before")
    trainings[first].run(WARM_STEPS[first] if warm is None else warm)
    content = trainings[first].content()
    spent: dict[Variant, list[tuple[float, float]]] = {variant: [] for variant in among}
    for number in range(runs):
        for variant in among:
            on_progress(number, runs, variant.name)
            trainings[variant.backend].restore(content)
            with variant.chosen():
                seconds, samples, _ = trainings[variant.backend].run(burst)
            spent[variant].append((seconds, samples))
    on_progress(runs, runs, "")
    # A step is not the same for all: rays follow the samples of the step before. What counts is samples a second.
    timings = {variant: Timing.of([s / n for s, n in found]) for variant, found in spent.items()}
    return rows_of("train_step", "samples", timings, dict.fromkeys(among, 1.0))


@dataclass(frozen=True)
class TimeToQuality:
    """One training with one backend."""

    scene: str
    """Name of the scene."""
    backend: str
    """Name of the backend."""
    seconds_to: dict[str, float | None]
    """Training seconds until the quick held-out score first reached each number of dB; None where it did not."""
    psnr: float
    """Last quick score, dB."""
    steps: int
    """Steps."""
    seconds: float
    """Training seconds, evaluation excluded."""
    rays_s: float
    """Rays a second."""
    samples_s: float
    """Field samples a second."""
    ms_step: float
    """Milliseconds a step."""
    every: int
    """Steps between two scores: times are known to within so many steps."""


def time_to_quality(
    experiment: Experiment,
    recording: Recording,
    levels_db: Sequence[float],
    on_progress: Callable[[Progress], None] | None = None,
) -> TimeToQuality:
    """Train as the experiment says, in a folder that is thrown away, and see when the score reaches each level.

    Raises `InputError` for a recording that cannot be trained on, `ValueError` for one without held-out views.
    """
    _, views = views_for(experiment, recording)
    if views is None:
        raise ValueError("the recording has no held-out views")
    protocol, count = experiment.evaluate.protocol, experiment.train.heldout_count
    log: list[Progress] = []
    rays, samples, last = 0.0, 0.0, 0.0

    def note(now: Progress) -> None:
        nonlocal rays, samples, last
        rays += now.rays_per_s * (now.seconds - last)
        samples += now.samples_per_s * (now.seconds - last)
        last = now.seconds
        log.append(now)
        if on_progress is not None:
            on_progress(now)

    with tempfile.TemporaryDirectory() as folder:
        reconstruct(
            experiment,
            recording,
            Path(folder) / "run",
            heldout=lambda renderer: _quick_score(renderer, views, protocol, count),
            on_progress=note,
        )
    scored = [(line.seconds, line.psnr_heldout) for line in log if line.psnr_heldout is not None]
    reached = {f"{level:g}": next((s for s, psnr in scored if psnr >= level), None) for level in levels_db}
    return TimeToQuality(
        scene=recording.name or "recording",
        backend=choose_backend(experiment.backend).name,
        seconds_to=reached,
        psnr=scored[-1][1],
        steps=log[-1].step,
        seconds=last,
        rays_s=rays / last,
        samples_s=samples / last,
        ms_step=1e3 * last / log[-1].step,
        every=experiment.train.heldout_every,
    )


def _quick_score(renderer: Renderer, views: Views, protocol: str, count: int) -> float:
    """Held-out PSNR, rendered by the fastest backend whatever trains: all are equal, and scoring is not timed."""
    own = renderer.backend
    renderer.backend = choose_backend("auto")
    try:
        return heldout_psnr(renderer, views, protocol, count)
    finally:
        renderer.backend = own
