"""From a recording to a run folder."""

from __future__ import annotations

import contextlib
import json
import logging
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from efields.atomic import write_text
from efields.backends import choose_backend
from efields.backends.reference import Backend
from efields.config import Experiment, kind_of, save_experiment
from efields.devices import device_named, name_of
from efields.errors import InputError
from efields.events.statistics import hot_pixels, hot_pixels_note
from efields.problems import Problem, ProblemConfig, Setup
from efields.recordings.recording import ASSUMED_THRESHOLDS, Recording, Views
from efields.render.model import Model
from efields.render.renderer import Renderer
from efields.train.checkpoint import (
    UNFIT,
    check_kind,
    damages,
    in_short,
    loop_content,
    read_checkpoint,
    restore_loop,
    save_checkpoint,
)
from efields.train.loop import Interrupted, LoopState, Progress, optimise
from efields.train.run import Run

_log = logging.getLogger(__name__)


_RESUME = "resume with the config.toml of its run folder, or train from scratch without --resume"


class Onlooker(Protocol):
    """An observer of the field during training."""

    def begin(self, run: Run, model: Model) -> None:
        """Training is about to begin; the renderer of `model` is the one that is trained."""
        ...

    def after_step(self, step: int, stopped: Callable[[], bool]) -> None:
        """Called between steps; see `optimise`."""
        ...

    def facts(self) -> dict[str, Any]:
        """Its entry in training.json."""
        ...


HELDOUT_FRAME = 8
"""Every n-th frame is held out if frames are trained on and the recording has no held-out views."""


def views_for(experiment: Experiment, recording: Recording) -> tuple[Views | None, Views | None]:
    """Frames that may be trained on, and views that are held out; no view is ever both.

    Held-out views of the recording come first. Else the frames are: all of them when events alone are trained on,
    every eighth when frames are trained on too.
    """
    frames = recording.frames if experiment.problem.frames else None
    if recording.heldout is not None:
        return frames, recording.heldout
    if recording.frames is None:
        return None, None
    if frames is None:
        return None, recording.frames
    chosen = np.arange(len(frames)) % HELDOUT_FRAME == HELDOUT_FRAME // 2
    if not chosen.any():
        return frames, None
    return frames.take(np.flatnonzero(~chosen)), frames.take(np.flatnonzero(chosen))


def reconstruct(
    experiment: Experiment,
    recording: Recording,
    run_path: str | Path,
    *,
    resume: bool = False,
    heldout: Callable[[Renderer], float] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    onlooker: Onlooker | None = None,
    held: bool = False,
) -> Run:
    """Optimise the experiment's field against the recording and fill the run folder at `run_path`.

    `heldout` scores the renderer on held-out views now and then; nothing is tuned to it. `onlooker` sees the field
    between steps. With `resume`, training goes on from the folder's checkpoint exactly as if it had not stopped. The
    folder is held meanwhile (`Run.held_for_training`), unless the caller has it `held`. Raises `Interrupted` after
    Ctrl-C or a request to end, when the checkpoint is written, and `InputError` for what the recording or the settings
    lack, and for a folder that another process trains in.
    """
    run = Run(Path(run_path))
    with contextlib.nullcontext() if held else run.held_for_training():
        return _reconstruct(experiment, recording, run, resume, heldout, on_progress, onlooker)


def _reconstruct(
    experiment: Experiment,
    recording: Recording,
    run: Run,
    resume: bool,
    heldout: Callable[[Renderer], float] | None,
    on_progress: Callable[[Progress], None] | None,
    onlooker: Onlooker | None,
) -> Run:
    """`reconstruct` in a folder that is held."""
    backend = check_machine(experiment)
    frames, _ = views_for(experiment, recording)
    torch.manual_seed(experiment.seed)
    generator = torch.Generator().manual_seed(experiment.seed)
    saved = read_checkpoint(run.checkpoint_path) if resume and run.checkpoint_path.is_file() else None
    settings = experiment.problem if saved is None else _going_on(run, saved, experiment.problem)
    setup = setup_of(experiment, recording, frames, backend, generator)
    problem = settings.build(setup).to(experiment.device)
    notes = recording.notes
    if recording.usual_sensor and len(recording.events):
        notes += (f"{ASSUMED_THRESHOLDS}: {recording.sensor.c_pos:g} ON, {recording.sensor.c_neg:g} OFF.",)
    notes += hot_pixels_note(len(hot_pixels(recording.events)) if len(recording.events) else 0)
    notes += problem.notes
    state = LoopState.fresh(problem, experiment.train, experiment.seed, backend)
    if saved is None:
        run.clear()
    else:
        _go_on_from(run, saved, problem, state)
    save_experiment(replace(experiment, scene=_scene_path(experiment, recording)), run.config_path)

    def log(progress: Progress) -> None:
        run.append_metrics({k: v for k, v in asdict(progress).items() if v is not None and k != "steps"})
        if on_progress is not None:
            on_progress(progress)

    def save() -> None:
        content = {
            "kind": kind_of(experiment.problem),
            "device": experiment.device,
            "content": problem.content(),
            "problem": problem.state_dict(),
            "loop": loop_content(state),
        }
        save_checkpoint(run.checkpoint_path, content)
        facts = _training(experiment, recording, state, backend, notes)
        write_text(run.training_path, json.dumps({**facts, **(onlooker.facts() if onlooker else {})}, indent=2))

    if onlooker is not None:
        onlooker.begin(run, problem.model(state.step))
    after_step = None if onlooker is None else onlooker.after_step
    score = None if heldout is None else partial(_scored, problem, heldout)
    stop = optimise(problem, experiment.train, state, on_log=log, heldout=score, save=save, after_step=after_step)
    if stop is not None:
        raise Interrupted(run, state.step, stop)
    return run


def setup_of(
    experiment: Experiment, recording: Recording, frames: Views | None, backend: Backend, generator: torch.Generator
) -> Setup:
    """What the experiment's problem is built from; `frames` are those that may be trained on."""
    return Setup(
        recording, frames, experiment.losses, experiment.all_draws, experiment.look, experiment.camera_motion, backend,
        generator,
    )  # fmt: skip


def _going_on(run: Run, content: dict[str, Any], settings: ProblemConfig) -> ProblemConfig:
    """The problem's settings for going on from the content of the run's checkpoint."""
    check_kind(content, kind_of(settings), run.checkpoint_path, _RESUME)
    with damages(run.checkpoint_path):
        try:
            return settings.resumed(content["content"])
        except InputError as error:
            raise InputError(error.what, run.checkpoint_path, error.do) from None


def _go_on_from(run: Run, content: dict[str, Any], problem: Problem, state: LoopState) -> None:
    """Bring a fresh problem and loop to where the run's checkpoint, which holds `content`, was written."""
    try:
        problem.load_state_dict(content["problem"])
        restore_loop(state, content["loop"])
    except UNFIT as error:
        raise InputError(
            f"the checkpoint does not fit the experiment ({in_short(error)})",
            run.checkpoint_path,
            _RESUME,
        ) from None
    run.drop_metrics_after(state.step)


def _scored(problem: Problem, heldout: Callable[[Renderer], float]) -> float:
    """The score of the problem's field outside training mode."""
    problem.train(False)
    try:
        return heldout(problem.model(0).renderer)
    finally:
        problem.train()


def _scene_path(experiment: Experiment, recording: Recording) -> str:
    """Where the recording is, so that the run folder can be scored and repeated from anywhere."""
    return str(recording.path.resolve()) if recording.path is not None else experiment.scene


def check_machine(experiment: Experiment) -> Backend:
    """The backend that the experiment names. Raises `InputError` when it or the device is not there; takes no time."""
    return choose_backend(experiment.backend, device_named(experiment.device))


def _training(
    experiment: Experiment, recording: Recording, state: LoopState, backend: Backend, notes: tuple[str, ...]
) -> dict[str, Any]:
    from efields import __version__

    return {
        "steps": state.step,
        "train_seconds": round(state.seconds, 2),
        "events": len(recording.covered),
        "backend": backend.name,
        "instruction_set": backend.instruction_set(),
        "fell_back": [f"{function}: {why}" for function, why in backend.fell_back.items()],
        "device": experiment.device,
        "device_name": name_of(device_named(experiment.device)),
        "threads": torch.get_num_threads(),
        "seed": experiment.seed,
        "peak_memory_mb": _peak_memory_mb(),
        "notes": list(notes),
        "versions": {
            "efields": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "machine": f"{platform.machine()}, {platform.system()}",
    }


def _peak_memory_mb() -> float | None:
    """Largest resident memory of this process in MB, None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)
