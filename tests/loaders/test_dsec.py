"""DSEC's layout: offsets, frames, sizes, other types of columns, wraps, and every kind of damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import imageio.v3 as iio
import numpy as np
import pytest

from efields.geometry.camera import Camera
from efields.loaders import find, load
from tests.contracts.samples.data_sets import dsec
from tests.loaders.hdf5 import check_events, raises


def test_dsec_adds_t_offset_and_reads_the_raw_camera(tmp_path: Path) -> None:
    recording = load(dsec(tmp_path / "thun_00_a"))
    check_events(recording)
    assert recording.camera == Camera(8, 6, 10.0, 11.0, 3.5, 2.5, "plumb_bob", (-0.1, 0.01, 0.001, -0.002))
    assert recording.name == "thun_00_a"
    assert recording.trajectory is None
    assert any("rectify_map.h5" in note for note in recording.notes)
    assert any("2 frames were not read" in note for note in recording.notes)


def test_dsec_frames_are_as_stored_in_the_middle_of_their_exposure(tmp_path: Path) -> None:
    root = dsec(tmp_path / "seq")
    frames = load(root, frames="all").unposed_frames
    assert frames is not None
    assert frames.t_us.tolist() == [1_201_000, 1_701_000]
    assert frames.image.dtype == np.uint8
    raw = iio.imread(root / "images/left/rectified/000001.png")
    np.testing.assert_array_equal(frames.image[1, ..., 0], raw)
    (root / "images/left/exposure_timestamps.txt").unlink()
    part = load(root, frames="during_events", stop_s=0.5)
    assert part.unposed_frames is not None
    assert part.unposed_frames.t_us.tolist() == [1_200_000]
    (root / "images/timestamps.txt").write_text("1200000\n")
    raises(root, "has 1 times for 2 frames", frames="all")


def test_dsec_the_file_finds_its_folder_and_a_lone_file_needs_none(tmp_path: Path) -> None:
    root = dsec(tmp_path / "seq")
    inside = load(root / "events/left/events.h5")
    assert inside.camera is not None
    lone = tmp_path / "lone.h5"
    lone.write_bytes((root / "events/left/events.h5").read_bytes())
    recording = load(lone)
    check_events(recording)
    assert recording.camera is None
    assert (recording.events.width, recording.events.height) == (34, 34)
    assert any("34 x 34 is assumed from the largest coordinates" in note for note in recording.notes)
    assert load(lone, width=8, height=6).events.width == 8
    raises(lone, "outside the 7 x 6 sensor", width=7, height=6)
    kept = load(lone, width=7, height=6, salvage=True)
    assert any(f"lost {40 - len(kept.events)} events" in note for note in kept.notes)
    raises(root, "contains no events/right/events.h5; set camera to 'left'", camera="right")
    (root / "calibration/cam_to_cam.yaml").unlink()
    assert (load(root).events.width, load(root).events.height) == (640, 480)
    raises(inside.path.parent, "no events/left/events.h5", kind="dsec")  # type: ignore[union-attr]


@pytest.mark.parametrize("names", [("x", "y", "t", "p"), ("events/xs", "events/ys", "events/ts", "events/ps")])
def test_other_types_of_columns(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = tmp_path / "e.h5"
    with h5py.File(path, "w") as file:
        columns = ([1, 2, 3], [0.0, 4.0, 5.0], [0.5, 0.5000012, 2.0], [-1, 1, -1])
        for name, column in zip(names, columns, strict=True):
            file[name] = np.array(column)
        file.attrs["sensor_resolution"] = np.array([20, 30])
    assert find(path) == "dsec"
    events = load(path).events
    assert events.t_us.tolist() == [500_000, 500_001, 2_000_000]
    assert events.polarity.tolist() == [False, True, False]
    assert (events.width, events.height) == (30, 20)
    assert load(path, time_unit="us").events.t_us.tolist() == [0, 1, 2]


def columns_file(path: Path, **changed: Any) -> Path:
    columns = {"x": [1, 2, 3, 4], "y": [1, 2, 3, 4], "t": [10, 20, 30, 40], "p": [0, 1, 0, 1]} | changed
    with h5py.File(path, "w") as file:
        for name, column in columns.items():
            file[f"events/{name}"] = np.array(column)
    return path


@pytest.mark.parametrize(
    ("changed", "says", "left"),
    [
        ({"x": [1, -2, 3, 4]}, "not a whole pixel from 0 to 65535 in row 1", [10, 30, 40]),
        ({"y": [1, 2, 70000, 4]}, "not a whole pixel from 0 to 65535 in row 2", [10, 20, 40]),
        ({"y": [1, 2, 3.5, 4]}, "not a whole pixel", [10, 20, 40]),
        ({"t": [10.0, np.nan, 30, 40]}, "not a number of microseconds in row 1", [10_000_000, 30_000_000, 40_000_000]),
        ({"p": [0, 1, 2, 1]}, "a polarity is not one of 0 and 1, or of -1 and 1 in row 2", [10, 20, 40]),
        ({"p": [0, 1, -1, 1]}, "a polarity is not one of 0 and 1, or of -1 and 1 in row 2", [10, 20, 40]),
        ({"p": [0, 1, 0]}, "the columns differ in length in row 3", [10, 20, 30]),
    ],
)
def test_bad_values(tmp_path: Path, changed: dict[str, Any], says: str, left: list[int]) -> None:
    path = columns_file(tmp_path / "e.h5", **changed)
    raises(path, says, width=10, height=10)
    kept = load(path, width=10, height=10, salvage=True)
    assert kept.events.t_us.tolist() == left
    assert any("lost 1 events" in note for note in kept.notes)


def test_32_bit_times_that_wrap(tmp_path: Path) -> None:
    top = (1 << 32) - 1
    t = np.array([top - 5, top, 3, top - 1, 9, 1 << 31, top, 4], dtype=np.uint32)
    path = columns_file(tmp_path / "e.h5", x=[1] * 8, y=[1] * 8, t=t, p=[1] * 8)
    turn = 1 << 32
    want = [top - 5, top, turn + 3, top - 1, turn + 9, turn + (1 << 31), turn + top, 2 * turn + 4]
    assert load(path).events.t_us.tolist() == sorted(want)


def test_a_block_that_was_not_written_or_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "e.h5"
    with h5py.File(path, "w") as file:
        for name in "xytp":
            column = file.create_dataset(f"events/{name}", (64,), "u4", chunks=(16,), compression="gzip")
            column[:32] = np.arange(32) if name == "t" else 1
    raises(path, "blocks of the events were never written in row 32")
    assert len(load(path, salvage=True).events) == 32
    with h5py.File(path, "r+") as file:
        for name in "xytp":
            file[f"events/{name}"][:] = np.arange(64) if name == "t" else 1
        where = file["events/x"].id.get_chunk_info(1)
    data = bytearray(path.read_bytes())
    data[where.byte_offset : where.byte_offset + where.size] = bytes(where.size)
    path.write_bytes(data)
    raises(path, "'/events/x' cannot be read .* in row 16")
    kept = load(path, salvage=True)
    assert kept.events.t_us.tolist() == [*range(16), *range(32, 64)]
    assert any("lost 16 events" in note for note in kept.notes)


def test_a_claim_of_more_events_than_bytes_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "e.h5"
    with h5py.File(path, "w") as file:
        for name in "xytp":
            file.create_dataset(f"events/{name}", (1 << 45,), "u2", chunks=(1 << 10,))
    raises(path, "never written in row 0", width=9, height=9)
    raises(path, "contains no events", width=9, height=9, salvage=True)


def test_slices_are_half_open_from_the_first_event(tmp_path: Path) -> None:
    root = dsec(tmp_path / "seq")
    t = load(root).events.t_us
    part = load(root, start_s=0.25, stop_s=0.75).events.t_us
    np.testing.assert_array_equal(part, t[(t >= t[0] + 250_000) & (t < t[0] + 750_000)])
    assert load(root, stop_s=(t[-1] - t[0]) * 1e-6).events.t_us[-1] < t[-1]
    raises(root, "contains no events", start_s=5.0)


def test_truncated_at_every_byte(tmp_path: Path) -> None:
    path = columns_file(tmp_path / "e.h5")
    whole = path.read_bytes()
    for end in range(0, len(whole), 13):
        path.write_bytes(whole[:end])
        raises(path, "e.h5: (is empty|cannot be read as HDF5)", "dsec")
