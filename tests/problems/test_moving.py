"""A ball that moves, seen in closed form: its velocity is learned from frames with times, and from events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from efields.backends.reference import Backend
from efields.backgrounds import color
from efields.config import experiment_from_table
from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.geometry.camera import Camera
from efields.geometry.paths import look_at
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording, Views
from efields.render.renderer import LookConfig
from efields.samplers import stratified
from efields.simulation.event_camera import EventCamera, simulate_events
from efields.train import setup_of
from tests import moving

SIZE, START_US = 16, 5_000_000
CAMERA = Camera(SIZE, SIZE, 24.0, 24.0, 7.5, 7.5)
BEHIND = color.Config().build(1, torch.Generator()).radiance.item()
LOOK = LookConfig(moving.Config(speed=0.3), stratified.Config(samples=24), color.Config())


def pose(t_s: float) -> np.ndarray:
    angle = 1.6 * (t_s - 0.5)
    return look_at(2.6 * np.array([np.cos(angle), np.sin(angle), 0.15]), np.zeros(3))


def picture(t_s: float) -> np.ndarray:
    """What the camera sees of the true ball, `[h, w]`."""
    return moving.exact(CAMERA, pose(t_s), t_s, BEHIND)[0]


def recording() -> Recording:
    """One second from absolute second 5 on: events, and a frame every tenth of it."""
    t_s = np.linspace(0, 1, 81)
    t_us = START_US + np.rint(1e6 * t_s).astype(np.int64)
    images, poses = np.stack([picture(t) for t in t_s]), np.stack([pose(t) for t in t_s])
    events, _ = simulate_events(list(images), t_s, EventCamera(c_pos=0.2, c_neg=0.2))
    events = replace(events, t_us=events.t_us + START_US)
    some = slice(0, None, 8)
    frames = Views.stacked(
        images[some][..., None].astype(np.float32), poses[some], CAMERA, tuple(map(str, t_us[some])), t_us[some]
    )
    return Recording(
        events=events, camera=CAMERA, sensor=Sensor(0.2, 0.2), box=moving.BOX, frames=frames,
        trajectory=Trajectory.from_matrices(t_us, poses, origin_us=START_US), name="moving ball",
    )  # fmt: skip


@pytest.mark.parametrize(
    "table",
    [
        {"problem": {"kind": "radiance"}, "losses": {"photometric": {}}},
        {"problem": {"kind": "event_radiance"}, "losses": {"event_window": {}}},
        {"problem": {"kind": "event_radiance"}, "losses": {"event_interval": {}}},
    ],
    ids=["frames", "event windows", "events"],
)
def test_the_velocity_is_learned(table: dict[str, Any]) -> None:
    experiment, seen = experiment_from_table(table, "test"), recording()
    generator = torch.Generator().manual_seed(0)
    setup = replace(setup_of(experiment, seen, seen.frames, Backend(), generator), look=LOOK)
    problem = experiment.problem.build(setup)
    (velocity,) = next(g for g in problem.parameter_groups() if g.name == "velocity").parameters
    optimiser, rng = torch.optim.Adam([velocity], lr=0.05), np.random.default_rng(0)
    for _ in range(70):
        optimiser.zero_grad()
        sum(problem.terms(problem.draw(400, rng), generator).losses.values()).backward()  # type: ignore[union-attr]
        optimiser.step()
    torch.testing.assert_close(velocity.detach(), torch.tensor([0.0, moving.SPEED, 0.0]), atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("kind", "t_us", "said"),
    [
        ("radiance", None, "images without times, and this field moves with time"),
        ("radiance", np.full(11, START_US), "several images have the same time"),
        ("event_radiance", None, "images without times"),
    ],
)
def test_frames_of_a_moving_scene_need_their_times(kind: str, t_us: Any, said: str) -> None:
    experiment = experiment_from_table({"problem": {"kind": kind}, "losses": {"photometric": {}}}, "test")
    seen = recording()
    assert seen.frames is not None
    frames = replace(seen.frames, t_us=t_us)
    setup = replace(setup_of(experiment, seen, frames, Backend(), torch.Generator()), look=LOOK)
    with pytest.raises(InputError, match=said):
        experiment.problem.build(setup)
