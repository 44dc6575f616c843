"""Times near the ends of 64 bits are one line of their own in every reader, which names the time and the row."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from efields.errors import InputError
from efields.loaders import load
from tests.contracts.samples import aedat

X = np.arange(50) % 6


def text(path: Path, t: np.ndarray) -> Path:
    rows = zip(t.tolist(), X.tolist(), strict=True)
    path.with_suffix(".csv").write_text("t,x,y,p\n" + "".join(f"{time},{x},{x},1\n" for time, x in rows))
    return path.with_suffix(".csv")


def arrays(path: Path, t: np.ndarray) -> Path:
    np.savez(path.with_suffix(".npz"), t=t, x=X, y=X, p=X % 2)
    return path.with_suffix(".npz")


def rows(path: Path, t: np.ndarray) -> Path:
    np.save(path.with_suffix(".npy"), np.stack([X, X, t, X % 2], axis=1))
    return path.with_suffix(".npy")


def hdf5(path: Path, t: np.ndarray) -> Path:
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        for name, column in (("x", X), ("y", X), ("t", t), ("p", X % 2)):
            file[f"events/{name}"] = column
    return path.with_suffix(".h5")


def packets(path: Path, t: np.ndarray) -> Path:
    content = aedat.aedat4_header() + aedat.aedat4_packet(0, aedat.aedat4_events(X, X, t, X % 2))
    path.with_suffix(".aedat4").write_bytes(content)
    return path.with_suffix(".aedat4")


@pytest.mark.parametrize("far", [2**63 - 1, 2**62, -(2**62)])
@pytest.mark.parametrize("write", [text, arrays, rows, hdf5, packets])
def test_a_time_that_is_none_is_named(write, far: int, tmp_path: Path) -> None:
    t = np.arange(50) * 1000
    t[40:] = far
    path = write(tmp_path / "events", t)
    with pytest.raises(InputError, match=rf"(row 40|line 42).*{far:,} us|{far:,} us.*row 40") as error:
        load(path)
    assert "years from zero" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("write", [text, arrays, rows, packets])
def test_salvage_leaves_such_events_out(write, tmp_path: Path) -> None:
    t = np.arange(50) * 1000
    t[40:] = 2**63 - 1
    recording = load(write(tmp_path / "events", t), salvage=True)
    np.testing.assert_array_equal(recording.events.t_us, t[:40])
    assert any("lost 10 events" in note for note in recording.notes)
