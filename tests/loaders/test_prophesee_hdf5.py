"""Prophesee HDF5: tables by h5py, compressions, and damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.formats.hdf5 import helper_process as hdf5_helper
from efields.loaders import load, open_events
from tests.contracts.samples import prophesee as sample

KIND = "prophesee_hdf5"
COLUMNS = [("x", "<u2"), ("y", "<u2"), ("p", "<i2"), ("t", "<i8")]


def write(path: Path, count: int = 2000, geometry: str = "8x6", **options: Any) -> np.ndarray:
    rng = np.random.default_rng(0)
    table = np.zeros(count, COLUMNS)
    table["x"], table["y"], table["p"] = (
        rng.integers(8, size=count),
        rng.integers(6, size=count),
        rng.integers(2, size=count),
    )
    table["t"] = np.cumsum(rng.integers(0, 50, count))
    with h5py.File(path, "w") as file:
        if geometry:
            file.attrs["geometry"] = geometry
        file.create_dataset("CD/events", data=table, **options)
        file.create_dataset("CD/indexes", data=np.zeros(3, [("id", "<u8"), ("ts", "<i8")]))
    return table


OPTIONS = [{}, {"chunks": (300,), "compression": "gzip"}, {"chunks": (256,), **hdf5plugin.Blosc("zstd")}]


@pytest.mark.parametrize("options", OPTIONS, ids=["contiguous", "gzip", "blosc"])
def test_tables_however_compressed(options: dict[str, Any], tmp_path: Path) -> None:
    table = write(tmp_path / "a.h5", **options)
    events = load(tmp_path / "a.h5").events
    assert (events.width, events.height) == (8, 6)
    for column, name in ((events.x, "x"), (events.y, "y"), (events.t_us, "t"), (events.polarity, "p")):
        np.testing.assert_array_equal(column, table[name])


def test_triggers(tmp_path: Path) -> None:
    triggers = load(sample.prophesee_hdf5(tmp_path / "a")).triggers
    assert triggers is not None
    assert (triggers.t_us.tolist(), triggers.rising.tolist()) == ([1_200_000, 1_300_000], [True, False])


def test_prophesees_own_compression_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", chunks=(300,))
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["CD/events"]
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((300,))
        creation.set_filter(0x8ECF, h5py.h5z.FLAG_OPTIONAL)
        kind = h5py.h5t.py_create(np.dtype(COLUMNS))
        h5py.h5d.create(file["CD"].id, b"events", kind, h5py.h5s.create_simple((2000,)), creation)
    with pytest.raises(InputError, match=r"ECF \(0x8ecf\).*HDF5_PLUGIN_PATH"):
        load(tmp_path / "a.h5")


def test_a_missing_size_is_taken_from_the_events(tmp_path: Path) -> None:
    write(tmp_path / "a.h5", geometry="")
    assert "34 x 34 is assumed from the largest coordinates" in open_events(tmp_path / "a.h5").notes[0]
    file = open_events(tmp_path / "a.h5", width=8, height=6)
    assert (file.width, file.height, file.notes) == (8, 6, ())


@pytest.mark.parametrize(("offset", "value"), [(24, 2**64 - 16), (8, 0), (8, 2**62)], ids=["object", "none", "vast"])
def test_a_damaged_heap_is_told_and_no_loop_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offset: int, value: int
) -> None:
    monkeypatch.setattr(hdf5_helper, "SECONDS", 0.3)
    path = tmp_path / "a.h5"
    write(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"GCOL")
    data[at + offset : at + offset + 8] = value.to_bytes(8, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="geometry, the sensor's size, is damaged"):
        load(path)
    assert len(load(path, salvage=True).events) == len(load(path, width=8, height=6).events) == 2000


def test_a_broken_chunk_is_lost_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    table = write(path, chunks=(300,), fletcher32=True)
    with h5py.File(path) as file:
        at = file["CD/events"].id.get_chunk_info(2).byte_offset  # type: ignore[union-attr]
    data = bytearray(path.read_bytes())
    data[at + 100] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="in row 600"):
        load(path)
    damages = Damages(path, salvage=True)
    columns = EventColumns.concat(list(open_events(path).events(damages)))
    assert damages.lost_events == 300
    np.testing.assert_array_equal(columns.t_us, np.delete(table["t"], slice(600, 900)))


def test_a_block_smaller_than_its_checksum_does_not_crash(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, chunks=(500,), fletcher32=True)
    with h5py.File(path) as file:
        found = file["CD/events"].id.get_chunk_info(1)  # type: ignore[union-attr]
    # The node of the tree that says where blocks are: bytes (u32), filter mask (u32), row (u64).
    key = found.size.to_bytes(4, "little") + bytes(4) + (500).to_bytes(8, "little")
    data = path.read_bytes()
    assert data.count(key) == 1
    path.write_bytes(data.replace(key, (2).to_bytes(4, "little") + key[4:]))
    for salvage in (False, True):
        with pytest.raises(InputError, match="a block has 2 bytes, fewer than its checksum"):
            load(path, salvage=salvage)


def test_rows_that_were_never_written_are_not_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["geometry"] = "8x6"
        file.create_dataset("CD/events", shape=(1 << 50,), dtype=COLUMNS, chunks=(1000,))
        file["CD/events"][:3] = np.array([(1, 2, 1, 5)], COLUMNS)  # type: ignore[index]
    with pytest.raises(InputError, match="never written in row 1,000"):
        load(tmp_path / "a.h5")
    assert len(load(tmp_path / "a.h5", salvage=True).events) == 1000


def test_cut_at_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write(path, count=50, chunks=(10,), compression="gzip")
    data = path.read_bytes()
    for length in range(0, len(data), 61):
        path.write_bytes(data[:length])
        for salvage in (False, True):
            with pytest.raises(InputError):
                load(path, KIND, salvage=salvage)


def test_other_tables_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["CD/events"] = np.zeros((5, 4))
    with pytest.raises(InputError, match="contains no table /CD/events"):
        load(tmp_path / "a.h5", KIND)
