"""The clock of a recording: what is a reset, a wrap, a late event, one ahead, and a gap."""

from __future__ import annotations

import numpy as np
import pytest

from efields.events.clock import Clock
from efields.events.clock_order import Order, Part, Stray
from efields.events.stream import EventStream

STEADY = np.arange(1000) * 100
"""0.1 s, an event every 100 us."""


def order_of(t_us: np.ndarray, size: int = 1 << 20) -> Order:
    clock = Clock()
    for first in range(0, len(t_us), size):
        clock.add(t_us[first : first + size].astype(np.int64))
    return clock.order()


def joined(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("begin", [0, 3_000_000, -50_000])
def test_a_reset_is_named_and_the_order_of_the_file_kept(begin: int, size: int) -> None:
    order = order_of(joined(STEADY + 5_000_000, STEADY + begin), size)
    shift = 5_099_900 + 100 - begin
    assert order.parts == (Part(0, 1000), Part(1000, 2000, shift, 5_099_900, begin))
    assert (order.late, order.strays, order.gaps) == (0, (), ())
    assert order.sentences[0].startswith(
        f"The clock was reset (from 5.099900 s to {begin * 1e-6:.6f} s in row 1,000) and never came back"
    )
    np.testing.assert_array_equal(order.shifted(STEADY + begin, 1000), 5_100_000 + STEADY)


def test_a_clock_that_is_reset_to_within_what_was_before_is_no_late_event() -> None:
    order = order_of(joined(STEADY, STEADY + 50_000, STEADY + 10_000))
    assert [(part.first, part.after_us) for part in order.parts] == [(0, 0), (1000, 50_000), (2000, 10_000)]
    assert [part.shift_us for part in order.parts] == [0, 50_000, 190_000]


@pytest.mark.parametrize("range_us", [2**24, 2**31, 2**32, 2**32 // 1000])
def test_a_counter_that_wraps_is_unwrapped_exactly(range_us: int) -> None:
    truth = STEADY + range_us - 30_000
    order = order_of(truth % range_us)
    assert [part.wrapped for part in order.parts] == [False, True]
    np.testing.assert_array_equal(order.shifted(truth % range_us), truth)
    assert order.kept("first") == slice(0, 1000)  # a wrap is no reset
    assert "wrapped" in order.sentences[0]


def test_a_counter_wraps_as_often_as_it_likes() -> None:
    truth = np.arange(40_000) * 10_000 + 2**24 - 5_000_000
    order = order_of(truth % 2**24)
    assert len(order.parts) == 25
    np.testing.assert_array_equal(order.shifted(truth % 2**24), truth)
    assert truth[499] < 2**24 <= truth[500]
    silent = np.concatenate([truth[:480], truth[520:1000]])  # 0.4 s without events where it wraps
    np.testing.assert_array_equal(order_of(silent % 2**24).shifted(silent % 2**24), silent)


def test_gaps_are_no_way_back_from_a_reset() -> None:
    second = joined(STEADY, STEADY + 105_000, STEADY + 250_000)  # its gaps lie where the first part ended
    order = order_of(joined(STEADY + 1000, second))
    assert [part.first for part in order.parts] == [0, 1000]
    assert order.strays == ()
    order = order_of(joined(STEADY, STEADY + 150_000, STEADY + 105_000 - 3_000))
    assert [part.first for part in order.parts] == [0, 2000]


def test_garbage_moves_no_time_out_of_64_bits() -> None:
    far = STEADY[:40] + (1 << 62) - 10**6
    order = order_of(joined(STEADY, far, STEADY + 5000, far - 10**9, STEADY + 9000, far - 10**10, STEADY))
    assert max(part.shift_us for part in order.parts) < 1 << 61


def test_late_events_and_those_ahead_are_no_resets() -> None:
    t_us = joined(STEADY[:400], STEADY[100:164], STEADY[400:700], STEADY[:1] + 10**9, STEADY[700:])
    order = order_of(t_us)
    assert len(order.parts) == 1
    assert order.strays == (Stray(400, 64, 10_000 - 39_900), Stray(764, 1, 10**9 - 70_000))
    assert "64 events from row 400 on are 29,900 us behind the surrounding times." in order.sentences
    assert "The event in row 764 is 999.930 s ahead of the surrounding times." in order.sentences


@pytest.mark.parametrize("t_us", [[], [5], [5, 5], [5, 10**9]])
def test_few_events_have_nothing_to_say(t_us: list[int]) -> None:
    order = order_of(np.array(t_us))
    assert (order.rows, order.parts, order.strays) == (len(t_us), (Part(0, len(t_us)),), ())


@pytest.mark.parametrize("seed", range(5))
def test_events_in_no_order_have_no_reset(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert len(order_of(rng.permutation(STEADY * 100)).parts) == 1
    disordered = STEADY + rng.integers(-9_000, 9_000, 1000)  # as packets of several threads
    order = order_of(disordered)
    assert len(order.parts) == 1
    assert order.late == np.count_nonzero(np.diff(disordered) < 0)


def test_gaps_are_far_longer_than_the_other_pauses() -> None:
    order = order_of(joined(STEADY, STEADY + 10_000_000))
    assert [(gap.row, gap.start_us, gap.end_us) for gap in order.gaps] == [(1000, 99_900, 10_000_000)]
    assert order.sentences == (
        "There are no events at all in a gap, the longest of 9,900 ms from 0.099900 s on, before row 1,000.",
    )
    assert order_of(STEADY * 1000).gaps == ()  # sparse all along
    frames = np.repeat(np.arange(100) * 100_000, 50)  # as simulated of frames
    assert order_of(frames).gaps == ()
    assert order_of(joined(STEADY * 1000, STEADY[:300] * 1000 + 10**9)).gaps != ()


def test_a_stream_keeps_the_order_of_the_file() -> None:
    t_us = joined(STEADY + 10**6, STEADY)
    x = np.arange(2000) % 7
    stream = EventStream.from_arrays(x, 0 * x, t_us, np.ones(2000, bool), 7, 1)
    np.testing.assert_array_equal(stream.x, x)
    np.testing.assert_array_equal(stream.t_us, 10**6 + np.arange(2000) * 100)
