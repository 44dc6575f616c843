"""DSEC, MVSEC, TUM-VIE and EDS: the conventions of each, from samples written by hand. No real file is at hand."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.stream import EventStream
from efields.formats.flow_png import read_flow_png, read_png16, write_flow_png
from efields.formats.mvsec_flow import read_mvsec_flow, read_mvsec_flow_times
from efields.geometry.pose import quaternion_to_rotation
from efields.loaders import load
from efields.recordings.recording import Recording
from efields.writers import About, writer
from tests.contracts.samples.data_sets import EPOCH_US, EXTRINSIC, dsec, eds, mvsec, poses, tum_vie
from tests.contracts.samples.folders import event_columns


def check_events(events: EventStream, shift_us: int = 0) -> None:
    x, y, t_ns, polarity = event_columns()
    np.testing.assert_array_equal(events.t_us, t_ns // 1000 + shift_us)
    for held, column in ((events.x, x), (events.y, y), (events.polarity, polarity)):
        np.testing.assert_array_equal(held, column)


def matrices(recording: Recording) -> np.ndarray:
    trajectory = recording.trajectory
    assert trajectory is not None
    found = np.tile(np.eye(4), (len(trajectory), 1, 1))
    found[:, :3, :3] = quaternion_to_rotation(torch.from_numpy(trajectory.orientation)).numpy()
    found[:, :3, 3] = trajectory.position
    return found


def body_poses() -> np.ndarray:
    rows = poses(1.0)
    found = np.tile(np.eye(4), (len(rows), 1, 1))
    found[:, :3, :3] = quaternion_to_rotation(torch.from_numpy(rows[:, 4:])).numpy()
    found[:, :3, 3] = rows[:, 1:4]
    return found


def test_dsec_adds_its_offset_and_keeps_raw_pixels(tmp_path: Path) -> None:
    recording = load(dsec(tmp_path / "zurich_city_00_a"), frames="all")
    check_events(recording.events)
    camera = recording.calibrated
    assert (camera.fx, camera.distortion_model, camera.distortion[:2]) == (10.0, "plumb_bob", (-0.1, 0.01))
    assert recording.unposed_frames is not None
    # The middle of the exposure, not its stamp.
    assert recording.unposed_frames.t_us.tolist() == [1_201_000, 1_701_000]
    alone = load(tmp_path / "zurich_city_00_a" / "events" / "left" / "events.h5")
    check_events(alone.events)


def test_dsec_slices_of_time(tmp_path: Path) -> None:
    whole = load(dsec(tmp_path / "a")).events
    part = load(tmp_path / "a", start_s=0.2, stop_s=0.6).events
    since = whole.t_us - whole.t_us[0]
    np.testing.assert_array_equal(part.t_us, whole.t_us[(since >= 200_000) & (since < 600_000)])


def test_mvsec_keeps_microseconds_and_equidistant_lenses(tmp_path: Path) -> None:
    recording = load(mvsec(tmp_path / "mvsec"))
    check_events(recording.events, EPOCH_US)
    assert recording.calibrated.distortion_model == "equidistant"
    np.testing.assert_allclose(matrices(recording)[:, :3, 3], np.linspace([0, 0, -1], [1, 0.5, -1], 6), atol=1e-12)
    drifting = load(tmp_path / "mvsec", poses="odometry")
    assert not np.allclose(matrices(drifting)[:, 0, 3], matrices(recording)[:, 0, 3])
    assert recording.frames is not None
    assert len(recording.frames) == 2


def test_mvsec_in_float32_is_refused(tmp_path: Path) -> None:
    folder = mvsec(tmp_path / "mvsec")
    path = folder / "indoor_flying1_data.hdf5"
    with h5py.File(path, "r+") as file:
        rows = file["davis/left/events"][:]
        del file["davis/left/events"]
        file["davis/left/events"] = rows.astype(np.float32)
    with pytest.raises(InputError, match="not float64"):
        load(folder)


def test_mvsec_flow_is_displacement_and_zero_is_unknown(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    flow = rng.normal(size=(2, 3, 4, 2)) + 5
    flow[0, 0, 0] = 0
    flow[1, 1, 1, 0] = np.nan
    np.savez(tmp_path / "f.npz", timestamps=np.array([1.0, 1.05]), x_flow_dist=flow[..., 0], y_flow_dist=flow[..., 1])
    assert read_mvsec_flow_times(tmp_path / "f.npz").tolist() == [1_000_000, 1_050_000]
    maps = list(read_mvsec_flow(tmp_path / "f.npz"))
    valid = np.stack([found.valid for found in maps])
    assert np.argwhere(~valid).tolist() == [[0, 0, 0], [1, 1, 1]][: len(maps)]
    np.testing.assert_allclose(np.stack([found.flow for found in maps])[valid], flow[: len(maps)][valid], rtol=1e-6)


def test_tum_vie_goes_from_the_marker_to_the_camera(tmp_path: Path) -> None:
    recording = load(tum_vie(tmp_path / "tum"))
    check_events(recording.events)
    camera = recording.calibrated
    assert (camera.fx, camera.distortion_model) == (22.0, "equidistant")  # the third of four
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    T_imu_marker, T_imu_cam = np.eye(4), np.eye(4)
    T_imu_marker[:3, :3] = quarter
    T_imu_cam[1, 3] = 0.2
    expected = body_poses() @ np.linalg.inv(T_imu_marker) @ T_imu_cam
    np.testing.assert_allclose(matrices(recording), expected, atol=1e-8)
    assert recording.imu is not None
    np.testing.assert_allclose(recording.imu.gyro[0], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(recording.imu.acceleration[0], [0, 0, 9.81])


def test_eds_takes_poses_to_the_event_camera(tmp_path: Path) -> None:
    folder = eds(tmp_path / "eds")
    recording = load(folder)
    check_events(recording.events, EPOCH_US)
    assert (recording.calibrated.fx, recording.calibrated.distortion_model) == (12.0, "plumb_bob")
    T_events_frames = np.array(EXTRINSIC)
    of_frames = matrices(load(folder, poses_of="frame"))
    of_events = matrices(load(folder, poses_of="event"))
    np.testing.assert_allclose(of_events, body_poses(), atol=1e-8)
    np.testing.assert_allclose(of_frames, body_poses() @ np.linalg.inv(T_events_frames), atol=1e-8)


def png16(image: np.ndarray) -> bytes:
    """A PNG of 16-bit RGB by hand, without filters."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = image.shape[:2]
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in image)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(lines)) + part(b"IEND", b"")


def test_flow_png_is_x_y_valid_in_this_order(tmp_path: Path) -> None:
    raw = np.array([[[32768 + 128, 32768 - 256, 1], [0, 65535, 0]]], dtype=np.uint16)
    (tmp_path / "f.png").write_bytes(png16(raw))
    flow, valid = read_flow_png(tmp_path / "f.png")
    assert flow.tolist() == [[[1.0, -2.0], [0.0, 0.0]]]
    assert valid.tolist() == [[True, False]]


def test_flow_png_round_trip_and_damage(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    flow = np.round(rng.uniform(-200, 200, (12, 17, 2)) * 128).astype(np.float32) / 128
    valid = rng.random((12, 17)) < 0.7
    path = tmp_path / "f.png"
    write_flow_png(path, flow, valid)
    back, known = read_flow_png(path)
    np.testing.assert_array_equal(known, valid)
    np.testing.assert_array_equal(back[valid], flow[valid])
    assert read_png16(path).shape == (12, 17, 3)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 12, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_flow_png(path)
    with pytest.raises(InputError, match="256"):
        write_flow_png(path, np.full((2, 2, 2), 300.0, np.float32))


def test_the_dsec_writer_fills_its_index(tmp_path: Path) -> None:
    t_us = np.array([5_000_000, 5_000_400, 5_002_000, 5_004_999])
    events = EventColumns.of(np.arange(4), np.arange(4), t_us, np.array([1, 0, 1, 1]))
    path = tmp_path / "events.h5"
    assert writer("dsec").write(iter([events]), path, About(640, 480)) == 4
    with h5py.File(path) as file:
        offset, t, index = int(file["t_offset"][()]), file["events/t"][:], file["ms_to_idx"][:]
        np.testing.assert_array_equal(t.astype(np.int64) + offset, t_us)
        for ms, first in enumerate(index):
            assert first == len(t) or t[first] >= 1000 * ms
            assert first == 0 or t[first - 1] < 1000 * ms
    far = EventColumns.of(np.zeros(2), np.zeros(2), np.array([0, 2**32]), np.ones(2))
    with pytest.raises(InputError):
        writer("dsec").write(iter([far]), tmp_path / "far.h5", About(640, 480))
    assert not (tmp_path / "far.h5").exists()
