from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.geometry.boxes import Box
from efields.geometry.rays import Rays
from tests.looks import along

BOX = Box((-1.0, -2.0, 0.5), (2.0, 1.0, 3.5))
coordinate = st.one_of(st.sampled_from([-1.0, 2.0, 0.5, 0.0, 1.0]), st.floats(-6, 6))
component = st.one_of(st.sampled_from([0.0, -0.0, 1.0, -1.0]), st.floats(-1, 1))


def ray(origin, direction) -> Rays:
    d = torch.tensor([direction], dtype=torch.float64)
    return Rays(torch.tensor([origin], dtype=torch.float64), d / d.norm())


@settings(max_examples=300, deadline=None)
@given(st.tuples(*[coordinate] * 3), st.tuples(*[component] * 3).filter(lambda d: np.linalg.norm(d) > 0.1))
def test_points_of_a_ray_are_inside_exactly_between_near_and_far(origin, direction):
    rays = ray(origin, direction)
    near, far = BOX.intersect(rays)
    assert near >= 0 and far >= 0 and torch.isfinite(near).all() and torch.isfinite(far).all()
    t = torch.linspace(0, 20, 401, dtype=torch.float64)
    unit = BOX.unit(along(rays, t[None]))[0]
    inside = ((unit >= 0) & (unit <= 1)).all(dim=-1)
    between = (t >= near) & (t <= far)
    # Only distances at the faces themselves may round either way, and rays within a face graze it all along.
    edge = torch.minimum((t - near).abs(), (t - far).abs()) < 1e-6
    lo, hi = (rays.origin.new_tensor(corner) for corner in (BOX.lo, BOX.hi))
    still = rays.direction.abs() < 1e-7
    grazes = bool((still & (((rays.origin - lo).abs() < 1e-5) | ((rays.origin - hi).abs() < 1e-5))).any())
    if not grazes:
        assert (inside == between)[~edge].all()


def test_intersections_by_hand():
    origin = torch.tensor([[-3.0, 0, 1], [0, 0, 1], [5, 0, 1], [-3, 5, 1], [0, 0, 1]])
    direction = torch.tensor([[1.0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, -1]])
    near, far = BOX.intersect(Rays(origin, direction))
    assert near[:2].tolist() == [2, 0] and far[:2].tolist() == [5, 2]
    assert (far[2:4] <= near[2:4]).all(), "behind the camera, and beside the box"
    assert (near[4], far[4]) == (0, 0.5)
    assert near.dtype == torch.float32


def test_unit_coordinates():
    points = torch.tensor([BOX.lo, BOX.hi, BOX.center, (0.0, 0.0, 0.0)])
    torch.testing.assert_close(BOX.unit(points)[:3], torch.tensor([[0.0] * 3, [1.0] * 3, [0.5] * 3]))
    assert BOX.size == (3.0, 3.0, 3.0) and BOX.diagonal == pytest.approx(np.sqrt(27))


def test_boxes_are_values():
    assert Box([-1, -1, -1], np.ones(3)) == Box((-1.0,) * 3, (1.0,) * 3)  # type: ignore[arg-type]
    assert len({BOX, Box(BOX.lo, BOX.hi)}) == 1


@pytest.mark.parametrize(
    ("lo", "hi"),
    [((0, 0, 0), (1, 0, 1)), ((0, 0, 0), (1, -1, 1)), ((0, 0, 0), (1, float("inf"), 1)), ((0, 0), (1, 1))],
)
def test_boxes_without_a_volume_are_refused(lo, hi):
    with pytest.raises(InputError):
        Box(lo, hi)
