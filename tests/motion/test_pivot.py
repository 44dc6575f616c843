"""The point that a camera turns about: found where there is one, and none made up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from efields.backends import choose_backend
from efields.events.stream import EventStream
from efields.motion.pivot import GRID, Turning, find_pivot
from efields.motion.rotation import estimate_rotation
from efields.motion.window_rotation import RotationConfig
from tests.motion.test_rotation import LENS, turning


def about_a_wrist(w: tuple[float, float, float], ratio: float, count: int = 20_000) -> EventStream:
    """As `turning`, of points at distance 1, about a point `ratio` behind the camera."""
    rng = np.random.default_rng(0)
    ends = rng.uniform((-1.2, -1.0), (1.2, 1.0), (60, 2, 2))
    along = np.linspace(0, 1, 40)[:, None, None]
    points = np.concatenate(ends[:, 0] * (1 - along) + ends[:, 1] * along)
    t_s = np.sort(rng.uniform(-0.05, 0.05, count))
    chosen = np.column_stack([points[rng.integers(len(points), size=count)], np.full(count, 1 + ratio)])
    seen = Rotation.from_rotvec(np.outer(t_s, w)).inv().apply(chosen) - (0.0, 0.0, ratio)
    pixel = np.rint(LENS.project(seen)).astype(int)
    inside = ((pixel >= 0) & (pixel < (LENS.width, LENS.height))).all(axis=1)
    x, y = pixel[inside].T
    t_us = np.rint((t_s + 1) * 1e6).astype(np.int64)[inside]
    return EventStream.from_arrays(x, y, t_us, rng.random(len(t_us)) < 0.5, LENS.width, LENS.height)


def test_a_wrist_is_found_and_no_more_rotation_than_there_is() -> None:
    w = (-0.06, 0.6, -0.14)
    events = about_a_wrist(w, 0.15)
    found = estimate_rotation(events, LENS, RotationConfig(pivot=None), choose_backend("auto"))
    without = estimate_rotation(events, LENS, RotationConfig(), choose_backend("auto"))
    assert any("rotate about a point behind it" in note for note in found.notes)
    assert np.linalg.norm(found.angular_velocity[0] - w) < 0.04
    assert np.linalg.norm(without.angular_velocity[0] - w) > 0.05


def test_a_camera_that_turns_about_itself_gets_no_wrist() -> None:
    w = (-0.06, 0.6, -0.14)
    found = estimate_rotation(turning(w, count=20_000), LENS, RotationConfig(pivot=None), choose_backend("auto"))
    assert np.linalg.norm(found.angular_velocity[0] - w) < 0.02


@pytest.mark.parametrize(("best", "expected"), [(0.2, 0.2), (0.6, 0.0), (-0.1, 0.0)])
def test_only_a_maximum_inside_counts(best: float, expected: float) -> None:
    def sharpest(start: np.ndarray, ratio: float) -> tuple[np.ndarray, float]:
        return start, 1e-3 * (ratio - best) ** 2

    window = Turning(1_000_000, np.ones(3), sharpest)
    assert find_pivot([window]) == pytest.approx(expected, abs=0.01)
    assert find_pivot([]) == 0.0
    assert GRID[0] == 0.0
