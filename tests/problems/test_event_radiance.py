"""The event radiance problem with the truth in it: what events, frames and silence say then agrees with the field."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from efields.backends.reference import Backend
from efields.backgrounds import color
from efields.draws import events as event_draw
from efields.draws import windows
from efields.events.sensor import Sensor
from efields.fields.hash_grid import Config as HashGridConfig
from efields.geometry import camera_motion
from efields.losses import event_interval, event_window, photometric, silent
from efields.problems import Setup
from efields.problems._losses import WeightedLosses
from efields.problems.event_radiance import Config, EventRadiance
from efields.render.renderer import LookConfig
from efields.samplers import occupancy
from efields.supervision import FrameSupervision, IntervalSupervision, Supervision
from tests.losses.supervise import of_frames
from tests.problems.soft import C_NEG, C_POS, soft_recording, true_problem

C_MEAN = 0.5 * (C_POS + C_NEG)


@dataclass(frozen=True)
class Spy:
    """A loss that keeps what it was shown."""

    draws: ClassVar[str] = "events"
    weight: float = 1.0
    seen: list[Supervision] = field(default_factory=list)

    def __call__(self, supervision: Supervision) -> torch.Tensor:
        self.seen.append(supervision)
        return torch.zeros(())


def spy(kind: str) -> Any:
    return type("Spy", (Spy,), {"draws": kind})()


def intervals_shown(problem: EventRadiance, kind: str, rays: int = 3000) -> IntervalSupervision:
    """What a loss that draws `kind` is shown in one step."""
    watching = spy(kind)
    problem.losses = WeightedLosses({"spy": watching}, 1.0)
    with torch.no_grad():
        problem.terms(problem.draw(rays, np.random.default_rng(0)), torch.Generator().manual_seed(0))
    return watching.seen[0].intervals


def residual(shown: IntervalSupervision) -> torch.Tensor:
    """Size of the disagreement in mean thresholds."""
    return ((shown.predicted - shown.observed) / shown.c_mean).abs()


# ---- the truth fits


def test_events_agree_with_the_true_field() -> None:
    shown = intervals_shown(true_problem(soft_recording(), {"spy": spy("events")}), "events")
    assert float(residual(shown).median()) < 0.02
    assert float(residual(shown).mean()) < 0.06
    assert set(np.round(shown.observed.tolist(), 5)) == {np.round(C_POS, 5), np.round(-C_NEG, 5)}
    assert bool(shown.starts_at_event.all()) and bool((shown.events == 1).all())


def test_windows_agree_with_the_true_field() -> None:
    recording = soft_recording()
    moved = intervals_shown(true_problem(recording, {"spy": spy("windows")}), "windows")
    assert float(residual(moved)[moved.starts_at_event].mean()) < 0.15
    assert float(moved.starts_at_event.float().mean()) > 0.2
    # A window that starts anywhere is off by up to a threshold at either end.
    still = {"windows": windows.Config(at_events=False)}
    shown = intervals_shown(true_problem(recording, {"spy": spy("windows")}, draws=still), "windows")
    assert not bool(shown.starts_at_event.any())
    assert float(residual(shown).max()) < 2.3
    assert float(residual(shown).mean()) > 3 * float(residual(moved)[moved.starts_at_event].mean())


def test_silence_agrees_with_the_true_field() -> None:
    problem = true_problem(soft_recording(), {"spy": spy("silent")})
    shown = intervals_shown(problem, "silent")
    assert bool((shown.events == 0).all())
    known, change = shown.starts_at_event, shown.predicted
    assert 0.45 < float(known.float().mean()) < 0.55
    slack = 0.1 * C_MEAN
    inside = (change < torch.where(known, C_POS, C_POS + C_NEG) + slack) & (
        -change < torch.where(known, C_NEG, C_POS + C_NEG) + slack
    )
    assert float(inside.float().mean()) > 0.98
    # The bound is not a tautology: change reaches it.
    assert float(change[known].max()) > 0.8 * C_POS and float(change[known].min()) < -0.8 * C_NEG


def test_a_wrong_field_does_not_agree() -> None:
    problem = true_problem(soft_recording(), {"spy": spy("events")})
    problem.renderer.field.center.add_(torch.tensor([0.0, 0.0, 0.15]))  # type: ignore[attr-defined]
    assert float(residual(intervals_shown(problem, "events")).mean()) > 0.4


def test_default_losses_are_small_for_the_truth() -> None:
    losses = {
        "event_interval": event_interval.Config(),
        "event_window": event_window.Config(),
        "silent": silent.Config(),
    }
    problem = true_problem(soft_recording(), losses)
    terms = problem.terms(problem.draw(4000, np.random.default_rng(1)), torch.Generator().manual_seed(0))
    assert {name: float(term.detach()) < 0.05 for name, term in terms.losses.items()} == dict.fromkeys(losses, True)
    assert terms.rays == pytest.approx(4000, abs=8)
    assert terms.samples > terms.rays


# ---- refractory period, colour, ratio


def test_the_refractory_period_moves_the_start() -> None:
    recording = soft_recording(refractory_us=8000.0)
    right = intervals_shown(true_problem(recording, {"spy": spy("events")}), "events")
    ignoring = dataclasses.replace(recording, sensor=Sensor(C_POS, C_NEG))
    wrong = intervals_shown(true_problem(ignoring, {"spy": spy("events")}), "events")
    assert float(residual(right).median()) < 0.03
    assert float(residual(right).mean()) < 0.1
    assert float(residual(wrong).mean()) > 3 * float(residual(right).mean())


def test_the_refractory_period_can_be_learned() -> None:
    recording = soft_recording(refractory_us=8000.0)
    gradients = []
    for start_us in (6500.0, 9500.0):
        guess = dataclasses.replace(recording, sensor=Sensor(C_POS, C_NEG, refractory_us=start_us))
        longer = Config(learn_refractory=True)
        problem = true_problem(guess, {"event_interval": event_interval.Config()}, longer)
        source = problem.draws.source.events
        assert source is not None
        # No interval is shorter than the true period, so the bound of the learned one lies above it.
        shortest = float(source.index.shortest_interval() or 0)
        assert shortest >= 8000.0
        if start_us > shortest:
            continue
        terms = problem.terms(problem.draw(4000, np.random.default_rng(0)), torch.Generator().manual_seed(0))
        sum(terms.losses.values()).backward()  # type: ignore[union-attr]
        gradient = problem.sensor.refractory_raw.grad
        assert gradient is not None
        gradients.append(float(gradient))
        assert "sensor" in [group.name for group in problem.parameter_groups()]
    assert gradients and np.isfinite(gradients).all() and 0.0 not in gradients


def test_each_pixel_is_compared_in_its_own_colour() -> None:
    recording = soft_recording(bayer="RGGB")
    problem = true_problem(recording, {"spy": spy("events")})
    shown = intervals_shown(problem, "events")
    assert float(residual(shown).median()) < 0.03
    problem.channel.copy_((problem.channel + 1) % 3)  # type: ignore[operator]
    assert float(residual(intervals_shown(problem, "events")).mean()) > 5 * float(residual(shown).mean())


@pytest.mark.parametrize(("guess", "sign"), [(2.0, 1.0), (0.8, -1.0)])
def test_a_wrong_ratio_is_pulled_towards_the_truth(guess: float, sign: float) -> None:
    recording = soft_recording()
    wrong = dataclasses.replace(recording, sensor=Sensor(guess * C_NEG, C_NEG))
    problem = true_problem(wrong, {"event_interval": event_interval.Config()}, Config(learn_ratio=True))
    terms = problem.terms(problem.draw(2000, np.random.default_rng(0)), torch.Generator().manual_seed(0))
    terms.losses["event_interval"].backward()
    gradient = problem.sensor.ratio_raw.grad
    assert gradient is not None
    assert float(gradient) * sign > 0
    fixed = true_problem(wrong, {"event_interval": event_interval.Config()})
    assert not list(fixed.sensor.parameters())


# ---- frames


def frames_shown(problem: EventRadiance) -> FrameSupervision:
    watching = spy("frames")
    problem.losses = WeightedLosses({"spy": watching}, 1.0)
    problem.terms(problem.draw(900, np.random.default_rng(0)), torch.Generator().manual_seed(0))
    return watching.seen[0].frames


@pytest.mark.parametrize("bayer", ["", "RGGB"])
def test_frames_agree_with_the_true_field(bayer: str) -> None:
    recording = soft_recording(bayer=bayer)
    problem = true_problem(recording, {"photometric": photometric.Config()}, Config(frames=True), recording.frames)
    shown = frames_shown(problem)
    assert shown.predicted.shape == (900, 3 if bayer else 1)
    assert float((shown.predicted - shown.observed).detach().abs().mean()) < 2e-3
    assert float(shown.observed.std()) > 0.05
    groups = {group.name: group for group in problem.parameter_groups()}
    assert [p.requires_grad for p in groups["frames"].parameters] == [True, True]


def test_gain_and_offset_of_frames_take_up_a_display_gamma_and_a_brightness() -> None:
    recording = soft_recording(color_space="display")
    problem = true_problem(recording, {"photometric": photometric.Config()}, Config(frames=True), recording.frames)
    with torch.no_grad():
        problem.frame_gain.fill_(1 / 2.2)
    shown = frames_shown(problem)
    assert float((shown.predicted - shown.observed).detach().abs().mean()) < 2e-3
    loss = photometric.Config()(of_frames(shown))
    loss.backward()
    with torch.no_grad():
        problem.frame_offset.fill_(0.3)
    problem.zero_grad()
    brighter = frames_shown(problem)
    photometric.Config()(of_frames(brighter)).backward()
    assert problem.frame_offset.grad is not None and float(problem.frame_offset.grad) > 0


def test_a_grey_event_camera_sees_the_luminance_of_coloured_frames() -> None:
    recording = soft_recording()
    coloured = soft_recording(bayer="RGGB").frames
    kinds = {"photometric": photometric.Config(), "event_interval": event_interval.Config()}
    problem = true_problem(recording, kinds, Config(frames=True), coloured)
    assert (problem.renderer.field.channels, problem.camera.channels, len(problem.frame_gain)) == (3, 1, 3)
    seen: dict[str, Any] = {}
    problem.losses = WeightedLosses({name: _keeping(seen, name, loss) for name, loss in kinds.items()}, 1.0)
    batch = problem.draw(400, np.random.default_rng(0))
    problem.terms(batch, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        seen["photometric"].frames.predicted, seen["photometric"].frames.observed, atol=0.02, rtol=0.02
    )
    rendered, n = seen["event_interval"].rendered.radiance, len(batch["events"])
    grey = torch.log(rendered[: 2 * n] @ torch.tensor([0.2126, 0.7152, 0.0722]))
    torch.testing.assert_close(seen["event_interval"].intervals.predicted, grey[n:] - grey[:n])


def _keeping(seen: dict[str, Any], name: str, loss: Any) -> Any:
    def keep(supervision: Any) -> torch.Tensor:
        seen[name] = supervision
        return torch.zeros(())

    keep.draws, keep.weight = loss.draws, 1.0  # type: ignore[attr-defined]
    return keep


def test_frames_are_left_alone_when_no_loss_asks_for_them() -> None:
    recording = soft_recording()
    small, sampling = HashGridConfig(levels=2, log2_size=8, width=8), occupancy.Config(samples=16, grid_resolution=8)
    problem = Config(frames=True).build(
        Setup(
            recording,
            recording.frames,
            {"event_interval": event_interval.Config()},
            {"events": event_draw.Config()},
            LookConfig(small, sampling, color.Config()),
            camera_motion.Config(),
            Backend(),
            torch.Generator(),
        )
    )
    assert problem.frames is None
    assert "frames" not in [group.name for group in problem.parameter_groups()]
