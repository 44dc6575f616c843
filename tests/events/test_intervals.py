from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events import scratch
from efields.events.index import columns_in_files, columns_in_memory
from efields.events.intervals import NO_EVENT_AFTER, NO_EVENT_BEFORE, Intervals, PixelIndex
from efields.events.stream import EventStream
from tests.events.streams import random_stream


def naive_counts(stream: EventStream, pixel: int, t0: int, t1: int) -> tuple[int, int]:
    rose = fell = 0
    for x, y, t, p in zip(stream.x, stream.y, stream.t_us, stream.polarity, strict=True):
        if int(y) * stream.width + int(x) == pixel and t0 < t <= t1:
            rose, fell = rose + bool(p), fell + (not p)
    return rose, fell


def naive_event_intervals(stream: EventStream, refractory_us: float) -> set[tuple[int, int, int, bool]]:
    last: dict[int, int] = {}
    found = set()
    for x, y, t, p in zip(stream.x, stream.y, stream.t_us, stream.polarity, strict=True):
        pixel, t = int(y) * stream.width + int(x), int(t)
        if pixel in last and t - last[pixel] > refractory_us:
            found.add((pixel, last[pixel], t, bool(p)))
        last[pixel] = t
    return found


def test_index_is_ordered_by_pixel_then_time_then_stream():
    stream = random_stream(1)
    index = PixelIndex.build(stream)
    expected = np.lexsort((np.arange(len(stream)), stream.t_us, stream.pixel))
    assert (index.t_us == stream.t_us[expected]).all()
    assert (index.cum_pos == np.concatenate(([0], np.cumsum(stream.polarity[expected])))).all()
    for pixel in range(stream.pixels):
        assert (stream.pixel[expected[index.start[pixel] : index.start[pixel + 1]]] == pixel).all()
    assert (index.pixel_at(np.arange(len(stream))) == stream.pixel[expected]).all()
    assert index.pixels == stream.pixels and index.last_us == stream.t_us[-1]


@pytest.mark.parametrize(("width", "height"), [(300, 300), (65536, 2), (65536, 1), (1, 65536), (256, 256), (2, 65536)])
def test_order_for_sensors_beside_and_beyond_16_bits(width, height):
    rng = np.random.default_rng(2)
    n = 3000
    x, y = rng.integers(0, width, n), rng.integers(0, height, n)
    x[:2], y[:2] = (0, width - 1), (0, height - 1)
    stream = EventStream.from_arrays(x, y, np.sort(rng.integers(0, 50, n)), rng.integers(0, 2, n), width, height)
    expected = np.lexsort((np.arange(n), stream.t_us, stream.pixel))
    index = PixelIndex.build(stream)
    assert (index.t_us == stream.t_us[expected]).all()
    assert (np.diff(index.cum_pos) == stream.polarity[expected]).all()


@pytest.mark.parametrize("part_events", [1, 37, 500, 10_000])
def test_an_index_in_files_equals_one_in_memory(part_events, tmp_path, monkeypatch):
    monkeypatch.setenv("EFIELDS_SCRATCH", str(tmp_path / "scratch"))
    stream = random_stream(7)
    columns = columns_in_files(stream, part_events)
    for in_files, in_memory in zip(columns, columns_in_memory(stream), strict=True):
        assert in_files.dtype == in_memory.dtype
        assert (in_files == in_memory).all()
    assert any((tmp_path / "scratch").iterdir())
    del columns, in_files
    gc.collect()
    assert not any((tmp_path / "scratch").iterdir())


def test_long_streams_are_indexed_in_files(tmp_path, monkeypatch):
    monkeypatch.setenv("EFIELDS_SCRATCH", str(tmp_path))
    stream = random_stream(3)
    in_memory = PixelIndex.build(stream)
    monkeypatch.setattr(scratch, "IN_MEMORY", 100)
    in_files = PixelIndex.build(stream)
    assert isinstance(in_files.t_us, np.memmap)
    every, same = in_memory.event_intervals(), in_files.event_intervals()
    assert (every.t_end_us == same.t_end_us).all() and (every.pixel == same.pixel).all()
    assert in_files.shortest_interval() == int((every.t_end_us - every.t_start_us).min())


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 30),
    pixel=st.integers(0, 34),
    t0=st.integers(-50, 3050),
    length=st.integers(-20, 3100),
)
def test_counts_equal_a_loop_over_events(seed, pixel, t0, length):
    stream = random_stream(seed, n=200)
    index = PixelIndex.build(stream)
    t0 += int(stream.t_us[0])
    n_pos, n_neg = index.counts(np.array([pixel]), np.array([t0]), np.array([t0 + length]))
    assert (int(n_pos[0]), int(n_neg[0])) == naive_counts(stream, pixel, t0, t0 + length)
    assert n_pos.dtype == n_neg.dtype == np.int32


def test_windows_are_open_at_the_start_and_closed_at_the_end():
    stream = EventStream.from_arrays([0, 0, 0], [0, 0, 0], np.array([10, 20, 30]), np.array([1, 0, 1]), 1, 1)  # type: ignore[arg-type]
    found = PixelIndex.build(stream).windows(np.zeros(4, int), np.array([10, 9, 10, 0]), np.array([20, 20, 19, 99]))
    assert found.n_pos.tolist() == [0, 1, 0, 2]
    assert found.n_neg.tolist() == [1, 1, 0, 1]
    assert not found.starts_at_event.any()


def test_windows_at_extreme_times_do_not_spill_into_neighbouring_pixels():
    stream = random_stream(3)
    index = PixelIndex.build(stream)
    pixel = np.arange(stream.pixels)
    far = np.iinfo(np.int64).max
    n_pos, n_neg = index.counts(pixel, np.full_like(pixel, -far), np.full_like(pixel, far))
    assert (n_pos + n_neg == np.bincount(stream.pixel, minlength=stream.pixels)).all()
    assert (n_pos == np.bincount(stream.pixel[stream.polarity], minlength=stream.pixels)).all()


@pytest.mark.parametrize("refractory_us", [0, 1, 25.5, 100])
@pytest.mark.parametrize("seed", range(4))
def test_event_intervals_equal_a_loop_over_events(seed, refractory_us):
    stream = random_stream(seed)
    found = PixelIndex.build(stream).event_intervals(refractory_us)
    rows = {
        (int(p), int(t0), int(t1), bool(rose))
        for p, t0, t1, rose in zip(found.pixel, found.t_start_us, found.t_end_us, found.n_pos, strict=True)
    }
    assert rows == naive_event_intervals(stream, refractory_us)
    assert len(rows) == len(found)
    assert (found.n_pos + found.n_neg == 1).all() and found.starts_at_event.all()


def test_pixels_without_events_at_either_end_of_the_sensor():
    stream = EventStream.from_arrays([1, 1, 2], [0, 0, 0], np.array([5, 9, 12]), np.array([1, 0, 1]), 4, 1)  # type: ignore[arg-type]
    found = PixelIndex.build(stream).event_intervals()
    assert (found.pixel.tolist(), found.t_start_us.tolist(), found.t_end_us.tolist()) == ([1], [5], [9])
    assert found.n_neg.tolist() == [1]


def test_repeated_times_make_no_interval():
    stream = EventStream.from_arrays(np.zeros(3), np.zeros(3), np.array([5, 5, 9]), np.ones(3), 1, 1)
    found = PixelIndex.build(stream).event_intervals()
    assert list(zip(found.t_start_us, found.t_end_us, strict=True)) == [(5, 9)]


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 20), pixel=st.integers(0, 34), t=st.integers(-20, 3020))
def test_neighbouring_events_equal_a_search(seed, pixel, t):
    stream = random_stream(seed, n=120)
    index = PixelIndex.build(stream)
    t += int(stream.t_us[0])
    here = stream.t_us[stream.pixel == pixel]
    before = index.last_event_before(np.array([pixel]), np.array([t]))[0]
    after = index.next_event_after(np.array([pixel]), np.array([t]))[0]
    assert before == max(here[here < t], default=NO_EVENT_BEFORE)
    assert after == min(here[here > t], default=NO_EVENT_AFTER)


def test_take_and_concat():
    every = PixelIndex.build(random_stream(5)).event_intervals()
    first, last = every.take(slice(0, 3)), every.take(np.array([7, 2]))
    joined = Intervals.concat([first, last])
    assert len(joined) == 5
    assert joined.t_end_us.tolist() == [*every.t_end_us[:3], every.t_end_us[7], every.t_end_us[2]]
    assert np.shares_memory(first.pixel, every.pixel)
    assert len(every.take(every.n_pos == 1)) == every.n_pos.sum()


def test_bad_streams_are_refused():
    stream = random_stream(0)
    with pytest.raises(InputError, match="no events to index"):
        PixelIndex.build(stream[:0])


def test_a_span_of_thirty_years_is_indexed():
    long = EventStream.from_arrays(np.zeros(2), np.zeros(2), np.array([0, 2**60]), np.ones(2), 1280, 720)
    assert PixelIndex.build(long).event_intervals().t_end_us.tolist() == [2**60]
