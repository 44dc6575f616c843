"""Text files of events: columns, separators and units found or given, damage by line, and real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.formats.text import events as event_text
from efields.loaders import find, load, loader, open_events

T_US = [1_000_000, 1_000_003, 1_000_003, 1_250_000, 1_500_001]
X, Y, P = [7, 3, 120, 5, 9], [5, 1, 90, 2, 4], [1, 0, 1, 1, 0]


def rows(order: str, separator: str, time: Any, polarity: Any = str) -> str:
    lines = []
    for t, x, y, p in zip(T_US, X, Y, P, strict=True):
        word = {"t": time(t), "x": str(x), "y": str(y), "p": polarity(p), "-": "0.5"}
        lines.append(separator.join(word[name] for name in order.split()))
    return "\n".join(lines) + "\n"


def seconds(t: int) -> str:
    return f"{t // 10**6}.{t % 10**6:06d}"


def check(path: Path, **options: Any) -> tuple[str, ...]:
    recording = load(path, "text", **options)
    assert recording.events.t_us.tolist() == T_US
    assert (recording.events.x.tolist(), recording.events.y.tolist()) == (X, Y)
    assert recording.events.polarity.tolist() == [p == 1 for p in P]
    return recording.notes


@pytest.mark.parametrize("order", ["t x y p", "x y t p", "x y p t", "t p x y", "p x y t"])
@pytest.mark.parametrize("separator", [" ", ",", ", ", ";", "\t"])
def test_orders_and_separators_are_found(order: str, separator: str, tmp_path: Path) -> None:
    path = tmp_path / "e.txt"
    path.write_text(rows(order, separator, seconds))
    notes = check(path)
    assert find(path) == "text"
    assert any(f"Columns found: {order}, times in seconds" in note for note in notes)


@pytest.mark.parametrize(
    ("head", "time", "unit"),
    [
        ("timestamp_us,x,y,polarity\n", str, "microseconds"),
        ("# t[ns] x y p\n", lambda t: str(t * 1000), "nanoseconds"),
        ("time (ms);x;y;pol\n", lambda t: f"{t // 1000}.{t % 1000:03d}", "milliseconds"),
        ("t,x,y,on\n", str, "microseconds"),  # as faery writes it
    ],
)
def test_names_say_the_unit(head: str, time: Any, unit: str, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    separator = "," if "," in head else ";" if ";" in head else " "
    path.write_text(head + rows("t x y p", separator, time))
    assert any(f"times in {unit}" in note for note in check(path))


@pytest.mark.parametrize(("rise", "fall"), [("1", "-1"), ("true", "false"), ("True", "False"), ("ON", "OFF")])
def test_polarities(rise: str, fall: str, tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text(rows("t x y p", ",", seconds, lambda p: rise if p else fall))
    check(path)


def test_the_first_line_may_be_the_size(tmp_path: Path) -> None:
    path = tmp_path / "e.txt"
    path.write_text("346 260\n" + rows("t x y p", " ", seconds))
    check(path)
    assert (open_events(path).width, open_events(path).height) == (346, 260)
    assert (open_events(path, width=400, height=300).width) == 400
    path.write_text(rows("t x y p", " ", seconds))
    assert (open_events(path).width, open_events(path).height) == (128, 128)  # the smallest that holds 120, 90


def test_options_say_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "e.txt"
    path.write_text(rows("x - y p t", " ", str))
    with pytest.raises(InputError, match="has 5 columns without names"):
        load(path, "text")
    check(path, columns="x - y p t", time_unit="us")
    with pytest.raises(InputError, match="give each of t x y p once"):
        load(path, "text", columns="x y t")
    with pytest.raises(InputError, match="has 5 columns, not the 4"):
        load(path, "text", columns="x y t p")
    with pytest.raises(InputError, match="time_unit: 'h' is not allowed"):
        load(path, "text", columns="x - y p t", time_unit="h")
    with pytest.raises(InputError, match="separator is ':'"):
        load(path, "text", separator=":")


def test_what_could_be_several_things_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "e.txt"
    path.write_text("0.5 1 1 1\n0.6 0 1 0\n")
    with pytest.raises(InputError, match="columns could be any of: t x y p, t p x y; choose with --option columns="):
        load(path, "text")
    assert load(path, "text", columns="t p x y").events.y.tolist() == [1, 0]
    rng = np.random.default_rng(0)
    steps = np.sort(rng.integers(0, 10, 5000)) * 100_000  # few, and whole thousands
    path.write_text("".join(f"{t} {i % 90} {i % 70} {i % 2}\n" for i, t in enumerate(steps)))
    with pytest.raises(
        InputError, match=r"times could be in microseconds \(4,000 events in .* s, .* a second\) or nanoseconds"
    ):
        load(path, "text")


def test_units_by_rate(tmp_path: Path) -> None:
    path = tmp_path / "e.txt"
    t = np.sort(np.random.default_rng(0).integers(0, 20_000, 3000)) + 10**6
    for scale, unit in ((1, "us"), (1000, "ns")):
        path.write_text("".join(f"{a * scale} {i % 90} {i % 70} {i % 2}\n" for i, a in enumerate(t)))
        assert load(path, "text").events.t_us.tolist() == t.tolist(), unit
    epoch = 1_600_000_000_123_456_789
    path.write_text("".join(f"{epoch + a * 1000} {i % 90} {i % 70} {i % 2}\n" for i, a in enumerate(t)))
    assert load(path, "text").events.t_us.tolist() == [1_600_000_000_123_457 + a for a in t.tolist()]


def test_broken_lines_are_named_and_salvaged(tmp_path: Path) -> None:
    path = tmp_path / "e.txt"
    good = rows("t x y p", " ", seconds).splitlines()
    broken = [*good[:2], "1.0 3 4", "1.0 3 -4 1", "1.1 7x 4 1", *good[2:], "9.9 1 1"]
    path.write_text("# a comment\n" + "\n".join(broken))
    with pytest.raises(InputError, match=r"e.txt: line 4 holds 3 values, not the 4 of 't x y p' .'1.0 3 4'"):
        load(path)
    assert any("lost 4 events" in note for note in check(path, salvage=True))
    path.write_text("\n".join([*good, "2.0 1 1 5"]))
    with pytest.raises(InputError, match=r"polarity has the values 0, 1, 5 .in row 6, 5."):
        load(path)
    check(path, salvage=True)


def test_cut_at_every_byte_gives_a_prefix(tmp_path: Path) -> None:
    path = tmp_path / "e.txt"
    data = rows("t x y p", " ", seconds).encode()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        try:
            found = load(path, "text", salvage=True, columns="t x y p", time_unit="s", width=200, height=200).events
        except InputError:
            continue
        whole = data[:size].count(b"\n")
        assert len(found) in (whole, whole + 1)
        assert found.t_us.tolist() == T_US[: len(found)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2**60), st.integers(0, 65535), st.integers(0, 511), st.booleans()), min_size=1),
    st.sampled_from(["t x y p", "p - y x t"]),
    st.sampled_from([("us", 1), ("ns", 1000)]),
    st.sampled_from(["space", "comma", "semicolon"]),
    st.integers(60, 2000),
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple], order: str, unit: tuple, separator: str, block: int
) -> None:
    path = tmp_path_factory.mktemp("text") / "e.txt"
    events = [(t // unit[1], x, y, p) for t, x, y, p in events]
    between = {"space": " ", "comma": ",", "semicolon": ";"}[separator]
    names = {"t": 0, "x": 1, "y": 2, "p": 3}
    value = [[str(t * unit[1]), str(x), str(y), "1" if p else "-1"] for t, x, y, p in events]
    path.write_text(
        "".join(between.join(row[names[n]] if n != "-" else "9" for n in order.split()) + "\n" for row in value)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_text, "BLOCK_BYTES", block)
        options = {"columns": order, "time_unit": unit[0], "separator": separator, "width": 65536, "height": 512}
        file = open_events(path, "text", **options)
        found = EventColumns.concat(list(file.events(Damages(path))))
    assert list(zip(*(column.tolist() for column in found), strict=True)) == [(x, y, t, p) for t, x, y, p in events]


@pytest.mark.parametrize(
    "content",
    [
        b"what happened in 1969\n",
        b"1 2 3\n",
        b"10 11 3.5 2.5\n",
        b"0.1 0 0 0 0 0 0 1\n",
        b"0.5 images/a.png\n",
        b"",
        b"\0\1",
    ],
)
def test_other_texts_are_not_events(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "e.txt").write_bytes(content)
    assert loader("text").matches(tmp_path / "e.txt") is False
    with pytest.raises(InputError):
        load(tmp_path / "e.txt", "text")


def test_faery_reads_what_we_write_and_we_what_faery_writes(tmp_path: Path) -> None:
    faery = pytest.importorskip("faery")
    events = np.zeros(5, dtype=faery.EVENTS_DTYPE)
    events["t"], events["x"], events["y"], events["on"] = T_US, X, Y, P
    faery.events_stream_from_array(events, dimensions=(128, 128)).to_file(tmp_path / "e.csv")
    check(tmp_path / "e.csv")


@pytest.mark.parametrize(
    ("name", "count", "share"),
    [
        ("ecd_slider_depth/events_chunk.txt", 50_000, 0.42294),
        ("ecd_rotation/shapes_rotation/events.txt", 20_000, 0.428),
        ("ecd_rotation/poster_rotation/events.txt", 30_000, 0.44143),
    ],
)
def test_real_files(name: str, count: int, share: float, shared_data: Path) -> None:
    path = shared_data / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    recording = load(path)
    assert len(recording.events) == count
    assert (recording.events.width, recording.events.height) == (240, 180)
    assert recording.events.polarity.mean() == pytest.approx(share, abs=1e-5)
    table = np.loadtxt(path)
    np.testing.assert_array_equal(recording.events.t_us, np.rint(table[:, 0] * 1e6))
