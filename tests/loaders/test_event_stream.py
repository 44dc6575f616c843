"""Event Stream: bytes known by hand, both versions, damage, faery's files, and real files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.kernels import present
from efields.formats.damages import Damages
from efields.formats.event_stream import EventStreamDecoder
from efields.loaders import load, open_events
from tests.contracts.samples import prophesee as sample

KIND = "event_stream"


def head(kind: int = 1, width: int = 8, height: int = 6) -> bytes:
    return b"Event Stream" + bytes([2, 0, 0, kind]) + struct.pack("<HH", width, height)


def rows_of(path: Path, salvage: bool = False) -> list[tuple[int, ...]]:
    columns = EventColumns.concat(list(open_events(path, KIND).events(Damages(path, salvage))))
    return [(int(t), int(x), int(y), int(p)) for x, y, t, p in zip(*columns, strict=True)]


def test_dvs_bytes(tmp_path: Path) -> None:
    body = bytes([5 << 1 | 1, 3, 0, 0, 0, 0xFF, 0xFE, 0xFF, 2 << 1, 1, 0, 5, 0])
    (tmp_path / "a.es").write_bytes(head() + body)
    # y 0 is the lowest row; 0xFF adds 127 us, 0xFE nothing.
    assert rows_of(tmp_path / "a.es") == [(5, 3, 5, 1), (5 + 254 + 2, 1, 0, 0)]


def test_atis_bytes_without_exposure(tmp_path: Path) -> None:
    body = bytes([5 << 2 | 2, 3, 0, 0, 0, 0xFC, 0xFE, 1 << 2 | 3, 1, 0, 0, 0, 1 << 2, 7, 0, 5, 0])
    (tmp_path / "a.es").write_bytes(head(2) + body)
    assert rows_of(tmp_path / "a.es") == [(5, 3, 5, 1), (5 + 126 + 2, 7, 0, 0)]
    assert "1 exposure measurements were left out." in load(tmp_path / "a.es").notes


def test_version_1(tmp_path: Path) -> None:
    magic = b"Event Stream" + bytes([1, 0])
    dvs = bytes([0x3F, 4 | (0x12D & 15) << 4, 0x12D >> 4 | (0x0E6 & 3) << 6, 0x0E6 >> 2 | 0x80])
    (tmp_path / "a.es").write_bytes(magic + b"\0" + dvs)
    assert rows_of(tmp_path / "a.es") == [(3 * 15 + 4, 0x12D, 239 - 0x0E6, 1)]
    event = bytes([4 | (0x12D & 7) << 5, 0x12D >> 3 | (0xE6 & 3) << 6, 0xE6 >> 2 | 0x80])
    exposure = bytes([1, 0, 0x40])
    (tmp_path / "b.es").write_bytes(magic + b"\1" + b"\x5f" + event + exposure)
    assert rows_of(tmp_path / "b.es") == [(2 * 31 + 4, 0x12D, 239 - 0xE6, 1)]
    assert "304 x 240 is assumed" in open_events(tmp_path / "b.es").notes[0]


@pytest.mark.skipif(not present(), reason="no compiled kernels")
@pytest.mark.parametrize("atis", [False, True])
@given(data=st.lists(st.sampled_from([0, 1, 2, 3, 7, 250, 252, 253, 254, 255]), max_size=200))
@settings(max_examples=150, deadline=None)
def test_kernel_equals_numpy(atis: bool, data: list[int]) -> None:
    found = []
    for kernels in (False, True):
        decoder = EventStreamDecoder(2, atis, kernels)
        columns, used = decoder.decode(np.array(data, np.uint8))
        found.append((*columns, used, decoder.left_out, decoder.state()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 400), gap=st.sampled_from([1, 200, 3000]))
@settings(max_examples=40, deadline=None)
def test_any_events_in_any_pieces(seed: int, count: int, gap: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.cumsum(rng.integers(0, gap, count))
    events = [(int(s), int(rng.integers(6)), int(rng.integers(6)), int(rng.integers(2))) for s in t]
    data = np.frombuffer(sample.event_stream_bytes(events), np.uint8)
    for kernels in (False, True):
        decoder, at, got = EventStreamDecoder(2, False, kernels), 0, []
        while at < len(data):
            columns, used = decoder.decode(data[at : at + 50])
            got += [(int(s), int(x), 5 - int(y), int(p)) for x, y, s, p in zip(*columns, strict=True)]
            at += used
        assert got == events


def test_cut_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.es"
    body = sample.event_stream_bytes([(i * 100, x, y, p) for i, (_, x, y, p) in enumerate(sample.rows()[:10])])
    path.write_bytes(head() + body)
    whole = rows_of(path)
    for length in range(20 + len(body)):
        path.write_bytes((head() + body)[:length])
        if length < 20:
            with pytest.raises(InputError):
                load(path, KIND)
            continue
        if length % 5:
            with pytest.raises(InputError, match="truncated at byte"):
                rows_of(path)
        assert rows_of(path, salvage=True) == whole[: (length - 20) // 5]


def test_salvage_finds_the_events_behind_broken_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.es"
    rng = np.random.default_rng(0)
    events = [(i * 40, int(rng.integers(8)), int(rng.integers(6)), i % 2) for i in range(3000)]
    body = bytearray(sample.event_stream_bytes(events))
    body[7000:7103] = rng.bytes(100)
    path.write_bytes(head() + bytes(body))
    with pytest.raises(InputError, match="outside the 8 x 6 sensor"):
        load(path)
    recording = load(path, salvage=True)
    assert 2970 < len(recording.events) < 3000
    assert "lost 1" in recording.notes[0]
    kept = list(zip(recording.events.x[-1500:].tolist(), recording.events.y[-1500:].tolist(), strict=True))
    assert kept == [(x, y) for _, x, y, _ in events[-1500:]]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (head(4), "colour events"),
        (head(9), "a stream of type 9"),
        (b"Event Stream\3\0\0\1", "version 3.0"),
        (head(width=0), "sensor of 0 x 6"),
        (head()[:17], "within its header"),
        (head(), "contains no events"),
    ],
)
def test_one_line(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.es").write_bytes(data)
    with pytest.raises(InputError, match=says):
        load(tmp_path / "a.es", KIND)


def test_what_faery_writes(tmp_path: Path) -> None:
    faery = pytest.importorskip("faery")
    rows: Any = np.zeros(40, faery.EVENTS_DTYPE)
    for name, column in zip(("t", "x", "y", "on"), zip(*sample.rows(), strict=True), strict=True):
        rows[name] = column
    faery.events_stream_from_array(rows, dimensions=(8, 6)).to_file(tmp_path / "a.es", zero_t0=False)
    assert rows_of(tmp_path / "a.es") == sample.rows()


@pytest.mark.parametrize("salvage", [False, True])
@pytest.mark.parametrize(
    ("name", "count", "last_us", "size", "on"),
    [
        ("dvs.es", 473_225, 999_000, (320, 240), 0.5706),
        ("EED_what_is_background_events.es", 271_264, 260_098, (190, 180), 0.4984),
    ],
)
def test_real_files(
    shared_data: Path, name: str, count: int, last_us: int, size: tuple[int, int], on: float, salvage: bool
) -> None:
    events = load(shared_data / "vendor" / name, salvage=salvage).events
    assert len(events) == count
    assert (events.t_us[0], events.t_us[-1]) == (0, last_us)
    assert (events.width, events.height) == size
    assert round(float(events.polarity.mean()), 4) == on


def test_a_real_file_equals_faery(shared_data: Path) -> None:
    faery = pytest.importorskip("faery")
    path = shared_data / "vendor" / "dvs.es"
    theirs, ours = np.concatenate(list(faery.events_stream_from_file(path))), load(path).events
    for column, name in ((ours.x, "x"), (ours.y, "y"), (ours.t_us, "t"), (ours.polarity, "on")):
        np.testing.assert_array_equal(column, theirs[name])
