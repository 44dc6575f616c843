"""Folders of numbered .npz files: their order, empty ones, one open at a time, and files that do not go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.formats.arrays import npz as arrays
from efields.formats.damages import Damages
from efields.loaders import find, load, open_events
from efields.loaders import npz_folder as loader

T = np.sort(np.random.default_rng(0).integers(0, 400_000, 4000)) + 7


def write(folder: Path, counts: list[int], times: np.ndarray = T) -> Path:
    (folder / "events").mkdir(parents=True)
    first = 0
    for number, count in enumerate(counts):
        t = times[first : first + count]
        columns = {"x": t % 60, "y": t % 48, "timestamp": t, "polarity": t % 2}
        np.savez(folder / "events" / f"{number}.npz", **columns)  # type: ignore[arg-type]
        first += count
    return folder


def test_files_are_joined_by_their_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "a", [0, 7, 993, 0, 1000, 300, 300, 300, 300, 300, 300, 200])  # 10 comes after 9
    assert find(path) == find(path / "events") == "npz_folder"
    np.testing.assert_array_equal(load(path).events.t_us, T)
    assert "12 files in the order of their numbers" in load(path).notes[0]


def test_only_the_file_that_is_read_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a", [4000, *[0] * 40])
    seen: list[str] = []
    sources = loader.npz_sources
    monkeypatch.setattr(loader, "npz_sources", lambda file: (seen.append(file.name), sources(file))[1])
    opened = open_events(path, width=64, height=48)
    assert set(seen) == {"0.npz"}  # it alone tells columns and unit
    next(opened.events(Damages(path)))
    assert set(seen) == {"0.npz"}


def test_times_that_start_anew_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a", [2000, 2000], np.concatenate([T[:2000] + 10**6, T[2000:]]))
    with pytest.raises(InputError, match=r"1\.npz: its times begin before those of the file before it"):
        load(path)


def test_damage_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a", [2000, 2000])
    broken = path / "events" / "1.npz"
    broken.write_bytes(broken.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"1\.npz: is not a complete .npz archive"):
        load(path)
    with pytest.raises(InputError, match=r"contains no numbered .npz files"):
        load(tmp_path, "npz_folder")


def test_an_archive_that_inflates_as_no_recording_does_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_MOST_INFLATED", 1 << 20)
    zeros = np.zeros(1 << 22, np.uint16)
    np.savez_compressed(tmp_path / "a.npz", x=zeros, y=zeros, t=zeros, p=zeros)
    with pytest.raises(InputError, match=r"decompresses from 0\.0 MB to 34 MB, which no recording does; copy it again"):
        load(tmp_path / "a.npz")
