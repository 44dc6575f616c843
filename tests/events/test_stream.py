from __future__ import annotations

import logging

import numpy as np
import pytest

from efields.errors import InputError
from efields.events.stream import EventStream, far_time, seconds_to_us
from tests.events.streams import random_stream


def columns(**changes: object) -> dict[str, object]:
    good: dict[str, object] = {
        "x": np.array([0, 3, 1], np.uint16),
        "y": np.array([1, 0, 1], np.uint16),
        "t_us": np.array([10, 20, 30], np.int64),
        "polarity": np.array([True, False, True]),
        "width": 4,
        "height": 2,
    }
    return good | changes


def make(**changes: object) -> EventStream:
    return EventStream.from_arrays(**columns(**changes), where="rec.txt")  # type: ignore[arg-type]


def test_columns_of_the_right_type_are_taken_without_a_copy():
    given = columns()
    stream = EventStream.from_arrays(**given)  # type: ignore[arg-type]
    for name in ("x", "y", "t_us", "polarity"):
        assert np.shares_memory(getattr(stream, name), given[name])


def test_memory_mapped_columns_stay_mapped_through_slices(tmp_path):
    n = 1000
    stored = {
        "x": np.zeros(n, np.uint16),
        "y": np.ones(n, np.uint16),
        "t_us": np.arange(n),
        "polarity": np.ones(n, bool),
    }
    for name, values in stored.items():
        np.save(tmp_path / f"{name}.npy", values)
    mapped = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in stored}
    stream = EventStream.from_arrays(**mapped, width=4, height=2)
    for part in (stream, stream[100:200], stream.between(100, 200)):
        for name, values in mapped.items():
            assert np.shares_memory(getattr(part, name), values)
    assert stream.between(100, 200).t_us.tolist() == list(range(100, 200))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.array([True, False, True]), [True, False, True]),
        (np.array([1, 0, 1], np.uint8), [True, False, True]),
        (np.array([1, -1, 1], np.int8), [True, False, True]),
        (np.array([1.0, -1.0, 1.0]), [True, False, True]),
        (np.array([-1, -1, -1]), [False, False, False]),
        (np.array([0, 0, 0]), [False, False, False]),
        (np.array([1, 1, 1]), [True, True, True]),
    ],
)
def test_polarity_conventions(given, expected):
    assert make(polarity=given).polarity.tolist() == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"polarity": np.array([1, 0, -1])}, "rec.txt: polarity has the values -1, 0, 1"),
        ({"polarity": np.array([1, 2, 1])}, "rec.txt: polarity has the values 1, 2"),
        ({"polarity": np.array([1.0, np.nan, 1.0])}, "rec.txt: polarity has the values 1.0, nan"),
        ({"x": np.array([0, 4, 1])}, "rec.txt: 1 of 3 events lie outside the 4 x 2 sensor"),
        ({"y": np.array([1, -1, 2])}, "rec.txt: 2 of 3 events lie outside the 4 x 2 sensor"),
        ({"x": np.array([0.0, np.nan, 1.0])}, "rec.txt: 1 of 3 events lie outside"),
        ({"x": np.array([0.0, 0.5, 1.0])}, "rec.txt: 1 event coordinates are not whole pixels"),
        ({"t_us": np.array([0.1, 0.2, 0.3])}, "rec.txt: times are not whole microseconds"),
        ({"t_us": np.array([0.0, np.inf, 1.0])}, "rec.txt: times are not whole microseconds"),
        (
            {"t_us": np.array([0, 1, 2**63], np.uint64)},
            r"rec.txt: an event's time is 9,223,372,036,854,775,808 us, 292,2",
        ),
        ({"t_us": np.array([0.0, 1.0, 1e30])}, "rec.txt: an event's time is 1,000,0"),
        ({"t_us": np.array([-(2**62), 1, 2])}, "rec.txt: an event's time is -4,611,686,018,427,387,904 us"),
        ({"t_us": np.array(["a", "b", "c"])}, "rec.txt: times of type"),
        ({"t_us": np.array([10, 20])}, "rec.txt: columns x, y, t, polarity have shapes"),
        ({"x": np.zeros((3, 1))}, "rec.txt: columns x, y, t, polarity have shapes"),
        ({"width": 0}, "rec.txt: sensor of 0 x 2 pixels"),
        ({"width": 70_000}, "rec.txt: sensor of 70000 x 2 pixels"),
        (dict.fromkeys(("x", "y", "t_us", "polarity"), np.empty(0)), "rec.txt: no events"),
    ],
)
def test_bad_input_is_one_line_that_names_the_source(changes, message):
    with pytest.raises(InputError) as caught:
        make(**changes)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value), "it says what to do"


def test_times_that_go_backwards_are_sorted_stably_and_counted(caplog):
    with caplog.at_level(logging.WARNING):
        stream = make(
            x=np.array([0, 1, 2, 3, 0]),
            y=np.zeros(5, int),
            t_us=np.array([20, 10, 20, 15, 30]),
            polarity=np.array([1, 0, 0, 1, 1]),
        )
    assert stream.t_us.tolist() == [10, 15, 20, 20, 30]
    assert stream.x.tolist() == [1, 3, 0, 2, 0]
    assert stream.polarity.tolist() == [False, True, True, False, True]
    assert [record.getMessage() for record in caplog.records] == ["rec.txt: 2 of 5 events go backwards in time; sorted"]


def test_sorting_keeps_the_order_of_events_of_one_time():
    x = np.arange(1000)
    stream = EventStream.from_arrays(x, np.zeros(1000), x[::-1] // 100, np.ones(1000), 1000, 1)
    assert (stream.x == np.lexsort((x, x[::-1] // 100))).all()


def test_times_in_order_give_no_warning(caplog):
    make(t_us=np.array([10, 10, 30]))
    assert not caplog.records


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9])
def test_backwards_times_are_found_at_the_edges_of_chunks(monkeypatch, caplog, n):
    monkeypatch.setattr("efields.events.stream._CHUNK", 4)
    for k in range(1, n):
        t = np.arange(n) * 10
        t[k:] -= 15
        caplog.clear()
        stream = EventStream.from_arrays(np.zeros(n), np.zeros(n), t, np.ones(n), 1, 1)
        assert f"1 of {n} events" in caplog.text, (n, k)
        assert (np.diff(stream.t_us) >= 0).all()


def test_outside_events_are_counted_over_chunks(monkeypatch):
    monkeypatch.setattr("efields.events.stream._CHUNK", 4)
    x = np.arange(11)
    with pytest.raises(InputError, match="5 of 11 events lie outside"):
        EventStream.from_arrays(x, np.zeros(11), np.arange(11), np.ones(11), 6, 1)


def test_between_is_half_open():
    stream = make(t_us=np.array([10, 20, 30]))
    assert stream.between(10, 30).t_us.tolist() == [10, 20]
    assert stream.between(11, 31).t_us.tolist() == [20, 30]
    assert len(stream.between(20, 20)) == len(stream.between(30, 10)) == 0


def test_slices_are_views_and_masks_select():
    stream = random_stream(0)
    part = stream[50:150]
    assert len(part) == 100 and np.shares_memory(part.t_us, stream.t_us)
    assert (part.width, part.height) == (stream.width, stream.height)
    rose = stream[stream.polarity]
    assert rose.polarity.all() and len(rose) == stream.polarity.sum()
    with pytest.raises(ValueError, match="backwards"):
        stream[::-1]


def test_duration_rate_and_pixels():
    stream = make(t_us=np.array([1_000_000, 1_250_000, 1_500_000]))
    assert stream.duration_s == pytest.approx(0.5)
    assert stream.rate_hz == pytest.approx(6.0)
    assert stream[:1].rate_hz == 0.0 and stream[:0].duration_s == 0.0
    assert stream.pixel.tolist() == [4, 3, 5] and stream.pixels == 8


def test_seconds_are_rounded_to_microseconds_not_truncated():
    assert int(0.000251 * 1e6) == 250  # the trap: a product just below a whole number
    assert seconds_to_us(np.array([0.000251, 1.000001, 8.2, -0.0000016])).tolist() == [251, 1000001, 8200000, -2]
    assert seconds_to_us(1.25) == 1_250_000


def test_every_microsecond_of_a_day_far_from_zero_survives_seconds():
    t_us = 1_700_000_000_000_000 + np.random.default_rng(0).integers(0, 86_400_000_000, 10_000)
    assert (seconds_to_us(t_us / 1e6) == t_us).all()


def test_seconds_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="2 times are not finite"):
        seconds_to_us(np.array([0.0, np.nan, np.inf]))


def test_a_time_of_any_length_can_be_told():
    assert "401 digits" in far_time(10**400)
    assert far_time(-(10**19)).endswith("316,881 years from zero")


def test_times_that_are_not_finite_name_their_source():
    with pytest.raises(InputError, match=r"a.hdf5: 1 times are not finite"):
        seconds_to_us(np.array([0.0, np.nan]), "a.hdf5")
