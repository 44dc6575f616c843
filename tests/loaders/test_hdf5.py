"""Events in HDF5 in other layouts than those of data sets: v2e's table, fields, other names, and what is left open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from efields.errors import InputError
from efields.loaders import find, load, open_events

RNG = np.random.default_rng(0)
N = 3000
X, Y, P = RNG.integers(0, 60, N), RNG.integers(0, 48, N), RNG.integers(0, 2, N)
T = np.sort(RNG.integers(0, 100_000, N)) + 7


def structured(**types: str) -> np.ndarray:
    array = np.zeros(N, dtype=list(types.items()))
    for name, column in zip(types, (X, Y, T, P), strict=True):
        array[name] = column
    return array


@pytest.mark.parametrize(
    ("datasets", "kind"),
    [
        ({"events": np.stack([T, X, Y, P * 2 - 1], 1).astype(np.uint32)}, "hdf5"),  # v2e: -1 without a sign
        ({"events": np.stack([T, X, Y, P], 1), "frame": np.zeros((3, 4, 5))}, "hdf5"),
        ({"events": np.stack([T * 1e-6, X, Y, P * 2 - 1], 1)}, "hdf5"),
        ({"dvs/data": np.stack([X, Y, T, P], 0).astype(np.int32)}, "hdf5"),
        ({"events": structured(x="u2", y="u2", t="i8", p="i1")}, "hdf5"),
        ({"recording/events": structured(xaddr="u2", yaddr="u2", timestamp_us="u4", polarity="?")}, "hdf5"),
        ({"CD/events": np.stack([X, Y, P, T], 1)}, "hdf5"),
        ({"e/col": X, "e/row": Y, "e/timestamps": T, "e/pol": (P * 2 - 1).astype(np.int8).view(np.uint8)}, "hdf5"),
        ({"events/xs": X, "events/ys": Y, "events/ts": T * 1e-6, "events/ps": P == 1}, "dsec"),  # event_utils
        ({"x": X, "y": Y, "t": T, "p": (P * 2 - 1).astype(np.int16).view(np.uint16)}, "dsec"),
    ],
)
def test_layouts(datasets: dict[str, np.ndarray], kind: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, values in datasets.items():
            file[name] = values
    assert find(tmp_path / "a.h5") == kind
    events = load(tmp_path / "a.h5").events
    for found, wanted in ((events.x, X), (events.y, Y), (events.t_us, T), (events.polarity, P == 1)):
        np.testing.assert_array_equal(found, wanted)


def test_unknown_layouts_are_listed_and_columns_can_be_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a/table"] = np.stack([Y, X, P, T, T], 1)
        file["b"] = np.zeros(7)
    with pytest.raises(InputError) as caught:
        load(tmp_path / "a.h5")
    said = str(caught.value)
    assert "it contains 'a.table' (3000 x 5 int64), 'b' (7 float64)" in said
    assert "--option key=NAME" in said and "--option columns='t x y p'" in said and "\n" not in said
    events = load(tmp_path / "a.h5", key="a.table", columns="y x p t -").events
    np.testing.assert_array_equal(events.x, X)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["events"] = structured(a="u2", b="u2", c="i8", d="i1")
    with pytest.raises(InputError, match=r"'events' \(3000 of a, b, c, d\)"):
        load(tmp_path / "b.h5")
    np.testing.assert_array_equal(load(tmp_path / "b.h5", columns="x y t p").events.y, Y)


@pytest.mark.parametrize(
    "attributes",
    [
        {"width": 346, "height": 260},
        {"geometry": "346x260"},
        {"sensor_resolution": np.array([260, 346])},
        {"resolution": np.array([346, 260])},
    ],
)
@pytest.mark.parametrize("place", ["/", "events"])
def test_attributes_say_the_size(attributes: dict[str, Any], place: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["events"] = np.stack([T, X, Y, P], 1)
        file[place].attrs.update(attributes)
    opened = open_events(tmp_path / "a.h5")
    assert (opened.width, opened.height, opened.size_assumed) == (346, 260, False)


def test_what_inflates_as_no_recording_does_is_refused(tmp_path: Path) -> None:
    count = 1 << 26
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, kind in {"x": "u2", "y": "u2", "t": "u4", "p": "u1"}.items():
            made = file.create_dataset(f"events/{name}", (count,), kind, chunks=(1 << 22,), compression="gzip")
            packed = made.id.write_direct_chunk
            import zlib

            zeros = zlib.compress(bytes((1 << 22) * np.dtype(kind).itemsize))
            for first in range(0, count, 1 << 22):
                packed((first,), zeros)
    with pytest.raises(InputError, match=r"decompresses from \d\.\d MB to 604 MB, which no recording does"):
        load(tmp_path / "a.h5")
