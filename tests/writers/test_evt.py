"""EVT 2.0 and 3.0: round trips through our reader and through faery's, gaps, wraps, triggers, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events.columns import EventColumns, in_chunks
from efields.events.side_streams import SideStreams, Triggers
from efields.formats.about import About
from efields.formats.damages import Damages
from efields.loaders import open_events
from efields.writers import writer

BOTH = pytest.mark.parametrize("kind", ["evt2", "evt3"])
ABOUT = About(64, 48)


def columns(t_us: np.ndarray, seed: int = 0) -> EventColumns:
    rng = np.random.default_rng(seed)
    n = len(t_us)
    return EventColumns.of(rng.integers(64, size=n), rng.integers(48, size=n), t_us, rng.integers(2, size=n))


def check(kind: str, events: EventColumns, path: Path, chunk: int = 1 << 20, about: About = ABOUT) -> None:
    assert writer(kind).write(in_chunks(events, chunk), path, about) == events.count
    file = open_events(path, "prophesee_raw")
    assert (file.width, file.height, file.notes) == (about.width, about.height, ())
    back = EventColumns.concat(list(file.events(Damages(path))))
    for a, b in zip(events, back, strict=True):
        np.testing.assert_array_equal(a, b)
    triggers = file.side_streams(Damages(path)).triggers
    wanted = about.side.triggers
    assert (triggers is None) == (wanted is None or len(wanted) == 0)
    if triggers is not None and wanted is not None:
        assert triggers.t_us.tolist() == sorted(wanted.t_us.tolist())


@BOTH
def test_words_by_hand(kind: str, tmp_path: Path) -> None:
    events = EventColumns.of(*(np.array(column) for column in ([3, 4], [2, 2], [70, 71], [1, 0])))
    writer(kind).write(iter([events]), tmp_path / "a.raw", ABOUT)
    head, words = (tmp_path / "a.raw").read_bytes().split(b"% end\n")
    name = kind.upper()
    assert head.decode() == f"% evt {name[3]}.0\n% format {name};height=48;width=64\n% geometry 64x48\n"
    if kind == "evt2":
        wanted = np.array([0x80000001, 0x10001802 | 6 << 22, 0x2002 | 7 << 22], "<u4")
    else:
        wanted = np.array([0x8000, 0x6046, 0x0002, 0x2803, 0x6047, 0x2004], "<u2")
    assert words == wanted.tobytes()


@BOTH
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.lists(
        st.sampled_from([0, 1, 63, 4095, 2**22, 2**23 + 5, 2**24, 2**25 + 1, 2**34]), min_size=1, max_size=30
    ),
    start=st.sampled_from([0, 7, 2**24 - 1, 2**34 - 1, 1_600_000_000_000_000]),
    chunk=st.integers(1, 9),
)
@settings(max_examples=60, deadline=None)
def test_round_trips(
    kind: str, seed: int, steps: list[int], start: int, chunk: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    events = columns(np.cumsum([start, *steps]), seed)
    marks = np.random.default_rng(seed).integers(start, int(events.t_us[-1]) + 100, size=seed % 4)
    triggers = Triggers(marks, np.arange(len(marks)) % 2 == 0)
    check(kind, events, tmp_path_factory.mktemp("evt") / "a.raw", chunk, About(64, 48, SideStreams(triggers=triggers)))


@BOTH
def test_faery_reads_the_same(kind: str, tmp_path: Path) -> None:
    faery = pytest.importorskip("faery")
    t_us = np.concatenate(
        [np.sort(np.random.default_rng(0).integers(0, 10**8, 3000)), [2**33, 2**33 + 2**24 + 9, 2**36]]
    )
    events = columns(t_us)
    check(kind, events, tmp_path / "a.raw", 1000)
    theirs = np.concatenate(list(faery.events_stream_from_file(tmp_path / "a.raw")))
    for column, name in zip(events, ("x", "y", "t", "on"), strict=True):
        np.testing.assert_array_equal(column, theirs[name])


@BOTH
def test_what_faery_writes_is_read(kind: str, tmp_path: Path) -> None:
    faery = pytest.importorskip("faery")
    events = columns(np.sort(np.random.default_rng(1).integers(10**6, 10**8, 3000)))
    rows: Any = np.zeros(events.count, faery.EVENTS_DTYPE)
    for column, name in zip(events, ("x", "y", "t", "on"), strict=True):
        rows[name] = column
    path = tmp_path / "a.raw"
    faery.events_stream_from_array(rows, dimensions=(64, 48)).to_file(path, version=kind)
    back = EventColumns.concat(list(open_events(path).events(Damages(path))))
    for a, b in zip(events, back, strict=True):
        np.testing.assert_array_equal(a, b)


@BOTH
def test_what_the_format_cannot_hold(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    with pytest.raises(InputError, match="up to 2048 pixels"):
        writer(kind).write(iter([columns(np.arange(3))]), path, About(2049, 48))
    with pytest.raises(InputError, match="cannot store times before 0"):
        writer(kind).write(iter([columns(np.array([-1, 3]))]), path, ABOUT)
    with pytest.raises(InputError, match="has a gap"):
        writer(kind).write(iter([columns(np.array([1, 2**42]))]), path, ABOUT)
    assert list(tmp_path.iterdir()) == []


@BOTH
def test_triggers_alone_and_nothing_at_all(kind: str, tmp_path: Path) -> None:
    side = SideStreams(triggers=Triggers(np.array([900, 5]), np.array([True, False])))
    check(kind, columns(np.zeros(0, np.int64)), tmp_path / "a.raw", about=About(64, 48, side))
    check(kind, columns(np.zeros(0, np.int64)), tmp_path / "b.raw")


@BOTH
def test_a_real_file(kind: str, shared_data: Path, tmp_path: Path) -> None:
    file = open_events(shared_data / "vendor" / "evt3_sample.raw", "prophesee_raw")
    events = EventColumns.concat(list(file.events(Damages(file.path))))
    assert (np.diff(events.t_us) >= 0).all()
    check(kind, events, tmp_path / "a.raw", 50_000, About(file.width, file.height))
