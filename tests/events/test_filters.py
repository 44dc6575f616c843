"""Filters of streams: equal to loops over single events, wherever chunks end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events.columns import EventColumns, in_chunks
from efields.events.filters import (
    BackgroundActivity,
    Counted,
    Filter,
    HotPixels,
    Refractory,
    Thin,
    TimeSlice,
    filtered,
    pixels_above_rate,
)
from efields.events.ordered import InOrder, sorted_whole
from efields.events.resampling import Crop, Downsample, Flip, Rotate

WIDTH, HEIGHT = 7, 5


def made_up(seed: int, n: int = 400, span_us: int = 2000) -> EventColumns:
    rng = np.random.default_rng(seed)
    t_us = np.sort(rng.integers(0, span_us, n)) - 500
    return EventColumns.of(rng.integers(0, WIDTH, n), rng.integers(0, HEIGHT, n), t_us, rng.random(n) < 0.5)


def rows(columns: EventColumns) -> list[tuple[int, ...]]:
    return [tuple(map(int, row)) for row in zip(*columns, strict=True)]


def passed(columns: EventColumns, size: int, make: Callable[[], Filter]) -> list[tuple[int, ...]]:
    counted = Counted(make())
    kept = [row for chunk in filtered(in_chunks(columns, size), [counted]) for row in rows(chunk)]
    if not isinstance(counted.filter, TimeSlice):  # which stops reading
        assert counted.dropped == columns.count - len(kept)
    return kept


def naive_background(columns: EventColumns, dt_us: int) -> list[tuple[int, ...]]:
    last: dict[tuple[int, int], int] = {}
    kept = []
    for x, y, t, p in rows(columns):
        around = [(x + dx, y + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]
        if any(t - last[near] <= dt_us for near in around if near in last):
            kept.append((x, y, t, p))
        last[x, y] = t
    return kept


def naive_refractory(columns: EventColumns, period_us: int) -> list[tuple[int, ...]]:
    last: dict[tuple[int, int], int] = {}
    kept = []
    for x, y, t, p in rows(columns):
        if (x, y) not in last or t - last[x, y] >= period_us:
            kept.append((x, y, t, p))
            last[x, y] = t
    return kept


cases = given(
    seed=st.integers(0, 1000),
    n=st.integers(1, 500),
    span_us=st.sampled_from([1, 50, 2000, 100_000]),
    size=st.sampled_from([1, 3, 64, 1000]),
    us=st.sampled_from([0, 1, 7, 100, 5000]),
)


@settings(max_examples=150, deadline=None)
@cases
def test_background_activity_equals_a_loop(seed: int, n: int, span_us: int, size: int, us: int) -> None:
    columns = made_up(seed, n, span_us)
    found = passed(columns, size, lambda: BackgroundActivity(us, WIDTH, HEIGHT))
    assert found == naive_background(columns, us)


@settings(max_examples=150, deadline=None)
@cases
def test_refractory_period_equals_a_loop(seed: int, n: int, span_us: int, size: int, us: int) -> None:
    columns = made_up(seed, n, span_us)
    assert passed(columns, size, lambda: Refractory(us, WIDTH, HEIGHT)) == naive_refractory(columns, us)


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_the_simple_ones(size: int) -> None:
    columns = made_up(3)
    every = rows(columns)
    assert passed(columns, size, lambda: Thin(7)) == every[::7]
    hot = np.array([0, 9], dtype=np.int64)
    cold = [row for row in every if row[1] * WIDTH + row[0] not in (0, 9)]
    assert passed(columns, size, lambda: HotPixels(hot, WIDTH, HEIGHT)) == cold
    inside = [row for row in every if -100 <= row[2] < 700]
    assert passed(columns, size, lambda: TimeSlice(-100, 700)) == inside
    assert passed(columns, size, lambda: TimeSlice(None, 700)) == [row for row in every if row[2] < 700]


def test_a_slice_stops_reading_behind_its_end() -> None:
    read = []

    def chunks():
        for chunk in in_chunks(made_up(1), 10):
            read.append(chunk)
            yield chunk

    list(filtered(chunks(), [Counted(TimeSlice(None, -400))]))
    assert len(read) < 10


def test_rates_of_pixels() -> None:
    counts = np.array([[10, 0], [11, 100]])
    assert pixels_above_rate(counts, 1_000_000, 10.0).tolist() == [2, 3]


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_crop_turn_and_flip(size: int) -> None:
    columns = made_up(4)
    every = rows(columns)
    crop = [(x - 2, y - 1, t, p) for x, y, t, p in every if 2 <= x < 5 and 1 <= y < 4]
    assert passed(columns, size, lambda: Crop(2, 1, 3, 3)) == crop
    image = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    for turns in (1, 2, 3):
        rotate = Rotate(turns, WIDTH, HEIGHT)
        turned = np.rot90(image, -turns)
        assert turned.shape == (rotate.height, rotate.width)
        found = rotate(columns)
        assert (turned[found.y, found.x] == image[columns.y, columns.x]).all()
    for flip, mirrored in (
        (Flip("horizontal", WIDTH, HEIGHT), image[:, ::-1]),
        (Flip("vertical", WIDTH, HEIGHT), image[::-1]),
    ):
        found = flip(columns)
        assert (mirrored[found.y, found.x] == image[columns.y, columns.x]).all()
    with pytest.raises(InputError, match="does not lie on the sensor"):
        Crop(2, 1, 6, 3).checked(WIDTH, HEIGHT)


@pytest.mark.parametrize("size", [1, 13, 1000])
@pytest.mark.parametrize("factor", [1, 2, 3, 9])
def test_downsampling_equals_a_loop(size: int, factor: int) -> None:
    columns = made_up(5, 600)
    joined = [(x // factor, y // factor, t, p) for x, y, t, p in rows(columns)]
    assert passed(columns, size, lambda: Downsample(factor, WIDTH, HEIGHT)) == joined
    level: dict[tuple[int, int], int] = {}
    sent = []
    for x, y, t, p in joined:
        pixels = min(factor, WIDTH - x * factor) * min(factor, HEIGHT - y * factor)
        level[x, y] = level.get((x, y), 0) + (1 if p else -1)
        if abs(level[x, y]) == pixels:
            sent.append((x, y, t, p))
            level[x, y] = 0
    assert passed(columns, size, lambda: Downsample(factor, WIDTH, HEIGHT, accumulate=True)) == sent


def refuse_late(what: str, *, row: int | None, lost_events: int, do: str) -> None:
    raise InputError(f"{what} in row {row}", do=do)


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 1000), size=st.sampled_from([1, 10, 100]), late=st.integers(0, 40))
def test_order_is_restored_within_the_window(seed: int, size: int, late: int) -> None:
    columns = made_up(seed, 300)
    rng = np.random.default_rng(seed)
    order = np.argsort(np.arange(300) + rng.integers(0, late + 1, 300), kind="stable")
    shuffled = columns.take(order)
    found = [row for chunk in InOrder(in_chunks(shuffled, size), refuse_late, window=150) for row in rows(chunk)]
    assert found == rows(shuffled.take(np.argsort(shuffled.t_us, kind="stable")))
    assert [row for chunk in sorted_whole(in_chunks(shuffled, size)) for row in rows(chunk)] == found


def test_what_comes_too_late_is_refused_or_counted() -> None:
    t_us = np.concatenate([np.arange(100), [3], np.arange(100, 200)])
    columns = EventColumns.of(np.zeros(201), np.zeros(201), t_us, np.ones(201))
    with pytest.raises(InputError, match=r"row 100.*--sort"):
        list(InOrder(in_chunks(columns, 10), refuse_late, window=20))
    lost: list[int] = []

    def count(what: str, *, row: int | None, lost_events: int, do: str) -> None:
        lost.append(lost_events)

    kept = EventColumns.concat(list(InOrder(in_chunks(columns, 10), count, window=20)))
    assert lost == [1]
    assert kept.t_us.tolist() == list(range(200))
