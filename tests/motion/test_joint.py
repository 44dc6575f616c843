"""Motion and flow together, from events of points whose motion is known."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np
import pytest

from efields.backends import choose_backend
from efields.errors import InputError
from efields.events.stream import EventStream
from efields.motion.degeneracy import rotation_alone
from efields.motion.epipolar import FlowSamples, rotational
from efields.motion.flow import Flow
from efields.motion.joint import JointConfig, estimate_motion_and_flow
from efields.motion.motion import Motion
from efields.motion.window_fit import WindowFitConfig
from tests.motion.moving_points import CAMERA, Scene, point_events

SECONDS = 0.1
SCENES = {
    "forward": Scene((0.0, 0.0, 0.8), (0.05, 0.1, -0.1)),
    "sideways": Scene((0.6, 0.0, 0.0), (0.1, -0.1, 0.2)),
    "turning": Scene((0.0, 0.0, 0.0), (0.4, -0.5, 0.6)),
}
CONFIG = JointConfig(fit=WindowFitConfig(iterations=100), longest_s=2 * SECONDS, drop_hot_pixels=False)


@lru_cache(maxsize=8)
def estimated(name: str, epipolar_weight: float = CONFIG.epipolar_weight) -> tuple[Motion, Flow]:
    events = point_events(SCENES[name], SECONDS, 14_000, seed=0, points=600)
    config = dataclasses.replace(CONFIG, epipolar_weight=epipolar_weight)
    return estimate_motion_and_flow(events, CAMERA, config, choose_backend("auto"))


def end_point_errors(name: str, flow: Flow) -> tuple[float, float, float]:
    """Mean error in pixels over the window: of the estimate, of the best pure rotation, and of no flow at all."""
    pixel = np.random.default_rng(0).uniform((15, 15), (330, 245), (1000, 2))
    bearing = (pixel - [CAMERA.cx, CAMERA.cy]) / CAMERA.fx
    truth = SCENES[name].flow(bearing)
    turned = rotational(bearing, rotation_alone(FlowSamples(bearing, truth, 0.044)))
    of = [flow.at(1_000_000, pixel) / CAMERA.fx, turned, np.zeros_like(truth)]
    estimate, rotation, zero = (float(np.linalg.norm(f - truth, axis=1).mean() * CAMERA.fx * SECONDS) for f in of)
    return estimate, rotation, zero


@pytest.mark.parametrize("name", ["forward", "sideways"])
def test_direction_rotation_and_flow(name: str) -> None:
    scene, (motion, flow) = SCENES[name], estimated(name)
    assert motion.status[0] == "ok"
    cosine = float(motion.direction[0] @ np.array(scene.velocity)) / float(np.linalg.norm(scene.velocity))
    assert np.degrees(np.arccos(min(cosine, 1.0))) < 10.0
    # With half the events and iterations of a usual window.
    assert float(np.linalg.norm(motion.angular_velocity[0] - scene.angular)) < 0.08
    estimate, rotation, zero = end_point_errors(name, flow)
    assert estimate < min(0.5, 0.5 * rotation, 0.5 * zero)
    assert motion.gain[0] > 1.3


def test_turning_camera_has_no_direction() -> None:
    motion, flow = estimated("turning")
    assert motion.status == ("rotation only",)
    assert np.isnan(motion.direction).all()
    np.testing.assert_allclose(motion.angular_velocity[0], SCENES["turning"].angular, atol=0.02)
    assert end_point_errors("turning", flow)[0] < 0.5
    assert "no parallax" in " ".join(motion.ambiguities)


def test_without_the_epipolar_constraint_flow_is_worse() -> None:
    """Over both scenes: in a single one of 600 points, the ratio is anywhere from 1.1 to 1.6."""
    tied = sum(end_point_errors(name, estimated(name)[1])[0] for name in ("forward", "sideways"))
    free = sum(end_point_errors(name, estimated(name, 0.0)[1])[0] for name in ("forward", "sideways"))
    assert free > 1.15 * tied


def test_same_seed_same_result() -> None:
    events = point_events(SCENES["sideways"], SECONDS, 4_000, seed=1, points=200)
    config = dataclasses.replace(CONFIG, fit=WindowFitConfig(iterations=12))
    (first, flow), (second, again) = (
        estimate_motion_and_flow(events, CAMERA, config, choose_backend("auto"), seed=4) for _ in range(2)
    )
    np.testing.assert_allclose(first.angular_velocity, second.angular_velocity, rtol=0, atol=1e-6)
    pixel = np.array([[50.0, 60.0], [200.0, 100.0]])
    np.testing.assert_allclose(flow.at(1_000_000, pixel), again.at(1_000_000, pixel), rtol=0, atol=1e-4)


def test_overlapping_windows_share_the_motion() -> None:
    """The second window starts from the first one's network, and the time budget shortens both."""
    events = point_events(SCENES["forward"], 2 * SECONDS, 12_000, seed=2, points=400)
    config = dataclasses.replace(
        CONFIG,
        window_events=8_000,
        fit=WindowFitConfig(iterations=30, warm_iterations=15),
        seconds_per_window=20.0,
    )
    reports: list[tuple[int, int]] = []
    motion, flow = estimate_motion_and_flow(
        events, CAMERA, config, choose_backend("auto"), on_progress=lambda done, total: reports.append((done, total))
    )
    assert len(motion) == len(flow.fields) > 1
    assert np.isfinite(motion.angular_velocity).all()
    assert reports[-1] == (len(events), len(events))
    assert np.isfinite(flow.displacement(900_000, 1_100_000, np.array([[170.0, 130.0]]))).all()


def test_too_few_events() -> None:
    events = point_events(SCENES["forward"], SECONDS, 200, seed=0, points=50)
    with pytest.raises(InputError, match="too few"):
        estimate_motion_and_flow(events, CAMERA, CONFIG, choose_backend("auto"))


def test_noise_is_no_motion() -> None:
    """Events that no motion explains: finite numbers, and no direction claimed."""
    rng = np.random.default_rng(0)
    count = 4_000
    events = EventStream.from_arrays(
        rng.integers(346, size=count).astype(np.uint16), rng.integers(260, size=count).astype(np.uint16),
        np.sort(rng.integers(100_000, size=count)), rng.random(count) < 0.5, 346, 260,
    )  # fmt: skip
    config = dataclasses.replace(CONFIG, fit=WindowFitConfig(iterations=15))
    motion, flow = estimate_motion_and_flow(events, CAMERA, config, choose_backend("auto"))
    assert np.isfinite(motion.angular_velocity).all()
    assert np.isfinite(flow.at(50_000, np.array([[10.0, 10.0]]))).all()
