"""Text and .npz as written: exact round trips, bytes by hand, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events.columns import EventColumns, in_chunks
from efields.formats.about import About
from efields.formats.damages import Damages
from efields.loaders import open_events
from efields.writers import npz, text

ABOUT = About(width=65536, height=512)


def columns(events: list[tuple[int, int, int, bool]]) -> EventColumns:
    """Events in order of time."""
    t, x, y, p = np.array(sorted(events), dtype=np.int64).reshape(-1, 4).T
    return EventColumns.of(x, y, t, p)


EVENTS = st.lists(
    st.tuples(st.integers(0, 2**45), st.integers(0, 65535), st.integers(0, 511), st.booleans()), min_size=1
)


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.integers(1, 50))
@pytest.mark.parametrize("writer", [text, npz])
def test_round_trip(writer, tmp_path_factory: pytest.TempPathFactory, events: list[tuple], size: int) -> None:
    path = tmp_path_factory.mktemp("written") / f"e{writer.SUFFIX}"
    given_events = columns(events)
    assert writer.write(in_chunks(given_events, size), path, ABOUT) == len(events)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    kind = writer.__name__.rsplit(".", 1)[-1]
    options = {"columns": "t x y p", "width": 65536, "height": 512} if writer is text else {}
    file = open_events(path, kind, time_unit="s" if writer is text else "us", **options)
    assert (file.width, file.height) == (65536, 512)
    found = EventColumns.concat(list(file.events(Damages(path))))
    for a, b in zip(found, given_events, strict=True):
        np.testing.assert_array_equal(a, b)


def test_text_by_hand(tmp_path: Path) -> None:
    events = columns([(0, 0, 7, False), (999_999, 10, 0, True), (1_000_000, 100, 20, True), (10**15 + 5, 1, 2, False)])
    text.write(iter([events]), tmp_path / "e.txt", ABOUT)
    assert (tmp_path / "e.txt").read_text() == (
        "0.000000 0 7 0\n0.999999 10 0 1\n1.000000 100 20 1\n1000000000.000005 1 2 0\n"
    )


def test_npz_as_numpy_reads_it(tmp_path: Path) -> None:
    npz.write(iter([columns([(5, 1, 2, True)]), columns([(6, 3, 4, False)])]), tmp_path / "e.npz", About(8, 6))
    with np.load(tmp_path / "e.npz") as held:
        assert {name: held[name].tolist() for name in held.files} == {
            "x": [1, 3],
            "y": [2, 4],
            "t": [5, 6],
            "p": [True, False],
            "width": 8,
            "height": 6,
        }
        assert [held[name].dtype for name in "xytp"] == [np.uint16, np.uint16, np.int64, np.bool_]


def test_text_refuses_times_before_zero(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="before time 0"):
        text.write(iter([columns([(-1, 0, 0, True)])]), tmp_path / "e.txt", ABOUT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", [text, npz])
def test_no_events_are_an_empty_file(writer, tmp_path: Path) -> None:
    assert writer.write(iter([]), tmp_path / "e", ABOUT) == 0
    assert writer.write(iter([EventColumns.concat([])]), tmp_path / "e", ABOUT) == 0
    assert (tmp_path / "e").is_file()
