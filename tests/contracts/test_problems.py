"""What every problem promises the training loop, checked for each file of efields/problems."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from efields.backends.reference import Backend
from efields.config import TrainConfig, experiment_from_table, kinds, resolve
from efields.errors import InputError
from efields.problems import Terms
from efields.problems._losses import WeightedLosses
from efields.recordings.recording import Recording
from efields.train import setup_of
from efields.train.loop import LoopState, optimise
from tests.contracts.rules import broken_rules
from tests.tiny import tiny_recording

per_kind = pytest.mark.parametrize("kind", kinds("problems"))
SMALL = {"field": {"levels": 2, "log2_size": 8, "width": 8}, "sampling": {"samples": 16, "grid_resolution": 8}}


LOOK = experiment_from_table(SMALL, "test").look


def build(kind: str, recording: Recording | None = None, seed: int = 0) -> Any:
    chosen = experiment_from_table({**SMALL, "problem": {"kind": kind}}, "test")
    taken = recording or tiny_recording(size=24, frames=60, with_frames=chosen.problem.frames)
    frames = taken.frames if chosen.problem.frames else None
    return chosen.problem.build(setup_of(chosen, taken, frames, Backend(), torch.Generator().manual_seed(seed)))


def terms(problem: Any, rays: int = 256) -> Terms:
    return problem.terms(problem.draw(rays, np.random.default_rng(0)), torch.Generator().manual_seed(0))


@per_kind
def test_config(kind: str) -> None:
    config = resolve("problems", kind)
    assert broken_rules(config) == []
    for name in config().default_losses:
        resolve("losses", name)


@per_kind
@pytest.mark.parametrize("rays", [1, 64, 2000])
def test_terms_are_finite_scalars_by_the_names_of_the_losses(kind: str, rays: int) -> None:
    problem = build(kind)
    found = terms(problem, rays)
    assert tuple(found.losses) == problem.config.default_losses
    for name, term in found.losses.items():
        assert term.shape == () and bool(torch.isfinite(term)), name
    assert rays == 1 or 0.9 * rays - 8 <= found.rays <= rays
    assert found.samples > 0


@per_kind
def test_gradients_are_finite_and_groups_hold_each_parameter_once(kind: str) -> None:
    problem = build(kind)
    total: torch.Tensor = sum(terms(problem).losses.values(), start=torch.zeros(()))
    total.backward()
    learned = {name: p for name, p in problem.named_parameters() if p.requires_grad}
    grouped = [id(p) for group in problem.parameter_groups() for p in group.parameters]
    assert sorted(grouped) == sorted(id(p) for p in learned.values())
    for name, parameter in learned.items():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name


@per_kind
def test_weights_multiply_the_terms(kind: str) -> None:
    problem = build(kind)
    before = {name: float(term.detach()) for name, term in terms(problem).losses.items()}
    twice = {n: dataclasses.replace(loss, weight=2 * loss.weight) for n, loss in problem.losses.losses.items()}
    problem.losses = WeightedLosses(twice, problem.losses.extent)
    for name, term in terms(problem).losses.items():
        assert float(term.detach()) == pytest.approx(2 * before[name], rel=1e-5)


@per_kind
def test_the_loop_lowers_the_loss_and_state_comes_back(kind: str) -> None:
    train = TrainConfig(steps=60, samples_per_step=2048, log_every=1, warmup_steps=5)
    problem = build(kind)
    losses: list[float] = []
    state = LoopState.fresh(problem, train, seed=0, backend=Backend())
    on_log = lambda p: losses.append(p.loss)  # noqa: E731
    assert optimise(problem, train, state, on_log=on_log, heldout=None, save=lambda: None) is None
    assert np.mean(losses[-20:]) < np.mean(losses[:20])
    other = build(kind, seed=1)
    other.load_state_dict(problem.state_dict())
    with torch.no_grad():
        assert {k: float(v) for k, v in terms(other).losses.items()} == {
            k: float(v) for k, v in terms(problem).losses.items()
        }


@per_kind
def test_it_has_what_a_checkpoint_keeps(kind: str) -> None:
    problem = build(kind)
    kept, model = problem.content(), problem.model(7)
    assert problem.renderer.box.diagonal > 0
    assert model.trajectory is not None
    assert model.sensor is None or model.sensor.c_pos > 0
    assert (model.sensor is None) == (problem.draws.source.events is None)
    opened = problem.config.open(kept, LOOK, Backend(), 7)
    prefix = "renderer."
    opened.renderer.load_state_dict({k.removeprefix(prefix): v for k, v in problem.state_dict().items() if prefix in k})
    for part in ("camera", "sensor", "step"):
        assert getattr(opened, part) == getattr(model, part), part
    assert (opened.renderer.box, opened.renderer.span_s) == (problem.renderer.box, problem.renderer.span_s)
    np.testing.assert_array_equal(opened.trajectory.position, model.trajectory.position)


@per_kind
def test_it_goes_on_in_the_box_that_it_filled(kind: str) -> None:
    problem = build(kind)
    box = problem.renderer.world_box
    going_on = problem.config.resumed(problem.content())
    assert going_on.box == (box.lo, box.hi)
    with pytest.raises(InputError, match="fills another box"):
        dataclasses.replace(going_on, box=((0, 0, 0), (1, 1, 1))).resumed(problem.content())


@per_kind
def test_it_says_what_it_found(kind: str) -> None:
    assert all(note and "\n" not in note for note in build(kind).notes)


@per_kind
def test_a_recording_that_lacks_what_it_needs_is_an_input_error(kind: str) -> None:
    with pytest.raises(InputError):
        build(kind, dataclasses.replace(tiny_recording(size=24, frames=60), trajectory=None, frames=None))
