"""The loop: repeatable, resumable, interruptible, and stopped by a loss that is no number."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from efields.backends import backend_names
from efields.backends.reference import Backend
from efields.backgrounds import color
from efields.config import TrainConfig, experiment_from_table
from efields.errors import InputError
from efields.parameters import ParameterGroup
from efields.problems import Problem
from efields.render.renderer import Renderer
from efields.supervision import Supervision
from efields.train import Interrupted, Progress, Run, reconstruct, setup_of
from efields.train.checkpoint import read_checkpoint
from efields.train.loop import LoopState, learning_rate, optimise
from tests.train.small import experiment, recording

TIMES = ("seconds", "rays_per_s", "samples_per_s")


def score(renderer: Renderer) -> float:
    assert not renderer.training
    assert isinstance(renderer.background, color.ColorBackground)
    return float(renderer.background.radiance.detach().mean())


def parameters(run: Run) -> dict[str, torch.Tensor]:
    return read_checkpoint(run.checkpoint_path)["problem"]


def log_without_times(run: Run) -> list[dict[str, Any]]:
    return [{k: v for k, v in line.items() if k not in TIMES} for line in run.read_metrics()]


def same(one: Run, other: Run) -> bool:
    first, second = parameters(one), parameters(other)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Twelve steps without a stop."""
    return reconstruct(experiment(), recording(), tmp_path_factory.mktemp("whole") / "run", heldout=score)


class StopAt:
    """Presses Ctrl-C when a step is reported."""

    def __init__(self, step: int) -> None:
        self.step, self.seen = step, []

    def __call__(self, progress: Progress) -> None:
        self.seen.append(progress.step)
        if progress.step == self.step:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("at", [2, 6, 10])
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(whole: Run, tmp_path: Path, at: int) -> None:
    handler = signal.getsignal(signal.SIGINT)
    path, stop = tmp_path / "run", StopAt(at)
    with pytest.raises(Interrupted) as stopped:
        reconstruct(experiment(), recording(), path, heldout=score, on_progress=stop)
    assert stopped.value.step == at == stop.seen[-1] == stopped.value.run.load_model().step
    assert signal.getsignal(signal.SIGINT) is handler
    resumed = reconstruct(experiment(), recording(), path, resume=True, heldout=score)
    assert same(whole, resumed)
    assert log_without_times(resumed) == log_without_times(whole)
    ours, theirs = (read_checkpoint(run.checkpoint_path)["loop"] for run in (resumed, whole))
    assert ours["rng"] == theirs["rng"] and ours["rays"] == theirs["rays"]
    assert torch.equal(ours["generator"], theirs["generator"])


def test_fewer_steps_then_more_equals_a_killed_process(tmp_path: Path) -> None:
    """A run that died after a checkpoint: lines logged after it are logged once, by the resumed run."""
    flat = {"warmup_steps": 0, "final_factor": 1.0}
    long = reconstruct(experiment(**flat), recording(), tmp_path / "long", heldout=score)
    short = reconstruct(experiment(steps=6, **flat), recording(), tmp_path / "short", heldout=None)
    short.append_metrics({"step": 8, "loss": 1.0})
    with short.log_path.open("a") as file:
        file.write('{"step": 10, "lo')
    resumed = reconstruct(experiment(**flat), recording(), short.path, resume=True, heldout=None)
    assert [line["step"] for line in resumed.read_metrics()] == [2, 4, 6, 8, 10, 12]
    assert same(long, resumed)


def test_the_same_seed_gives_the_same_run_and_another_does_not(whole: Run, tmp_path: Path) -> None:
    again = reconstruct(experiment(), recording(), tmp_path / "again", heldout=score)
    assert same(whole, again)
    assert log_without_times(whole) == log_without_times(again)
    other = reconstruct(dataclasses.replace(experiment(), seed=6), recording(), tmp_path / "other", heldout=score)
    assert not same(whole, other)


def test_scoring_and_logging_leave_training_alone(whole: Run, tmp_path: Path) -> None:
    quiet = reconstruct(experiment(log_every=5, heldout_every=0), recording(), tmp_path / "quiet", heldout=None)
    assert same(whole, quiet)
    assert [line["step"] for line in quiet.read_metrics()] == [5, 10, 12]


def test_training_changes_every_learned_thing(whole: Run, tmp_path: Path) -> None:
    first = reconstruct(experiment(steps=1), recording(), tmp_path / "first")
    last, start = parameters(whole), parameters(first)
    for name in ("renderer.field.table", "renderer.background.raw", "sensor.ratio_raw"):
        assert not torch.equal(last[name], start[name]), name
    assert all(bool(torch.isfinite(v).all()) for v in last.values() if v.is_floating_point())


def test_lines_of_the_log(whole: Run) -> None:
    lines = whole.read_metrics()
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10, 12]
    for line in lines:
        assert line["loss"] == pytest.approx(sum(line["terms"].values()))
        assert set(line["terms"]) == set(experiment().losses)
        assert line["rays_per_s"] > 0 and line["samples_per_s"] > 0
        assert ("psnr_heldout" in line) == (line["step"] % 4 == 0)
    assert all(a["seconds"] < b["seconds"] for a, b in itertools.pairwise(lines))


def test_progress_tells_the_time_left(tmp_path: Path) -> None:
    seen: list[Progress] = []
    reconstruct(experiment(), recording(), tmp_path / "run", on_progress=seen.append)
    assert seen[0].eta_s == pytest.approx(5 * seen[0].seconds)
    assert (seen[-1].step, seen[-1].steps, seen[-1].eta_s) == (12, 12, 0.0)


def test_accumulated_batches_make_one_step(tmp_path: Path) -> None:
    one = reconstruct(experiment(steps=4), recording(), tmp_path / "one")
    three = reconstruct(experiment(steps=4, accumulate=3), recording(), tmp_path / "three")
    assert three.load_model().step == 4
    assert not same(one, three)
    ratio = three.read_metrics()[-1]["loss"] / one.read_metrics()[-1]["loss"]
    assert 0.3 < ratio < 3.0


def test_the_number_of_rays_follows_the_samples(tmp_path: Path) -> None:
    run = reconstruct(experiment(steps=40, samples_per_step=4096, log_every=10), recording(), tmp_path / "run")
    last = run.read_metrics()[-1]
    per_ray = last["samples_per_s"] / last["rays_per_s"]
    rays = read_checkpoint(run.checkpoint_path)["loop"]["rays"]
    assert rays * per_ray == pytest.approx(4096, rel=0.35)


# ---- gradients between the backward pass and the update


def loop_of(steps: int, **train: Any) -> tuple[Problem, TrainConfig, LoopState]:
    settings = experiment(steps=steps, heldout_every=0, samples_per_step=256, **train)
    problem = settings.problem.build(setup_of(settings, recording(), None, Backend(), torch.Generator().manual_seed(1)))
    return problem, settings.train, LoopState.fresh(problem, settings.train, 5, Backend())


def optimised(
    steps: int, before_update: Callable[[Sequence[ParameterGroup]], None] | None, **train: Any
) -> dict[str, torch.Tensor]:
    problem, settings, state = loop_of(steps, **train)
    quiet: dict[str, Any] = {"on_log": lambda progress: None, "heldout": None, "save": lambda: None}
    optimise(problem, settings, state, before_update=before_update, **quiet)
    return problem.state_dict()


def test_gradients_may_be_changed_before_the_update() -> None:
    norms: list[float] = []

    def clear(groups: Sequence[ParameterGroup]) -> None:
        gradients = [p.grad for group in groups for p in group.parameters]
        assert all(g is not None for g in gradients)
        norms.append(sum(float(g.norm()) for g in gradients if g is not None))
        for gradient in gradients:
            if gradient is not None:
                gradient.zero_()

    fresh = loop_of(2)[0]
    learned = dict(fresh.named_parameters())  # type: ignore[attr-defined]
    after = optimised(2, clear)
    assert len(norms) == 2 and min(norms) > 0
    for name, value in learned.items():
        assert torch.equal(after[name], value), name
    assert not torch.equal(optimised(2, None)["renderer.field.table"], learned["renderer.field.table"])


def test_a_look_at_gradients_changes_nothing_and_comes_once_a_step() -> None:
    seen: list[list[str]] = []
    watched = optimised(2, lambda groups: seen.append([group.name for group in groups]), accumulate=2)
    alone = optimised(2, None, accumulate=2)
    assert all(torch.equal(watched[name], alone[name]) for name in alone)
    groups = [group.name for group in loop_of(2)[0].parameter_groups()]
    assert seen == [groups] * 2 and "background" in groups


# ---- a loss that is no number


@dataclass(frozen=True)
class Breaks:
    """Becomes NaN after some calls."""

    draws: ClassVar[str] = "events"
    calls: list[int]
    weight: float = 1.0
    after: int = 7

    def __call__(self, supervision: Supervision) -> torch.Tensor:
        self.calls.append(1)
        loss = supervision.intervals.predicted.square().mean()
        return loss * math.nan if len(self.calls) > self.after else loss


def test_a_loss_that_is_no_number_stops_with_a_line_that_names_it(tmp_path: Path) -> None:
    broken = dataclasses.replace(experiment(checkpoint_every_s=1e-9), losses={"breaks": Breaks([])})
    # The first call of `experiment_text` on a Config outside the package is by its module.
    with pytest.raises(InputError, match=r"not a number at step 8 \(breaks\).*learning_rate") as error:
        reconstruct(broken, recording(), tmp_path / "run")
    assert "\n" not in str(error.value)
    # What was saved before is whole and has not seen the NaN.
    content = read_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert content["loop"]["step"] == 7
    assert all(bool(torch.isfinite(v).all()) for v in content["problem"].values() if v.is_floating_point())


def test_nothing_to_learn(tmp_path: Path) -> None:
    table = {"field": {"kind": "analytic"}, "background": {"kind": "none"}}
    with pytest.raises(InputError, match="nothing of this experiment can be learned; choose another field"):
        reconstruct(experiment_from_table(table, "test"), recording(), tmp_path / "run")
    assert not (tmp_path / "run" / "config.toml").exists()


# ---- schedule


def test_learning_rate_warms_up_stays_and_falls() -> None:
    train = TrainConfig(steps=1000, learning_rate=0.1, warmup_steps=100, final_factor=0.01)
    rates = np.array([learning_rate(step, train) for step in range(1, 1001)])
    assert rates[0] == pytest.approx(0.1 * (0.1 + 0.9 / 100))
    assert (np.diff(rates[:90]) > 0).all()
    np.testing.assert_allclose(rates[99:500], 0.1)
    assert (np.diff(rates[500:]) < 0).all()
    assert rates[749] == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0.001)
    assert learning_rate(1, TrainConfig(warmup_steps=0)) == TrainConfig().learning_rate


def test_training_json_says_what_it_ran_on(whole: Run) -> None:
    facts = whole.training()
    assert (facts["steps"], facts["seed"], facts["backend"]) == (12, 5, whole.load_model().renderer.backend.name)
    assert facts["events"] == len(recording().events)
    assert facts["train_seconds"] > 0 and facts["peak_memory_mb"] > 50
    assert json.loads(json.dumps(facts)) == facts


@pytest.mark.parametrize("backend", backend_names())
def test_the_same_run_with_the_same_number_of_threads(backend: str, tmp_path: Path) -> None:
    settings = dataclasses.replace(experiment(steps=3, samples_per_step=2048), backend=backend)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            one, other = (reconstruct(settings, recording(), tmp_path / f"{threads}-{k}") for k in (1, 2))
            assert same(one, other), f"{threads} threads"
            assert log_without_times(one) == log_without_times(other)
    finally:
        torch.set_num_threads(before)
