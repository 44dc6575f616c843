"""Exponents of made-up data, and series of small sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from efields.bench.rendering import measure_views, square_camera, view_from_outside
from efields.bench.scaling import Ranges, exponent, measure_scaling

SMALL = Ranges(
    events=(1000, 4000),
    samples_per_step=(256, 512),
    log2_size=(8, 9),
    resolution=(4, 8),
    threads=(1, 2),
    steps=1,
    step_events=2000,
)


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 2.0])
def test_a_power_law_gives_its_power(power: float) -> None:
    assert exponent([(x, 3.0 * x**power) for x in (1.0, 2.0, 8.0, 10.0)]) == pytest.approx(power, abs=1e-12)


def test_noise_moves_the_exponent_a_little() -> None:
    noise = np.exp(0.05 * np.random.default_rng(0).standard_normal(20))
    points = [(2.0**k, noise[k] * 2.0 ** (1.5 * k)) for k in range(20)]
    assert exponent(points) == pytest.approx(1.5, abs=0.02)


def test_one_number_has_no_exponent() -> None:
    assert math.isnan(exponent([(2.0, 1.0)]))
    assert math.isnan(exponent([(2.0, 1.0), (2.0, 3.0)]))
    assert math.isnan(exponent([]))


def test_every_series_has_its_points() -> None:
    threads = torch.get_num_threads()
    told: list[int] = []
    series = measure_scaling("auto", SMALL, runs=1, on_progress=lambda done, total, note: told.append(done))
    assert torch.get_num_threads() == threads
    assert {(s.what, s.against): [x for x, _ in s.points] for s in series} == {
        ("index of events", "events"): [1000, 4000],
        ("batch draw", "events"): [1000, 4000],
        ("training step", "samples per step"): [256, 512],
        ("training step", "rows of a level"): [256, 512],
        ("view", "pixels along a side"): [4, 8],
        ("training step", "threads"): [1, 2],
    }
    assert all(seconds > 0 for s in series for _, seconds in s.points)
    assert told == list(range(13))


def test_views_of_the_made_up_field() -> None:
    rows = measure_views(None, {"reference": [4], "auto": [4, 8]}, runs=1)
    assert [(row.backend, row.size) for row in rows] == [("reference", 4), ("auto", 4), ("auto", 8)]
    assert rows[0].ratio == 1 and rows[2].ratio is None
    assert {row.field for row in rows} == {"made-up field"}


def test_the_made_up_field_is_in_view() -> None:
    pose, camera = view_from_outside(), square_camera(100)
    middle = np.linalg.inv(pose) @ [0.0, 0.0, 0.0, 1.0]
    assert camera.project(middle[None, :3])[0] == pytest.approx([49.5, 49.5], abs=1e-6)
