"""The event radiance problem: how its batches are drawn, and what it takes to build one."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from efields.backends.reference import Backend
from efields.backgrounds import color
from efields.config import resolve
from efields.draws import Drawn, FramePixels, windows
from efields.draws import events as event_draw
from efields.draws import silent as silent_draw
from efields.errors import InputError
from efields.events.intervals import Intervals
from efields.fields.hash_grid import Config as HashGridConfig
from efields.geometry import camera_motion
from efields.losses import distortion, draws_of, event_interval, event_window, photometric, silent
from efields.problems import Setup
from efields.problems.event_radiance import Config, EventRadiance
from efields.render.renderer import LookConfig
from efields.samplers import occupancy
from efields.supervision import FrameSupervision, IntervalSupervision, Supervision
from tests.problems.soft import SIZE, soft_recording, true_problem
from tests.tiny import tiny_recording


def test_rays_are_divided_by_shares() -> None:
    recording = soft_recording()
    losses = {
        "event_interval": event_interval.Config(),
        "event_window": event_window.Config(),
        "silent": silent.Config(),
    }
    draws = {
        "events": event_draw.Config(share=0.6),
        "windows": windows.Config(share=0.3),
        "silent": silent_draw.Config(share=0.1),
    }
    problem = true_problem(recording, {**losses, "distortion": distortion.Config()}, draws=draws)
    batch = problem.draw(2000, np.random.default_rng(0))
    assert {name: len(drawn.pixel) for name, drawn in batch.items()} == {"events": 600, "windows": 300, "silent": 100}
    assert {
        name: len(drawn.pixel) for name, drawn in problem.draw(1, np.random.default_rng(0)).items()
    } == dict.fromkeys(batch, 1)


def test_two_looks_of_an_interval_share_their_jitter() -> None:
    problem = true_problem(soft_recording(), {"event_interval": event_interval.Config()})
    seen: list[torch.Tensor] = []
    inner = problem.renderer.forward

    def watching(rays: Any, jitter: torch.Tensor | None = None, **options: Any) -> Any:
        assert jitter is not None
        seen.append(jitter)
        return inner(rays, jitter, **options)

    problem.renderer.forward = watching  # type: ignore[method-assign]
    problem.terms(problem.draw(100, np.random.default_rng(0)), torch.Generator().manual_seed(0))
    (jitter,) = seen
    assert torch.equal(jitter[:50], jitter[50:])
    assert float(jitter[:50].std()) > 0.2


def test_draws_and_terms_follow_their_seeds() -> None:
    problem = true_problem(soft_recording(), {"event_interval": event_interval.Config(), "silent": silent.Config()})
    found = []
    for _ in range(2):
        batch = problem.draw(500, np.random.default_rng(7))
        found.append(problem.terms(batch, torch.Generator().manual_seed(7)).losses)
    assert {k: float(v.detach()) for k, v in found[0].items()} == {k: float(v.detach()) for k, v in found[1].items()}


def test_nothing_is_drawn_where_the_lens_cannot_be_undone() -> None:
    recording = soft_recording()
    # So strong a barrel that the picture's corners are beyond where the lens model folds over.
    folded = dataclasses.replace(recording.camera, distortion_model="plumb_bob", distortion=(-1.5, 0.0, 0.0, 0.0, 0.0))
    known = folded.undistortable()
    assert 0 < np.count_nonzero(~known) < len(known)
    losses = {"a": event_interval.Config(), "b": event_window.Config(), "c": silent.Config()}
    problem = build(dataclasses.replace(recording, camera=folded), losses=losses)
    batch = problem.draw(3000, np.random.default_rng(0))
    assert set(batch) == {"events", "windows", "silent"}
    for drawn in batch.values():
        assert len(drawn.pixel) and known[drawn.pixel].all()
    everywhere = build(recording).draw(3000, np.random.default_rng(0))
    assert not known[everywhere["events"].pixel].all()


# ---- what is missing


SMALL_LOOK = LookConfig(
    HashGridConfig(levels=2, log2_size=8, width=8), occupancy.Config(samples=16, grid_resolution=8), color.Config()
)


def build(
    recording: Any,
    config: Config | None = None,
    losses: dict[str, Any] | None = None,
    motion: camera_motion.Config | None = None,
) -> EventRadiance:
    chosen = losses or {"event_interval": event_interval.Config()}
    draws = {name: resolve("draws", name)() for loss in chosen.values() for name in draws_of(loss)}
    setup = Setup(
        recording, None, chosen, draws, SMALL_LOOK, motion or camera_motion.Config(), Backend(), torch.Generator()
    )
    return (config or Config()).build(setup)


def test_missing_poses() -> None:
    with pytest.raises(InputError, match="no camera poses"):
        build(dataclasses.replace(soft_recording(), trajectory=None))


def test_missing_frames() -> None:
    with pytest.raises(InputError, match=r"problem\.frames = true"):
        build(soft_recording(), losses={"photometric": photometric.Config()})


def test_a_recording_without_two_events_at_any_pixel() -> None:
    recording = soft_recording()
    _, first = np.unique(recording.events.y.astype(int) * SIZE + recording.events.x, return_index=True)
    with pytest.raises(InputError, match="no pixel has two events"):
        build(dataclasses.replace(recording, events=recording.events[np.sort(first)]))


def test_the_box_of_the_config_is_checked_when_it_is_read_and_names_corners_in_any_order() -> None:
    with pytest.raises(InputError, match="is empty"):
        Config(box=((0, 0, 0), (1, 0, 2)))
    problem = build(soft_recording(), Config(box=((1, 2, 3), (-1, -2, -3))))
    assert problem.renderer.box.hi == (1.0, 2.0, 3.0)
    assert any("as given" in note for note in problem.notes)


def test_windows_span_the_motion_that_is_set() -> None:
    recording = tiny_recording(size=24, frames=60)

    def longest(px: float) -> int:
        source = build(recording, Config(window_motion_px=px)).draws.source.events
        assert source is not None
        return source.longest_events

    short, long = longest(3.0), longest(6.0)
    assert long == pytest.approx(2 * short, rel=0.05)


def test_shares_are_positive_and_default_losses_are_known() -> None:
    for draw in (event_draw, silent_draw, windows):
        with pytest.raises(InputError, match="share = 0; give a number above 0"):
            draw.Config(share=0.0)
    assert "photometric" in Config(frames=True).default_losses
    assert "photometric" not in Config().default_losses


def test_losses_that_compare_nothing_are_not_enough() -> None:
    with pytest.raises(InputError, match="no loss compares anything"):
        build(soft_recording(), losses={"distortion": distortion.Config()})


def test_a_draw_that_gives_something_else_than_its_loss_compares() -> None:
    chosen: dict[str, Any] = {"event_interval": event_interval.Config()}
    recording = soft_recording()
    setup = Setup(
        recording, recording.frames, chosen, {"events": resolve("draws", "frames")()}, SMALL_LOOK,
        camera_motion.Config(), Backend(), torch.Generator(),
    )  # fmt: skip
    problem = Config(frames=True).build(setup)
    with pytest.raises(InputError, match=r"compares intervals, and its draw gives pixels of frames.*\[draws\.NAME\]"):
        problem.terms(problem.draw(64, np.random.default_rng(0)), torch.Generator())


# ---- what losses are shown


def found_nothing(drawn: Drawn) -> Drawn:
    assert isinstance(drawn, Intervals)
    return drawn.take(slice(0))


def test_a_loss_whose_draw_found_nothing_adds_nothing() -> None:
    problem = build(soft_recording(), losses={"event_interval": event_interval.Config(), "silent": silent.Config()})
    batch = problem.draw(200, np.random.default_rng(0))
    batch["silent"] = found_nothing(batch["silent"])
    found = problem.terms(batch, torch.Generator()).losses
    assert float(found["silent"].detach()) == 0 < float(found["event_interval"].detach())
    nothing = {name: found_nothing(drawn) for name, drawn in batch.items()}
    terms = problem.terms(nothing, torch.Generator())
    total = sum(terms.losses.values(), start=torch.zeros(()))
    total.backward()
    assert float(total.detach()) == 0 == terms.rays == terms.samples


def test_each_value_that_a_loss_compares_leads_to_its_ray() -> None:
    class Keep:
        draws, weight = ("events", "frames", "silent"), 1.0

        def __call__(self, supervision: Supervision) -> torch.Tensor:
            seen.append(supervision)
            return torch.zeros(())

    seen: list[Supervision] = []
    recording = soft_recording()
    losses: Any = {"keep": Keep()}
    problem = true_problem(recording, losses, Config(frames=True), recording.frames)
    problem.terms(problem.draw(300, np.random.default_rng(0)), torch.Generator())
    (supervision,) = seen
    log_radiance, t_s = torch.log(supervision.rendered.radiance[:, 0]), supervision.rays.t_s
    assert t_s is not None
    used = []
    for name in ("events", "silent"):
        part = supervision.compared[name]
        assert isinstance(part, IntervalSupervision)
        assert torch.equal(part.log_start, log_radiance[part.start_ray])
        assert torch.equal(part.log_end, log_radiance[part.end_ray])
        assert torch.equal(part.end_s.float(), t_s[part.end_ray])
        used += [part.start_ray, part.end_ray]
    frames = supervision.compared["frames"]
    assert isinstance(frames, FrameSupervision) and frames.t_s is not None
    torch.testing.assert_close(frames.predicted[:, 0], torch.exp(log_radiance[frames.ray]))
    assert torch.equal(frames.t_s.float(), t_s[frames.ray])
    assert torch.equal(torch.cat([*used, frames.ray]).sort().values, torch.arange(len(supervision.rays)))


@dataclasses.dataclass(frozen=True)
class PosePrior:
    """A loss on what is learned of the camera's motion alone."""

    draws: ClassVar[str] = ""
    with_spans: bool = False
    weight: float = 3.0

    def __call__(self, supervision: Supervision) -> torch.Tensor:
        assert supervision.rendered.spans is None
        correction = supervision.motion.correction(supervision.motion.knots_s)
        assert correction is not None
        return (correction[:, :3] - 1).square().sum().float()


def test_a_loss_sees_what_is_learned_of_the_motion() -> None:
    chosen = {"event_interval": event_interval.Config(), "prior": PosePrior()}
    motion = camera_motion.Config(learn=True, knot_every_s=0.1)
    problem = build(soft_recording(), losses=chosen, motion=motion)
    loss = problem.terms(problem.draw(64, np.random.default_rng(0)), torch.Generator()).losses["prior"]
    loss.backward()
    assert float(loss.detach()) == 3 * problem.motion.rotation.numel()
    assert problem.motion.rotation.grad is not None
    np.testing.assert_allclose(problem.motion.rotation.grad.numpy(), -6.0)


def test_frames_without_times_keep_the_poses_that_they_were_given() -> None:
    recording = soft_recording()
    assert recording.frames is not None
    frames = dataclasses.replace(recording.frames, t_us=None)
    losses: dict[str, Any] = {"photometric": photometric.Config()}
    setup = Setup(
        recording, frames, losses, {"frames": resolve("draws", "frames")()},
        SMALL_LOOK, camera_motion.Config(learn=True), Backend(), torch.Generator(),
    )  # fmt: skip
    problem = Config(frames=True).build(setup)
    assert problem.looks is not None
    with torch.no_grad():
        problem.motion.translation.fill_(0.5)
    drawn = problem.draw(64, np.random.default_rng(0))["frames"]
    assert isinstance(drawn, FramePixels)
    rays = problem.looks.rays(drawn, problem.motion)
    given = frames.T_world_camera[drawn.view, :3, 3] - problem.renderer.origin
    np.testing.assert_allclose(rays.origin.numpy(), given, atol=1e-6)
