"""Events in .npz, .npy and .mat files: names, tables, structs, units, damage, and the real .mat files."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.arrays import npy_rows
from efields.formats.arrays import places as array_places
from efields.formats.damages import Damages
from efields.loaders import find, load, open_events

RNG = np.random.default_rng(0)
N = 300
X, Y = RNG.integers(0, 100, N), RNG.integers(0, 90, N)
T = np.sort(RNG.integers(1_000_000, 2_000_000, N))
P = RNG.integers(0, 2, N)


def check(path: Path, **options: Any) -> tuple[str, ...]:
    recording = load(path, **options)
    for name, column in (("x", X), ("y", Y), ("t_us", T), ("polarity", P == 1)):
        np.testing.assert_array_equal(getattr(recording.events, name), column)
    return recording.notes


def structured(**types: str) -> np.ndarray:
    array = np.zeros(N, dtype=list(types.items()))
    for name, column in zip(types, (X, Y, T, P), strict=True):
        array[name] = column
    return array


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize(
    "arrays",
    [
        {"x": X, "y": Y, "t": T, "p": P},
        {"xs": X.astype(np.float64), "ys": Y, "ts": T / 1e6, "ps": P * 2 - 1},
        {"x": X[:, None], "y": Y[None], "timestamps_ns": T * 1000, "pol": P == 1, "other": np.zeros(7)},
        {"position": np.stack([X, Y], 1), "timestamp_ns": T * 1000, "polarity": P == 1},
        {"events": np.stack([T / 1e6, X, Y, P], 1)},
        {"events": np.stack([X, Y, T, P * 2 - 1], 1).astype(np.int32)},
        {"events": np.asfortranarray(np.stack([X, Y, P, T], 1))},
        {"arr_0": np.stack([X, Y, T, P], 0)},
        {"events": structured(x="u2", y="u2", t="i8", p="i1"), "width": np.array(240), "height": np.array(180)},
    ],
)
def test_npz(arrays: dict[str, np.ndarray], compress: bool, tmp_path: Path) -> None:
    (np.savez_compressed if compress else np.savez)(tmp_path / "e.npz", **arrays)
    assert find(tmp_path / "e.npz") == "npz"
    check(tmp_path / "e.npz")
    file = open_events(tmp_path / "e.npz")
    assert (file.width, file.height) == ((240, 180) if "width" in arrays else (128, 128))


def test_npz_in_many_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy_rows, "CHUNK", 7)
    monkeypatch.setattr(array_places, "CHUNK", 7)
    np.savez(tmp_path / "e.npz", x=X, y=Y, t=T, p=P)
    chunks = list(open_events(tmp_path / "e.npz").events(Damages(tmp_path / "e.npz")))
    assert len(chunks) == -(-N // 7)
    np.testing.assert_array_equal(EventColumns.concat(chunks).t_us, T)


def test_what_is_left_open_is_said(tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    np.savez(path, events=np.stack([X, Y, T, P], 1), more_events=np.zeros((N, 4)), data=np.stack([X, Y, T, P], 1))
    with pytest.raises(InputError, match="events more than once: events, data; choose one with --option key=NAME"):
        load(path)
    check(path, key="data")
    with pytest.raises(InputError, match=r"contains no 'dat'; it contains 'events' .300 x 4 int64."):
        load(path, key="dat")
    np.savez(path, events=np.stack([X, Y, T, P, P], 1))
    with pytest.raises(InputError, match="has 5 columns without names"):
        load(path)
    check(path, columns="x y t p -")
    np.savez(path, x=X, y=Y, t=T[:-1], p=P)
    with pytest.raises(InputError, match="no arrays x, y, t and p of equal length"):
        load(path)


def test_values_that_are_no_events(tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    x, t, p = X.astype(np.float64), T / 1e6, P.copy()
    x[3], t[5], p[7] = 4.5, np.nan, 3
    np.savez(path, x=x, y=Y, t=t, p=p)
    with pytest.raises(InputError, match=r"not a whole number .* in row 3"):
        load(path)
    recording = load(path, salvage=True)
    assert recording.events.t_us.tolist() == np.delete(T, [3, 5, 7]).tolist()
    assert any("lost 3 events" in note for note in recording.notes)


def test_objects_are_never_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", x=X, y=Y, t=T, p=np.array([object()] * N))
    np.save(tmp_path / "e.npy", np.array([object()] * N))
    for name in ("e.npz", "e.npy"):
        with pytest.raises(InputError, match="objects"):
            load(tmp_path / name, name[2:])


def test_a_member_with_a_wrong_checksum(tmp_path: Path) -> None:
    path = tmp_path / "e.npz"
    x, y, t, p = (np.tile(column, 2000) for column in (X, Y, T, P))
    np.savez(path, x=x, y=y, t=np.sort(t), p=p)
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("y.npy").header_offset
    data = bytearray(path.read_bytes())
    data[at + 1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"'y.npy' is damaged .Bad CRC-32"):
        load(path)
    recording = load(path, salvage=True)
    assert 500_000 < len(recording.events) < len(x)  # nothing says where the damage is but the last piece's check
    assert any(f"lost {len(x) - len(recording.events):,} events" in note for note in recording.notes)


@pytest.mark.parametrize(
    "array",
    [
        np.stack([T / 1e6, X, Y, P], 1),
        np.stack([X, Y, T, P], 1).astype("<i4"),
        np.asfortranarray(np.stack([X, Y, T, P], 1)),
        np.stack([X, Y, T, P], 0),
        structured(x=">u2", y="<u2", t="<i8", p="?"),
    ],
)
def test_npy(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "e.npy", array)
    assert find(tmp_path / "e.npy") == "npy"
    check(tmp_path / "e.npy")


def test_npy_cut_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "e.npy"
    held = io.BytesIO()
    np.save(held, structured(x="u2", y="u2", t="i8", p="i1")[:40])
    data = held.getvalue()
    start = len(data) - 40 * 13
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(InputError, match=r"e\.npy: "):
            load(path, "npy")
        try:
            found = load(path, "npy", salvage=True).events
        except InputError:
            continue
        assert found.t_us.tolist() == T[: (size - start) // 13].tolist()
    path.write_bytes(data + b"12")
    with pytest.raises(InputError, match=f"leftover bytes at the end at byte {len(data):,}"):
        load(path)
    assert len(load(path, salvage=True).events) == 40


def column(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64)[:, None]


MATLAB = [
    {"x": column(X), "y": column(Y), "ts": column(T), "pol": column(P)},
    {"TD": {"x": column(X), "y": column(Y), "p": column(P * 2 - 1), "ts": column(T)}, "note": "hello"},
    {"data": {"left": {"x": column(X), "y": column(Y), "p": column(P), "t": column(T / 1e6)}}},
    {"events": np.stack([X, Y, P * 2 - 1, T], 1).astype(np.int32), "size": np.array([[240, 180]])},
]


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("variables", MATLAB)
def test_mat(variables: dict[str, Any], compress: bool, tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "e.mat", variables, do_compression=compress)
    assert find(tmp_path / "e.mat") == "mat"
    check(tmp_path / "e.mat")


@pytest.mark.parametrize("compress", [False, True])
def test_mat_with_a_part_of_an_unknown_type_does_not_crash(compress: bool, tmp_path: Path) -> None:
    path = tmp_path / "e.mat"
    scipy.io.savemat(path, {"x": np.arange(40.0)})
    data = bytearray(path.read_bytes())
    tag = data.index((9).to_bytes(4, "little") + (320).to_bytes(4, "little"))  # the numbers: miDOUBLE, 320 bytes
    data[tag : tag + 4] = (99).to_bytes(4, "little")
    if compress:
        packed = zlib.compress(bytes(data[128:]))
        data[128:] = (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed
    path.write_bytes(data)
    with pytest.raises(InputError, match="the variable at byte 128 is damaged"):
        load(path, "mat")


def save73(path: Path, variables: dict[str, Any], chunks: bool = True) -> None:
    """As MATLAB does: HDF5 behind 512 bytes, matrices transposed."""

    def put(group: Any, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, dict):
                put(group.create_group(name), value)
            elif isinstance(value, np.ndarray):
                data = np.ascontiguousarray(value.T)
                packing = {"chunks": data.shape, "compression": "gzip"} if chunks else {}
                group.create_dataset(name, data=data, **packing)

    with h5py.File(path, "w", userblock_size=512) as file:
        put(file, variables)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


@pytest.mark.parametrize("chunks", [False, True])
@pytest.mark.parametrize("variables", MATLAB)
def test_mat_of_version_7_3(variables: dict[str, Any], chunks: bool, tmp_path: Path) -> None:
    save73(tmp_path / "e.mat", variables, chunks)
    assert find(tmp_path / "e.mat") == "mat"
    check(tmp_path / "e.mat")


def test_pixels_that_count_from_1(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "e.mat", {**MATLAB[0], "x": column(X + 1), "y": column(Y + 1)})
    check(tmp_path / "e.mat", first_pixel=1)
    assert load(tmp_path / "e.mat").events.x.min() == X.min() + 1
    assert any("first_pixel" in note for note in load(tmp_path / "e.mat").notes)


def test_mat_with_impossible_lengths_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "e.mat"
    scipy.io.savemat(path, MATLAB[0])
    data = bytearray(path.read_bytes())
    data[132:136] = b"\xff\xff\xff\x7f"
    path.write_bytes(data)
    with pytest.raises(InputError, match="truncated at byte 128"):
        load(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        load(path, "mat")


@pytest.mark.parametrize(
    ("name", "count", "end", "size"),
    [
        ("vendor/stripes.mat", 340_394, 1.198, (128, 128)),
        ("vendor/garfield.mat", 202_235, 0.738, (128, 128)),
        ("evbench/seq_0001_e.mat", 132_784, 1.069, (240, 180)),
    ],
)
def test_real_mat(name: str, count: int, end: float, size: tuple[int, int], shared_data: Path) -> None:
    path = shared_data / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    events = load(path).events
    assert len(events) == count
    assert events.duration_s == pytest.approx(end, abs=1e-3)
    assert (events.width, events.height) == size
