"""Where numbers count from: zero for scenes near it, a round point near all others."""

from __future__ import annotations

import numpy as np
import pytest

from efields.geometry.boxes import Box
from efields.geometry.origin import origin_of, poses_about
from efields.geometry.trajectory import Trajectory


def box_at(center: tuple[float, float, float], half: float) -> Box:
    lo, hi = (tuple(c + side * half for c in center) for side in (-1, 1))
    return Box(lo, hi)  # type: ignore[arg-type]


@pytest.mark.parametrize("half", [1e-3, 1.0, 1e5])
def test_scenes_near_zero_count_from_zero(half: float) -> None:
    assert origin_of(box_at((0.0, 5 * half, -20 * half), half)) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("center", "half"), [((5e5, 5.4e6, 120.0), 1.3), ((5e5, 5.4e6, 120.0), 900.0), ((1.0, 0.0, 2.0), 1e-3)]
)
def test_scenes_far_from_zero_are_near_their_origin_to_the_last_bit(
    center: tuple[float, float, float], half: float
) -> None:
    box = box_at(center, half)
    origin = origin_of(box)
    near = box.about(origin)
    assert np.abs(near.center).max() <= near.diagonal
    assert near.about((-origin[0], -origin[1], -origin[2])) == box
    positions = np.random.default_rng(0).uniform(box.lo, box.hi, (200, 3))
    np.testing.assert_array_equal((positions - origin) + origin, positions)


def test_poses_and_trajectories_keep_their_turns() -> None:
    T = np.tile(np.eye(4), (2, 1, 1))
    T[:, :3, 3] = [[1.0, 2.0, 3.0], [2.0, 3.0, 5.0]]
    path = Trajectory.from_matrices(np.array([0, 1000]), T)
    np.testing.assert_array_equal(poses_about(T, (1.0, 2.0, 3.0))[:, :3, 3], [[0, 0, 0], [1, 1, 2]])
    np.testing.assert_array_equal(path.about((1.0, 2.0, 3.0)).position, [[0, 0, 0], [1, 1, 2]])
    np.testing.assert_array_equal(T[0, :3, 3], [1, 2, 3])
    assert path.about((0.0, 0.0, 0.0)) is path
