"""Poses that do not cover the events: those that they cover are counted, or poses carried on at constant velocity."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from efields.errors import InputError
from efields.events.stream import EventStream
from efields.geometry.pose import rotation_to_quaternion, so3_exp
from efields.geometry.trajectory import Trajectory
from efields.poses.cover import cover, extrapolated
from efields.recordings.recording import covered_events

SPIN = np.array([0.3, -0.2, 0.5])  # rad/s
SPEED = np.array([0.1, -0.4, 0.2])


def events_at(*t_us: int) -> EventStream:
    n = len(t_us)
    return EventStream.from_arrays(np.zeros(n, int), np.zeros(n, int), np.array(t_us), np.ones(n, bool), 2, 2)


def moving(t_us: np.ndarray) -> Trajectory:
    """Constant velocity and constant turning rate."""
    t_s = t_us * 1e-6
    rotation = so3_exp(torch.from_numpy(t_s[:, None] * SPIN))
    return Trajectory.from_arrays(t_us, t_s[:, None] * SPEED, rotation_to_quaternion(rotation).numpy())


def test_events_with_poses_are_counted_and_the_first_of_them_is_the_origin() -> None:
    trajectory, events = moving(np.array([1000, 2000, 3000])), events_at(0, 999, 1000, 2500, 3000, 3001)
    covering, notes = cover(events, trajectory, where="here")
    assert covered_events(events, covering).t_us.tolist() == [1000, 2500, 3000]
    assert notes == ("3 of 6 events are within the time of the poses; a reconstruction uses only those.",)
    assert covering.origin_us == 1000
    np.testing.assert_array_equal(covering.t_us, trajectory.t_us)


def test_poses_that_reach_every_event_are_left_alone() -> None:
    covering, notes = cover(events_at(1000, 2500, 3000), moving(np.array([1000, 2000, 3000])), extrapolate_s=1.0)
    assert notes == ()
    assert len(covering) == 3


def test_constant_velocity_is_continued_exactly() -> None:
    times = np.array([100_000, 140_000, 200_000, 230_000, 300_000])
    known, wanted = moving(times), moving(np.array([40_000, 450_000]))
    covering, notes = cover(events_at(40_000, 200_000, 450_000), known, extrapolate_s=0.2)
    assert notes == (
        "Poses extrapolated at constant velocity: 60.0 ms before the first pose, 150.0 ms after the last.",
    )
    assert (covering.start_us, covering.end_us) == (40_000, 450_000)
    np.testing.assert_allclose(covering.position[[0, -1]], wanted.position, atol=1e-12)
    np.testing.assert_allclose(covering.orientation[[0, -1]], wanted.orientation, atol=1e-12)
    np.testing.assert_array_equal(covering.orientation[1:-1], known.orientation)


def test_extrapolation_reaches_no_further_than_asked() -> None:
    covering, notes = cover(events_at(10, 500, 1500, 2500), moving(np.array([1000, 2000])), extrapolate_s=5e-4)
    assert covering.t_us.tolist() == [500, 1000, 2000, 2500]
    assert notes[1].startswith("3 of 4 events")


def test_the_velocity_is_the_mean_over_as_much_as_is_added() -> None:
    t_us = np.array([0, 10, 20, 30, 1000])
    x = np.array([0.0, 2.0, 2.0, 6.0, 6.0])  # 6 in the first 30 us
    trajectory = Trajectory.from_arrays(t_us, np.stack([x, x * 0, x * 0], axis=1), np.tile([0.0, 0, 0, 1], (5, 1)))
    assert extrapolated(trajectory, 30, 0).position[0, 0] == pytest.approx(-6.0)
    assert extrapolated(trajectory, 1, 0).position[0, 0] == pytest.approx(-0.2)  # from the nearest pose
    assert extrapolated(trajectory, 5000, 0).position[0, 0] == pytest.approx(-30.0)  # from all there is
    assert extrapolated(trajectory, 0, 970).position[-1, 0] == pytest.approx(6.0)


def test_no_common_time_is_an_error() -> None:
    with pytest.raises(
        InputError, match=r"here: the poses \(0.100 to 0.200 s\) cover none of the events \(5.000 to 6.000 s\)"
    ):
        cover(events_at(5_000_000, 6_000_000), moving(np.array([100_000, 200_000])), 1.0, where="here")
    with pytest.raises(InputError, match="no event is within the time of the poses"):
        cover(events_at(0, 300_000), moving(np.array([100_000, 200_000])))
