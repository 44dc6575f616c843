"""efields' own events: mapped, exact, refused in one line when damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.events import scratch
from efields.events.columns import EventColumns, in_chunks
from efields.events.side_streams import Frames, Imu, SideStreams, Triggers
from efields.formats.own_folder.events import read_events, write_events
from efields.geometry.camera import Camera
from efields.loaders import find, load
from efields.recordings.event_file import EventFile
from efields.recordings.gathering import recording_of
from efields.writers import About
from efields.writers import recording as writer


@pytest.fixture(autouse=True)
def scratch_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EFIELDS_SCRATCH", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


def made_up(n: int = 1000) -> EventColumns:
    rng = np.random.default_rng(1)
    t_us = np.sort(rng.integers(0, 10**6, n)) + 2**40
    return EventColumns.of(rng.integers(0, 40, n), rng.integers(0, 30, n), t_us, rng.random(n) < 0.5)


def test_events_come_back_mapped(tmp_path: Path) -> None:
    columns = made_up()
    assert write_events(in_chunks(columns, 77), tmp_path / "events.h5", 40, 30) == 1000
    stream = read_events(tmp_path / "events.h5")
    for name, column in zip(("x", "y", "t_us", "polarity"), columns, strict=True):
        held = getattr(stream, name)
        np.testing.assert_array_equal(held, column)
        assert held.dtype == column.dtype
        base = held
        while base is not None and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap), name


def test_a_cut_file_is_refused_at_every_length(tmp_path: Path) -> None:
    path = tmp_path / "events.h5"
    write_events(in_chunks(made_up(50)), path, 40, 30)
    whole = path.read_bytes()
    for length in range(0, len(whole), 13):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"events\.h5"):
            read_events(path)


def test_a_failed_conversion_leaves_nothing(tmp_path: Path, scratch_here: Path) -> None:
    def breaks():
        yield made_up()
        raise InputError("broken off")

    with pytest.raises(InputError, match="broken off"):
        writer.write(breaks(), tmp_path / "out", About(40, 30))
    with pytest.raises(InputError, match="no events are left"):
        writer.write(iter(()), tmp_path / "out", About(40, 30))
    assert [path for path in tmp_path.iterdir() if path != scratch_here] == []
    assert not any(scratch_here.iterdir())


def test_a_converted_recording_holds_everything(tmp_path: Path) -> None:
    columns, camera = made_up(), Camera(40, 30, 50.0, 51.0, 19.0, 14.0)
    frames = Frames(np.arange(2 * 30 * 40, dtype=np.uint8).reshape(2, 30, 40, 1), np.array([2**40, 2**40 + 9]), 255.0)
    imu = Imu(np.array([2**40]), np.ones((1, 3)), np.full((1, 3), 9.81))
    triggers = Triggers(np.array([2**40 + 5]), np.array([True]))
    about = About(40, 30, SideStreams(imu, frames, triggers), camera)
    for _ in range(2):  # the second replaces the first
        assert writer.write(in_chunks(columns), tmp_path / "out", about) == 1000
    assert find(tmp_path / "out") == "robust_enerf"
    back = load(tmp_path / "out")
    assert back.camera == camera
    assert back.unposed_frames is not None and back.imu is not None and back.triggers is not None
    np.testing.assert_array_equal(back.unposed_frames.image, frames.image)
    np.testing.assert_array_equal(back.unposed_frames.t_us, frames.t_us)
    np.testing.assert_array_equal(back.imu.acceleration, imu.acceleration)
    np.testing.assert_array_equal(back.triggers.t_us, triggers.t_us)
    np.testing.assert_array_equal(back.events.t_us, columns.t_us)


def test_what_is_in_the_way_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(InputError, match="not a converted recording"):
        writer.write(in_chunks(made_up()), tmp_path / "mine", About(40, 30))
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_more_events_than_fit_are_gathered_in_files(
    tmp_path: Path, scratch_here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = made_up()
    file = EventFile("made up", tmp_path / "x.raw", 40, 30, lambda _: in_chunks(columns, 50))
    in_memory = recording_of(file).events
    monkeypatch.setattr(scratch, "IN_MEMORY", 300)
    in_files = recording_of(file).events
    assert any(scratch_here.iterdir())
    for name in ("x", "y", "t_us", "polarity"):
        np.testing.assert_array_equal(getattr(in_files, name), getattr(in_memory, name))
    del in_files
    assert not any(scratch_here.iterdir())
