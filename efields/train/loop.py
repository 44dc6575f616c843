"""The one loop: draw, render, compare, step; everything that a step changes is in a `LoopState`."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from efields.backends.adam import Adam
from efields.backends.reference import Backend
from efields.config import TrainConfig
from efields.errors import InputError
from efields.parameters import ParameterGroup
from efields.problems import Problem, Terms
from efields.signals import as_flag
from efields.train.randomness import Randomness

LEAST_RAYS, MOST_RAYS = 64, 1 << 17


@dataclass(frozen=True)
class Progress:
    """Progress of training."""

    step: int
    """Steps done."""
    steps: int
    """Total number of steps."""
    seconds: float
    """Seconds of training so far, earlier sessions of a resumed run included, evaluation excluded."""
    loss: float
    """Total loss of this step."""
    terms: dict[str, float]
    """Its weighted terms."""
    rays_per_s: float
    """Rays per second since the previous line."""
    samples_per_s: float
    """Field samples per second since the previous line."""
    learning_rate: float
    """Base learning rate of this step."""
    psnr_heldout: float | None = None
    """Quick score on a few held-out views, dB, where one was made at this step."""

    @property
    def eta_s(self) -> float:
        """Estimated seconds left at the mean pace so far."""
        return self.seconds / max(self.step, 1) * (self.steps - self.step)


class Interrupted(Exception):
    """Training was stopped by the user or the system after a whole step; the checkpoint is written."""

    def __init__(self, run: Any, step: int, signal_number: int) -> None:
        super().__init__(f"stopped at step {step}")
        self.run, self.step, self.signal_number = run, step, signal_number


@dataclass
class LoopState:
    """All that changes from step to step outside the problem's own state."""

    optimizer: Adam
    """The optimiser with its moments."""
    random: Randomness
    """Where its random numbers come from."""
    rays: int
    """Rays of the next batch: follows the number of samples that a batch took."""
    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Seconds of training."""
    since: dict[str, float] = field(default_factory=lambda: {"rays": 0.0, "samples": 0.0, "seconds": 0.0})
    """What was done since the last line of the log."""

    @staticmethod
    def fresh(problem: Problem, train: TrainConfig, seed: int, backend: Backend) -> LoopState:
        """The state before the first step; raises `InputError` where nothing is learned."""
        groups = []
        for group in problem.parameter_groups():
            factor = train.weights_factor if group.factor is None else group.factor
            groups.append({"params": list(group.parameters), "factor": factor, "sparse": group.sparse})
        if not any(parameter.requires_grad for group in groups for parameter in group["params"]):
            raise InputError("nothing of this experiment can be learned", do="choose another field or background")
        optimizer = Adam(groups, backend)
        rays = max(train.samples_per_step // 32, LEAST_RAYS)
        return LoopState(optimizer, Randomness.seeded(seed), rays)


def learning_rate(step: int, train: TrainConfig) -> float:
    """Base learning rate of step `step`, counted from 1: linear warm-up, flat to half time, then exponential fall."""
    warm = min(1.0, 0.1 + 0.9 * step / max(train.warmup_steps, 1))
    late = max(0.0, (step / train.steps - 0.5) / 0.5)
    return train.learning_rate * warm * train.final_factor**late


def optimise(
    problem: Problem,
    train: TrainConfig,
    state: LoopState,
    *,
    on_log: Callable[[Progress], None],
    heldout: Callable[[], float] | None,
    save: Callable[[], None],
    before_update: Callable[[Sequence[ParameterGroup]], None] | None = None,
    after_step: Callable[[int, Callable[[], bool]], None] | None = None,
) -> int | None:
    """Run the remaining steps; when a signal asks to stop, return its number after the step in hand and a checkpoint.

    `before_update` is called after each backward pass, before the optimiser's update, and may change gradients (average
    them over ranks, clip them). `after_step` is called between steps with the number of steps done and a function that
    tells whether the user interrupted: it may look at the problem and wait, but change nothing.
    Raises `InputError` when the loss stops being a number.
    """
    saved_at = time.monotonic()
    problem.train()
    # What is here now stays: the collector need not look through all of torch again and again.
    gc.freeze()
    with as_flag() as interrupted:
        while state.step < train.steps:
            began = time.perf_counter()
            rate = learning_rate(state.step + 1, train)
            terms = _step(problem, train, state, rate, before_update)
            state.step += 1
            state.seconds += (spent := time.perf_counter() - began)
            state.since["seconds"] += spent
            last = state.step == train.steps
            score = None
            if heldout is not None and train.heldout_every and (state.step % train.heldout_every == 0 or last):
                score = heldout()
            if score is not None or state.step % train.log_every == 0 or last:
                on_log(_progress(train, state, terms, rate, score))
                state.since = dict.fromkeys(state.since, 0.0)
            if after_step is not None:
                after_step(state.step, interrupted.is_set)
            if interrupted.is_set():
                save()
                return interrupted.number
            if time.monotonic() - saved_at >= train.checkpoint_every_s and not last:
                save()
                saved_at = time.monotonic()
        save()
    return None


def _step(
    problem: Problem,
    train: TrainConfig,
    state: LoopState,
    rate: float,
    before_update: Callable[[Sequence[ParameterGroup]], None] | None,
) -> dict[str, float]:
    """One optimiser step over `accumulate` batches; returns the weighted terms."""
    for group in state.optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    state.optimizer.zero_grad()
    total: dict[str, float] = {}
    for _ in range(train.accumulate):
        terms: Terms = problem.terms(problem.draw(state.rays, state.random.batches), state.random.own)
        loss = sum((term for term in terms.losses.values()), start=torch.zeros(())) / train.accumulate
        (loss if isinstance(loss, torch.Tensor) else torch.as_tensor(loss)).backward()
        for name, term in terms.losses.items():
            total[name] = total.get(name, 0.0) + float(term.detach()) / train.accumulate
        state.since["rays"] += terms.rays
        state.since["samples"] += terms.samples
        wanted = state.rays * train.samples_per_step / max(terms.samples, 1)
        state.rays = int(np.clip(0.7 * state.rays + 0.3 * wanted, LEAST_RAYS, MOST_RAYS))
    if not math.isfinite(sum(total.values())):
        broken = ", ".join(name for name, value in total.items() if not math.isfinite(value))
        raise InputError(
            f"the loss is not a number at step {state.step + 1} ({broken})",
            do="lower train.learning_rate, or check the recording with `efields info`",
        )
    if before_update is not None:
        before_update(problem.parameter_groups())
    state.optimizer.step()
    problem.after_step(state.step + 1, state.random.shared)
    return total


def _progress(
    train: TrainConfig, state: LoopState, terms: dict[str, float], rate: float, score: float | None
) -> Progress:
    seconds = max(state.since["seconds"], 1e-9)
    return Progress(
        step=state.step,
        steps=train.steps,
        seconds=state.seconds,
        loss=sum(terms.values()),
        terms=terms,
        rays_per_s=state.since["rays"] / seconds,
        samples_per_s=state.since["samples"] / seconds,
        learning_rate=rate,
        psnr_heldout=score,
    )
