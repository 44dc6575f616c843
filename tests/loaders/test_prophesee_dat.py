"""Prophesee DAT: both layouts and types, wraps, damage, and files that faery wrote."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.loaders import find, load, open_events
from tests.contracts.samples import prophesee as sample

KIND = "prophesee_dat"


def columns_of(path: Path, salvage: bool = False) -> EventColumns:
    return EventColumns.concat(list(open_events(path, KIND).events(Damages(path, salvage))))


@pytest.mark.parametrize("kind", [0x00, 0x0C])
@pytest.mark.parametrize("version", [1, 2])
def test_both_versions_and_types(version: int, kind: int, tmp_path: Path) -> None:
    path = sample.write_dat(tmp_path / "a.dat", sample.rows(), version, kind)
    events = load(path).events
    got = zip(events.t_us, events.x, events.y, events.polarity, strict=True)
    assert [tuple(map(int, event)) for event in got] == sample.rows()
    assert open_events(path).format == f"Prophesee DAT {version}"


def test_bits_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(b"% Version 2\n% Width 304\n% Height 240\n\x0c\x08\x07\x00\x00\x00\x2d\x81\x39\x10")
    assert [int(column[0]) for column in columns_of(path)] == [301, 230, 7, 1]
    path.write_bytes(b"% Version 1\n% Width 304\n% Height 240\n\x0c\x08\x07\x00\x00\x00\x2d\xcd\x03\x00")
    assert [int(column[0]) for column in columns_of(path)] == [301, 230, 7, 1]


def test_time_wraps_and_may_go_backwards(tmp_path: Path) -> None:
    times = [2**32 - 2, 2**32 - 1, 3, 1, 2**31, 2**32 - 1, 0]
    path = sample.write_dat(tmp_path / "a.dat", [(t, 1, 1, 1) for t in times])
    wrap = 2**32
    assert columns_of(path).t_us.tolist() == [
        wrap - 2, wrap - 1, wrap + 3, wrap + 1, wrap + 2**31, 2 * wrap - 1, 2 * wrap,
    ]  # fmt: skip


def test_a_missing_size_is_taken_from_the_events(tmp_path: Path) -> None:
    path = sample.write_dat(tmp_path / "a.dat", [(1, 200, 150, 1)], sized=False)
    file = open_events(path)
    assert (file.width, file.height) == (240, 180)
    assert "240 x 180 is assumed from the largest coordinates" in file.notes[0]
    assert open_events(path, width=304, height=240).notes == ()


def test_cut_at_every_byte(tmp_path: Path) -> None:
    path = sample.write_dat(tmp_path / "a.dat", sample.rows()[:6])
    data, whole = path.read_bytes(), columns_of(path)
    start = len(data) - 48
    for length in range(start - 20, len(data)):
        path.write_bytes(data[:length])
        if length < start or (length - start) % 8:
            with pytest.raises(InputError):
                columns_of(path)
        if length >= start:
            salvaged = columns_of(path, salvage=True)
            assert salvaged.count == (length - start) // 8
            assert salvaged.t_us.tolist() == whole.t_us[: salvaged.count].tolist()


def test_salvage_finds_the_events_behind_missing_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [(i * 30, int(rng.integers(8)), int(rng.integers(6)), i % 2) for i in range(2000)]
    path = sample.write_dat(tmp_path / "a.dat", rows)
    data = bytearray(path.read_bytes())
    data[5000:5203] = rng.bytes(200)
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="in row"):
        load(path)
    damages = Damages(path, salvage=True)
    salvaged = EventColumns.concat(list(open_events(path).events(damages)))
    assert 1900 < salvaged.count < 2000
    assert salvaged.t_us[-1] == 1999 * 30
    assert (np.diff(salvaged.t_us) > 0).all()
    assert damages.lost_bytes == len(data) - len(b"".join(data.partition(b"\x0c\x08")[:2])) - 8 * salvaged.count


def test_other_events_are_refused(tmp_path: Path) -> None:
    path = sample.write_dat(tmp_path / "a.dat", sample.rows(), kind=0x0E)
    with pytest.raises(InputError, match=r"type 0x0e of 8 bytes .* at byte"):
        load(path, KIND)
    path.write_bytes(struct.pack("<II", 1, 2))
    with pytest.raises(InputError, match="does not begin with a header"):
        load(path, KIND)


@pytest.mark.parametrize("version", ["dat1", "dat2"])
def test_what_faery_writes(version: str, tmp_path: Path) -> None:
    faery = pytest.importorskip("faery")
    rows: Any = np.zeros(40, faery.EVENTS_DTYPE)
    for name, column in zip(("t", "x", "y", "on"), zip(*sample.rows(), strict=True), strict=True):
        rows[name] = column
    path = tmp_path / "a.dat"
    faery.events_stream_from_array(rows, dimensions=(8, 6)).to_file(path, version=version)
    assert find(path) == KIND
    for column, name in zip(columns_of(path), ("x", "y", "t", "on"), strict=True):
        np.testing.assert_array_equal(column, rows[name])
