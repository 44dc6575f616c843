"""The field of balls and its closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from efields.backends.reference import Backend
from efields.config import experiment_from_table
from efields.fields.analytic import AnalyticField, Ball, Config
from efields.geometry.boxes import Box
from efields.geometry.rays import Points, Rays

TWO = Config((Ball((0.0, 0.0, 0.0), 0.5, 3.0, (0.2, 0.4)), Ball((2.0, 0.0, 0.0), 0.25, 7.0, (0.9, 0.1))))
BLACK = torch.zeros(2)


def along_x(y: float = 0.0, start: float = -3.0) -> Rays:
    return Rays(torch.tensor([[start, y, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]]))


def test_points_inside_and_outside() -> None:
    field = AnalyticField(TWO, 2)
    position = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.499, 0.0], [0.0, 0.501, 0.0], [2.0, 0.0, 0.2]])
    density, radiance = field(Points(position, torch.zeros(4, 3)), Backend())
    torch.testing.assert_close(density, torch.tensor([3.0, 3.0, 0.0, 7.0]))
    torch.testing.assert_close(field.density(Points(position), Backend()), density)
    torch.testing.assert_close(radiance, torch.tensor([[0.2, 0.4], [0.2, 0.4], [0.0, 0.0], [0.9, 0.1]]))


def test_a_ray_through_both_balls() -> None:
    radiance, opacity = AnalyticField(TWO, 2).exact(along_x(), torch.tensor([0.5, 0.5]))
    first, second = 1 - math.exp(-3.0), 1 - math.exp(-3.5)
    behind = math.exp(-3.0)
    assert float(opacity) == pytest.approx(1 - math.exp(-6.5), abs=1e-6)
    expected = [first * near + behind * second * far + math.exp(-6.5) * 0.5 for near, far in ((0.2, 0.9), (0.4, 0.1))]
    torch.testing.assert_close(radiance, torch.tensor([expected]))


def test_the_nearer_ball_hides_the_other_from_either_side() -> None:
    opaque = Config(tuple(Ball(b.center, b.radius, 1e3, b.radiance) for b in TWO.balls))
    field = AnalyticField(opaque, 2)
    back = Rays(torch.tensor([[5.0, 0.0, 0.0]]), torch.tensor([[-1.0, 0.0, 0.0]]))
    torch.testing.assert_close(field.exact(along_x(), BLACK)[0], torch.tensor([[0.2, 0.4]]))
    torch.testing.assert_close(field.exact(back, BLACK)[0], torch.tensor([[0.9, 0.1]]))


def test_chord_miss_behind_and_inside() -> None:
    field = AnalyticField(TWO, 2)
    chord = 2 * math.sqrt(0.5**2 - 0.3**2)
    assert float(field.exact(along_x(0.3), BLACK)[1]) == pytest.approx(1 - math.exp(-3.0 * chord), abs=1e-6)
    missed, opacity = field.exact(along_x(0.6), torch.tensor([0.5, 0.7]))
    torch.testing.assert_close(missed, torch.tensor([[0.5, 0.7]]))
    assert float(opacity) == 0.0
    assert float(field.exact(along_x(start=3.0), BLACK)[1]) == 0.0
    inside = field.exact(along_x(start=2.0), BLACK)[1]
    assert float(inside) == pytest.approx(1 - math.exp(-7.0 * 0.25), abs=1e-6)


def test_one_radiance_serves_every_channel_and_overlap_is_refused() -> None:
    assert AnalyticField(Config(), 3).ball_radiance.tolist() == [pytest.approx([0.8] * 3)]
    with pytest.raises(ValueError, match="overlap"):
        AnalyticField(Config((Ball(), Ball((0.5, 0.0, 0.0)))), 1)


def test_it_comes_from_a_config() -> None:
    table = {"field": {"kind": "analytic", "balls": [{"center": [0, 0, 1], "radius": 0.25}]}}
    config = experiment_from_table(table, "test").field
    assert config == Config((Ball((0.0, 0.0, 1.0), 0.25),))
    field = config.build(Box((-1, -1, -1), (1, 1, 2)), 1, torch.Generator())
    assert field.parameter_groups() == []
    assert float(field.density(Points(torch.tensor([[0.0, 0.0, 1.0]])), Backend())) == 5.0
