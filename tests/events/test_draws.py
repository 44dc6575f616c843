from __future__ import annotations

import numpy as np
import pytest

from efields.errors import InputError
from efields.events.draws import draw_count_windows, draw_event_intervals, draw_silent
from efields.events.intervals import Intervals, PixelIndex
from efields.events.stream import EventStream
from tests.events.streams import random_stream


def same(a: Intervals, b: Intervals) -> bool:
    return all((getattr(a, name) == getattr(b, name)).all() for name in ("pixel", "t_start_us", "t_end_us", "n_pos"))


def crowded(n: int = 20_000) -> EventStream:
    """Most events on the left half, and in the first tenth of the time."""
    rng = np.random.default_rng(0)
    x = np.where(rng.random(n) < 0.9, rng.integers(0, 20, n), rng.integers(20, 40, n))
    t = np.where(rng.random(n) < 0.8, rng.integers(0, 100_000, n), rng.integers(100_000, 1_000_000, n))
    return EventStream.from_arrays(x, rng.integers(0, 30, n), np.sort(t), rng.integers(0, 2, n), 40, 30)


def test_seeds_decide_every_draw():
    stream = crowded()
    index = PixelIndex.build(stream)
    draws = (
        lambda rng: draw_event_intervals(index, 50, rng),
        lambda rng: draw_count_windows(index, stream, 50, rng, n_max=1000),
        lambda rng: draw_silent(index, stream, 50, rng),
    )
    for draw in draws:
        assert same(draw(np.random.default_rng(1)), draw(np.random.default_rng(1)))
        assert not same(draw(np.random.default_rng(1)), draw(np.random.default_rng(2)))


def test_event_intervals_are_drawn_in_proportion_to_event_density():
    index = PixelIndex.build(crowded())
    every = index.event_intervals(30)
    drawn = draw_event_intervals(index, 20_000, np.random.default_rng(3), refractory_us=30)
    assert len(drawn) == 20_000
    assert (drawn.t_end_us - drawn.t_start_us).min() > 30
    assert set(zip(drawn.pixel, drawn.t_end_us, strict=True)) <= set(zip(every.pixel, every.t_end_us, strict=True))
    share = (every.t_end_us < 100_000).mean()
    assert 0.7 < share < 0.9
    assert (drawn.t_end_us < 100_000).mean() == pytest.approx(share, abs=0.02)


def test_count_windows_hold_the_number_of_events_that_was_drawn():
    stream = crowded()
    index = PixelIndex.build(stream)
    n_max = 3000
    drawn = draw_count_windows(index, stream, 4000, np.random.default_rng(4), n_max=n_max)
    first, last = (np.searchsorted(stream.t_us, t, side="right") for t in (drawn.t_start_us, drawn.t_end_us))
    held = last - first
    long, short = held[0::2], held[1::2]
    # Events that share a microsecond with an end come on top of the number drawn, hence the slack.
    assert (long >= 0.1 * n_max - 5).all() and (long <= n_max + 5).all()
    assert (short >= n_max / 300 - 5).all() and (short <= n_max / 30 + 5).all()
    # log-uniform: the median is the geometric mean of the band
    assert np.median(long) == pytest.approx(np.sqrt(0.1) * n_max, rel=0.1)
    assert (drawn.t_start_us < drawn.t_end_us).all() and not drawn.starts_at_event.any()
    n_pos, n_neg = index.counts(drawn.pixel, drawn.t_start_us, drawn.t_end_us)
    assert (drawn.n_pos == n_pos).all() and (drawn.n_neg == n_neg).all()


@pytest.mark.parametrize("silent_share", [0.0, 0.3, 1.0])
def test_count_windows_take_their_pixels_where_events_are_but_for_a_share(silent_share):
    stream = crowded()
    index = PixelIndex.build(stream)
    rng = np.random.default_rng(5)
    drawn = draw_count_windows(index, stream, 8000, rng, n_max=2000, silent_share=silent_share)
    if silent_share == 0:
        assert (drawn.n_pos + drawn.n_neg > 0).all()
    left = (drawn.pixel % stream.width < 20).mean()
    assert left == pytest.approx((1 - silent_share) * 0.9 + silent_share * 0.5, abs=0.02)


def test_count_windows_of_a_stream_shorter_than_the_band():
    stream = random_stream(0, n=10)
    drawn = draw_count_windows(PixelIndex.build(stream), stream, 100, np.random.default_rng(0), n_max=1_000_000)
    assert (drawn.t_start_us >= stream.t_us[0] - 1).all() and (drawn.t_end_us <= stream.t_us[-1]).all()


def test_windows_between_events_of_one_microsecond_are_not_empty():
    n = 50
    stream = EventStream.from_arrays(np.arange(n) % 5, np.zeros(n), np.full(n, 77), np.ones(n), 5, 1)
    drawn = draw_count_windows(PixelIndex.build(stream), stream, 30, np.random.default_rng(0), n_max=10, silent_share=0)
    assert (drawn.t_end_us - drawn.t_start_us == 1).all() and (drawn.n_pos == 10).all()


@pytest.mark.parametrize("refractory_us", [0, 40, 99.5])
def test_silent_intervals_hold_no_event_and_start_as_they_say(refractory_us):
    stream = crowded()
    index = PixelIndex.build(stream)
    drawn = draw_silent(index, stream, 2001, np.random.default_rng(6), refractory_us)
    assert len(drawn) == 2001 and drawn.starts_at_event.sum() == 1000
    n_pos, n_neg = index.counts(drawn.pixel, drawn.t_start_us, drawn.t_end_us)
    assert not n_pos.any() and not n_neg.any() and not drawn.n_pos.any() and not drawn.n_neg.any()
    assert (drawn.t_end_us > drawn.t_start_us).all() and (drawn.t_end_us <= stream.t_us[-1]).all()
    known = drawn.take(drawn.starts_at_event)
    assert (known.t_end_us - known.t_start_us > refractory_us).all()
    events = set(zip(stream.pixel.tolist(), stream.t_us.tolist(), strict=True))
    assert set(zip(known.pixel.tolist(), known.t_start_us.tolist(), strict=True)) <= events


def test_silent_intervals_may_be_kept_short():
    stream = crowded()
    drawn = draw_silent(PixelIndex.build(stream), stream, 500, np.random.default_rng(7), 10, longest_us=200)
    length = drawn.t_end_us - drawn.t_start_us
    assert length.max() <= 200 and np.median(length) > 50


def test_no_draw_at_all():
    stream = crowded()
    assert len(draw_silent(PixelIndex.build(stream), stream, 0, np.random.default_rng(0))) == 0
    assert len(draw_silent(PixelIndex.build(stream), stream, 1, np.random.default_rng(0))) == 1


def test_recordings_without_what_is_drawn_are_refused():
    rng = np.random.default_rng(0)
    once = EventStream.from_arrays(np.arange(4), np.zeros(4), np.arange(4), np.ones(4), 4, 1)
    with pytest.raises(InputError, match="no pixel has two usable events"):
        draw_event_intervals(PixelIndex.build(once), 5, rng)
    with pytest.raises(InputError, match="in a stream of 1"):
        draw_count_windows(PixelIndex.build(once[:1]), once[:1], 5, rng)
    busy = EventStream.from_arrays(np.zeros(50), np.zeros(50), np.arange(50), np.ones(50), 1, 1)
    with pytest.raises(InputError, match="hardly any pixel is ever silent"):
        draw_silent(PixelIndex.build(busy), busy, 5, rng)
