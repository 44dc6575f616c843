"""The survey of a recording: the same numbers however it is cut into chunks."""

from __future__ import annotations

import numpy as np
import pytest

from efields.events.columns import EventColumns, in_chunks
from efields.events.survey import Survey


def made_up(n: int = 5000, span_us: int = 3_000_000) -> EventColumns:
    rng = np.random.default_rng(2)
    t_us = np.sort(rng.integers(0, span_us, n)) + 77_000_000
    return EventColumns.of(rng.integers(0, 20, n), rng.integers(0, 10, n), t_us, rng.random(n) < 0.3)


def survey_of(columns: EventColumns, size: int) -> Survey:
    survey = Survey(20, 10)
    for chunk in in_chunks(columns, size):
        survey.add(chunk)
    return survey


@pytest.mark.parametrize("size", [1, 7, 999, 10_000])
def test_chunks_do_not_matter(size: int) -> None:
    columns = made_up()
    order = np.arange(5000)
    order[100:103] = [102, 100, 101]
    columns = columns.take(order)
    found, t = survey_of(columns, size), columns.t_us
    assert found.events == 5000
    assert found.positive_share == columns.polarity.mean()
    assert (found.first_us, found.last_us) == (t.min(), t.max())
    order = found.clock.order()
    assert (order.backwards, order.furthest_back_us) == (1, t[100] - t[101])
    assert len(order.parts) == 1
    expected = np.zeros((10, 20), np.int64)
    np.add.at(expected, (columns.y, columns.x), 1)
    np.testing.assert_array_equal(found.counts, expected)
    seconds, rate = found.rate_curve(30)
    assert rate.sum() * np.diff(seconds)[0] == pytest.approx(5000)
    assert rate == pytest.approx(5000 / found.duration_s, rel=0.5)


def test_a_month_long_recording_has_a_short_curve() -> None:
    t = np.array([0, 10**6, 30 * 86400 * 10**6])
    found = survey_of(EventColumns.of(np.zeros(3), np.zeros(3), t, np.ones(3)), 1)
    _, rate = found.rate_curve(60)
    assert len(found._rate) <= 3
    assert np.flatnonzero(rate).tolist() == [0, 59]


def test_a_survey_of_nothing() -> None:
    found = Survey(4, 3)
    assert (found.events, found.duration_s, found.rate_hz) == (0, 0.0, 0.0)
    assert np.isnan(found.positive_share)
    assert (found.rate_curve()[1] == 0).all()
