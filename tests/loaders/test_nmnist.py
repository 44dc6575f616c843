"""N-MNIST: bytes known by hand, markers of overflow, damage, and the real file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.loaders import load, loader, open_events

KIND = "nmnist"


def write(path: Path, rows: list[tuple[int, int, int, int]]) -> Path:
    """Rows t, x, y, polarity."""
    path.write_bytes(b"".join(bytes([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255]) for t, x, y, p in rows))
    return path


def test_bytes_by_hand(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes([7, 15, 0x80, 2, 0x8E, 33, 0, 0x04, 0xBF, 0x33]))
    events = load(tmp_path / "a.bin").events
    assert (events.width, events.height) == (34, 34)
    assert events.t_us.tolist() == [654, 0x04BF33]
    assert (events.x.tolist(), events.y.tolist(), events.polarity.tolist()) == ([7, 33], [15, 0], [True, False])


def test_a_row_of_240_adds_time_and_is_no_event(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.bin", [(100, 1, 1, 1), (120, 0, 240, 0), (130, 2, 1, 1), (8388600, 3, 1, 1), (4, 4, 1, 0)]
    )
    events = load(path, KIND).events
    assert events.t_us.tolist() == [100, 130 + 8192, 8388600 + 8192, 2**23 + 4 + 8192]


def test_larger_sensors_and_options(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", [(1, 200, 170, 1), (5, 3, 3, 0)])
    assert (open_events(path).width, open_events(path).height) == (240, 180)
    assert open_events(path, width=304, height=240).notes == ()


def test_cut_at_every_byte(tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", [(i * 9, i % 34, i % 30, i % 2) for i in range(12)])
    data = path.read_bytes()
    for length in range(1, len(data)):
        path.write_bytes(data[:length])
        if length % 5:
            with pytest.raises(InputError, match=f"truncated at byte {length // 5 * 5}"):
                load(path, KIND)
        columns = EventColumns.concat(list(open_events(path, KIND).events(Damages(path, salvage=True))))
        assert columns.t_us.tolist() == [i * 9 for i in range(length // 5)]


def test_salvage_finds_the_events_behind_missing_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = write(
        tmp_path / "a.bin", [(i * 70, int(rng.integers(34)), int(rng.integers(34)), i % 2) for i in range(2000)]
    )
    data = path.read_bytes()
    path.write_bytes(data[:5003] + data[5005:])
    with pytest.raises(InputError, match="in row"):
        load(path, KIND)
    events = load(path, KIND, salvage=True).events
    assert 1960 < len(events) < 2000
    assert events.t_us[-1] == 1999 * 70


def test_matches_is_not_fooled(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for data in (
        bytes(1000),
        b"t x y p\n0.1 2 3 1\n" * 50,
        np.arange(500, dtype="<u4").tobytes(),
        b"\x01\x02\x03\x04\x05",
    ):
        path.write_bytes(data)
        assert not loader(KIND).matches(path)


def test_the_real_file(shared_data: Path) -> None:
    for salvage in (False, True):
        events = load(shared_data / "vendor" / "nmnist.bin", KIND, salvage=salvage).events
        assert (len(events), events.width, events.height) == (4325, 34, 34)
        assert (events.t_us[0], events.t_us[-1]) == (654, 311_175)
        assert round(float(events.polarity.mean()), 4) == 0.4960
