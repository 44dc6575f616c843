"""evbench: the MATLAB columns, their units, what is assumed; and the real sequence."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from efields.errors import InputError
from efields.loaders import find, load
from tests.contracts.samples.folders import event_columns
from tests.contracts.samples.nerf_layouts import evbench


def test_columns_are_read_as_written(tmp_path: Path) -> None:
    events = load(evbench(tmp_path / "bench")).events
    x, y, t_ns, polarity = event_columns()
    np.testing.assert_array_equal(events.x, x)
    np.testing.assert_array_equal(events.y, y)
    np.testing.assert_array_equal(events.t_us, t_ns // 1000)
    np.testing.assert_array_equal(events.polarity, polarity)
    assert (events.width, events.height) == (240, 180)


def test_what_is_assumed_is_said(tmp_path: Path) -> None:
    recording = load(evbench(tmp_path / "bench"))
    said = " ".join(recording.notes)
    assert "Intrinsics are assumed: fx 196.7, fy 197.8, centre 120, 90." in said
    assert "no poses" in said
    assert "2 frames were left out" in said
    assert (recording.trajectory, recording.frames) == (None, None)
    assert load(recording.path or tmp_path, fx=200.0).calibrated.fx == 200.0


def test_two_sequences_are_told_apart_by_an_option(tmp_path: Path) -> None:
    bench = evbench(tmp_path / "bench")
    shutil.copy(bench / "seq_0001_e.mat", bench / "seq_0002_e.mat")
    with pytest.raises(InputError, match="found: seq_0001, seq_0002"):
        load(bench)
    assert load(bench, sequence="seq_0002").name == "seq_0002"


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    bench = evbench(tmp_path / "bench")
    scipy.io.savemat(bench / "seq_0001_e.mat", {"x": [1, 2], "y": [2, 3], "pol": [1, 0]})
    with pytest.raises(InputError, match="lacks the column 'ts'"):
        load(bench)


def test_cut_anywhere_it_is_one_clear_line(tmp_path: Path) -> None:
    bench = evbench(tmp_path / "bench")
    file = bench / "seq_0001_e.mat"
    whole = file.read_bytes()
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        with pytest.raises(InputError, match=r"seq_0001_e\.mat"):
            load(bench, "evbench")


def test_the_real_sequence(shared_data: Path) -> None:
    assert find(shared_data / "evbench") == "evbench"
    recording = load(shared_data / "evbench")
    events = recording.events
    assert len(events) == 132_784
    assert events.duration_s == pytest.approx(1.069, abs=1e-3)
    assert int(events.x.max()) == 189
    assert float(events.polarity.mean()) == pytest.approx(0.2992, abs=1e-4)
