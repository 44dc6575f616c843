"""The fast reader of event text against plain Python, and its one-line errors."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.text import events as event_text
from efields.formats.text.tables import read_event_text, read_table

LINE = st.tuples(
    st.integers(0, 10**12),
    st.integers(0, 12),
    st.integers(0, 65535),
    st.integers(0, 65535),
    st.integers(0, 1),
    st.sampled_from([" ", "\t", "  "]),
    st.sampled_from(["\n", "\r\n", " \n", "\n\n"]),
)


def rows_of(found: EventColumns) -> list[tuple[int, int, int, int]]:
    """Time, x, y and polarity of each event."""
    columns = (found.t_us, found.x, found.y, found.polarity.astype(int))
    return list(zip(*(column.tolist() for column in columns), strict=True))


@settings(max_examples=60, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=30), st.randoms())
def test_equals_exact_decimals(tmp_path_factory: pytest.TempPathFactory, lines: list[tuple], random) -> None:
    file = tmp_path_factory.mktemp("text") / "events.txt"
    content, expected = "", []
    for seconds, places, x, y, polarity, gap, end in lines:
        decimals = "".join(random.choice("0123456789") for _ in range(places))
        content += gap.join((f"{seconds}.{decimals}", str(x), str(y), str(polarity))) + end
        t_us = (Decimal(f"{seconds}.{decimals or 0}") * 10**6).quantize(Decimal(1), ROUND_HALF_UP)
        expected.append((int(t_us), x, y, polarity))
    file.write_bytes(content.encode())
    found = read_event_text(file)
    # Nothing beyond the seventh decimal is looked at: with it, half a microsecond is rounded up as exact decimals are.
    assert rows_of(found) == expected


def test_blocks_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    t = np.sort(rng.integers(0, 10**8, 500))
    columns = (*rng.integers(0, 99, (2, 500)), rng.integers(0, 2, 500))
    rows = [(int(a), int(b), int(c), int(d)) for a, b, c, d in zip(t, *columns, strict=True)]
    file = tmp_path / "events.txt"
    file.write_text("\n".join(f"{a // 10**6}.{a % 10**6:06d} {b} {c} {d}" for a, b, c, d in rows))  # no last newline
    for size in (23, 64, 1000, 1 << 20):
        monkeypatch.setattr(event_text, "BLOCK_BYTES", max(size, 200))
        found = read_event_text(file)
        assert rows_of(found) == rows


@pytest.mark.parametrize(
    "line", ["0.5e-3 1 2 1", "-0.25 1 2 0", "0.25 1 2 -1", "# comment\n0.25 1 2 1", "3 1 2 1", "0.25 1. 2. 1."]
)
def test_other_numbers_take_the_general_way(line: str, tmp_path: Path) -> None:
    file = tmp_path / "events.txt"
    file.write_text(f"{line}\n0.75 3 4 1\n")
    found = read_event_text(file)
    number = [float(word) for word in line.splitlines()[-1].split()]
    assert rows_of(found) == [
        (round(number[0] * 1e6), int(number[1]), int(number[2]), int(number[3] > 0)),
        (750_000, 3, 4, 1),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("0.1 1 2 1\n0.2 3 4\n0.3 1 2 1\n", r"line 2 holds 3 values, not the 4 of 't x y p' \('0.2 3 4'\)"),
        ("0.1 1 2 1\n0.2 3 4 1 0\n", "line 2 holds 5 values"),
        ("0.1 1 2\n1 0.2 3 4 1\n", "line 1 holds 3 values"),  # eight values on two lines
        ("0.1 1 2 1\n0.2 3 4 x\n", "line 2 is '0.2 3 4 x'"),
        ("0.1 1 2 1\nnan 3 4 1\n", "line 2 is 'nan 3 4 1'"),
        ("0.1 1.5 2 1\n", "line 1 is '0.1 1.5 2 1'"),
        ("0.1 1 2 1\n\n0.1,1,2,1\n", r"line 3 holds 1 values, .*\('0.1,1,2,1'\)"),
        ("0.1 1 2 1\n0.2 3 4\0 1\n", "line 2 is"),
    ],
)
def test_a_broken_line_is_named(content: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "events.txt"
    file.write_text(content)
    with pytest.raises(InputError, match=f"events.txt: .*{says}"):
        read_event_text(file)


def test_the_line_number_counts_all_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_text, "BLOCK_BYTES", 200)
    file = tmp_path / "events.txt"
    file.write_text("0.1 1 2 1\n" * 300 + "0.1 1 2\n" + "0.1 1 2 1\n" * 300)
    with pytest.raises(InputError, match="line 301 holds 3"):
        read_event_text(file)


def test_an_empty_file_has_no_events(tmp_path: Path) -> None:
    (tmp_path / "events.txt").write_text("\n\n")
    assert rows_of(read_event_text(tmp_path / "events.txt")) == []


def test_a_binary_without_lines_is_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_text, "BLOCK_BYTES", 1000)
    (tmp_path / "events.txt").write_bytes(b"1" * 10_000)
    with pytest.raises(InputError, match=r"events\.txt"):
        read_event_text(tmp_path / "events.txt")


def test_tables_say_their_layout(tmp_path: Path) -> None:
    file = tmp_path / "calib.txt"
    file.write_text("# fx fy\n1 2\n3 4\n")
    assert read_table(file, 2, "fx fy").tolist() == [[1, 2], [3, 4]]
    with pytest.raises(InputError, match=r"calib\.txt: has 2 values per line, not 3; every line must read 'a b c'"):
        read_table(file, 3, "a b c")
    file.write_text("1 2\n3\n")
    with pytest.raises(InputError, match=r"calib\.txt: cannot be read: line 2 is '3'"):
        read_table(file, 2, "fx fy")
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "none.txt", 2, "fx fy")
    file.write_text("")
    assert read_table(file, 2, "fx fy").shape == (0, 2)
