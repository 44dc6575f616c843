"""The writer of DSEC's layout: what h5py finds in the file, round trips, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.loaders import load, open_events
from efields.writers import About, writer


def columns(t_us: list[int]) -> EventColumns:
    n = np.arange(len(t_us))
    return EventColumns.of(n * 7 % 30, n * 5 % 20, np.array(t_us, dtype=np.int64), n % 3 == 0)


def write(parts: list[EventColumns], path: Path) -> int:
    def chunks() -> Iterator[EventColumns]:
        yield from parts

    return writer("dsec").write(chunks(), path, About(30, 20))


def test_what_is_in_the_file(tmp_path: Path) -> None:
    t = [1_000_300, 1_000_300, 1_001_000, 1_003_999, 1_004_000]
    path = tmp_path / "out.h5"
    assert write([columns(t[:2]), columns([]), columns(t[2:])], path) == 5
    with h5py.File(path) as file:
        kinds = {name: file["events"][name].dtype for name in "xytp"}
        assert kinds == {"x": np.uint16, "y": np.uint16, "t": np.uint32, "p": np.uint8}
        assert file["t_offset"][()] == 1_000_000
        assert file["events/t"][()].tolist() == [300, 300, 1000, 3999, 4000]
        assert file["ms_to_idx"][()].tolist() == [0, 2, 3, 3, 4]
        assert "32001" in file["events/x"]._filters  # Blosc
    recording = load(path)
    assert recording.events.t_us.tolist() == t
    assert (recording.events.width, recording.events.height) == (30, 20)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=60), st.integers(0, 1 << 50), st.integers(1, 60))
def test_round_trip_and_index(tmp_path_factory: pytest.TempPathFactory, steps: list[int], start: int, cut: int) -> None:
    whole = columns(np.cumsum([start, *steps]).tolist())
    path = tmp_path_factory.getbasetemp() / "trip.h5"
    path.unlink(missing_ok=True)
    assert write([whole.take(slice(0, cut)), whole.take(slice(cut, None))], path) == whole.count
    events = load(path).events
    for name in ("x", "y", "t_us", "polarity"):
        np.testing.assert_array_equal(getattr(events, name), getattr(whole, name))
    with h5py.File(path) as file:
        t, index = file["events/t"][()].astype(np.int64), file["ms_to_idx"][()].astype(int)
    assert len(index) == t[-1] // 1000 + 1
    for ms, i in enumerate(index):
        assert t[i] >= 1000 * ms
        assert i == 0 or t[i - 1] < 1000 * ms


def test_many_events_and_one_microsecond(tmp_path: Path) -> None:
    n = 300_000
    burst = EventColumns.of(np.zeros(n, int), np.zeros(n, int), np.full(n, 5_000_000), np.ones(n, int))
    assert write([burst, burst], tmp_path / "burst.h5") == 2 * n
    assert (tmp_path / "burst.h5").stat().st_size < 200_000
    file = open_events(tmp_path / "burst.h5")
    assert file.notes == ()


def test_refusals_leave_nothing_behind(tmp_path: Path) -> None:
    for bad, says in (([-5, 3], "before time 0"), ([0, 1 << 32], "71.6 minutes")):
        with pytest.raises(InputError, match=says):
            write([columns(bad)], tmp_path / "out.h5")
        assert list(tmp_path.iterdir()) == []
    write([columns([999, 999 + (1 << 32) - 1000])], tmp_path / "out.h5")
    assert load(tmp_path / "out.h5").events.t_us.tolist() == [999, (1 << 32) - 1]


def test_no_events(tmp_path: Path) -> None:
    assert write([], tmp_path / "out.h5") == 0
    with pytest.raises(InputError, match="contains no events"):
        load(tmp_path / "out.h5")
