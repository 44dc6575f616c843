"""Event-camera data sets: DSEC, MVSEC, TUM-VIE and EDS, written by h5py and by hand as their pages describe them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import imageio.v3 as iio
import numpy as np

from tests.contracts.samples.folders import EVENTS, HEIGHT, POSES, WIDTH, event_columns, quaternions

EPOCH_US = 1_600_000_000_000_000
EXTRINSIC = [[0.0, -1.0, 0.0, 0.1], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.02], [0.0, 0.0, 0.0, 1.0]]


def write_columns(file: Path, group: str, t: np.ndarray, t_type: Any, offset: int | None = None) -> None:
    """The four columns, compressed with Blosc and Zstandard as DSEC's are."""
    file.parent.mkdir(parents=True, exist_ok=True)
    x, y, _, polarity = event_columns()
    with h5py.File(file, "w") as h5:
        columns = (("x", x, "u2"), ("y", y, "u2"), ("t", t, t_type), ("p", polarity, "u1"))
        for name, column, kind in columns:
            h5.create_dataset(group + name, data=column.astype(kind), chunks=(16,), **hdf5plugin.Blosc(cname="zstd"))
        if offset is not None:
            h5["t_offset"] = np.int64(offset)
            h5["ms_to_idx"] = np.searchsorted(t, np.arange(0, int(t[-1]), 1000)).astype("u8")


def frames_in(folder: Path, names: list[str]) -> None:
    """Grey frames of the sensor's size."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for name in names:
        iio.imwrite(folder / name, rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8))


def poses(unit: float, start: float = 0.0) -> np.ndarray:
    """Lines `t px py pz qx qy qz qw` from 0.9 s to 2.1 s."""
    t = start + np.linspace(0.9, 2.1, POSES) * unit
    return np.column_stack([t, np.linspace([0.0, 0.0, -1.0], [1.0, 0.5, -1.0], POSES), quaternions(POSES)])


def dsec(folder: Path) -> Path:
    """A sequence with calibration, rectification, two frames, and a flow map."""
    t = event_columns()[2] // 1000
    write_columns(folder / "events" / "left" / "events.h5", "events/", t - t[0], "u4", offset=int(t[0]))
    with h5py.File(folder / "events" / "left" / "rectify_map.h5", "w") as h5:
        h5["rectify_map"] = np.zeros((HEIGHT, WIDTH, 2), dtype=np.float32)
    (folder / "calibration").mkdir()
    (folder / "calibration" / "cam_to_cam.yaml").write_text(
        "extrinsics:\n  T_10:\n  - [1, 0, 0, 0]\n  - [0, 1, 0, 0]\n  - [0, 0, 1, 0]\n  - [0, 0, 0, 1]\n"
        "intrinsics:\n  cam0:\n    camera_matrix: [10.0, 11.0, 3.5, 2.5]\n    camera_model: pinhole\n"
        "    distortion_coeffs: [-0.1, 0.01, 0.001, -0.002]\n    distortion_model: radtan\n"
        f"    resolution: [{WIDTH}, {HEIGHT}]\n"
        f"  camRect0:\n    camera_matrix: [9.0, 9.0, 3.5, 2.5]\n    resolution: [{WIDTH}, {HEIGHT}]\n"
    )
    frames_in(folder / "images" / "left" / "rectified", ["000000.png", "000001.png"])
    (folder / "images" / "timestamps.txt").write_text("1200000\n1700000\n")
    (folder / "images" / "left" / "exposure_timestamps.txt").write_text(
        "# exposure_start_timestamp_us, exposure_end_timestamp_us\n1199000, 1203000\n1699000, 1703000\n"
    )
    return folder


def mvsec(folder: Path) -> Path:
    """Data and ground truth of a sequence, and Kalibr's file."""
    folder.mkdir(parents=True)
    x, y, t_ns, polarity = event_columns()
    events = np.column_stack([x, y, (t_ns // 1000 + EPOCH_US) * 1e-6, np.where(polarity, 1, -1)]).astype(np.float64)
    with h5py.File(folder / "indoor_flying1_data.hdf5", "w") as h5:
        h5.create_dataset("davis/left/events", data=events, chunks=(16, 4), compression="gzip")
        h5["davis/left/image_raw"] = np.random.default_rng(1).integers(0, 256, (3, HEIGHT, WIDTH), dtype=np.uint8)
        h5["davis/left/image_raw_ts"] = EPOCH_US * 1e-6 + np.array([0.5, 1.2, 1.7])
        h5["davis/left/image_raw_event_inds"] = np.array([0, 8, 28])
    T = np.tile(np.eye(4), (POSES, 1, 1))
    T[:, :3, 3] = np.linspace([0.0, 0.0, -1.0], [1.0, 0.5, -1.0], POSES)
    with h5py.File(folder / "indoor_flying1_gt.hdf5", "w") as h5:
        for name, shift in (("pose", 0.0), ("odometry", 0.5)):
            h5[f"davis/left/{name}"] = T + np.array([0, 0, 0, shift]) * np.array([1, 0, 0, 0])[:, None]
            h5[f"davis/left/{name}_ts"] = EPOCH_US * 1e-6 + np.linspace(0.9, 2.1, POSES)
    (folder / "camchain-imucam-indoor_flying.yaml").write_text(kalibr("equidistant"))
    return folder


def kalibr(model: str) -> str:
    """Two cameras as Kalibr writes them."""
    lines = []
    for name, focal in (("cam0", 10.0), ("cam1", 12.0)):
        lines += [f"{name}:", "  camera_model: pinhole", "  distortion_coeffs: [-0.05, 0.01, -0.004, 0.0005]"]
        lines += [f"  distortion_model: {model}", f"  intrinsics: [{focal}, {focal + 1}, 3.5, 2.5]"]
        lines += [f"  resolution: [{WIDTH}, {HEIGHT}]", f"  rostopic: /{name}"]
    lines += ["  T_cn_cnm1:", *(f"  - {row}" for row in EXTRINSIC)]
    return "\n".join(lines) + "\n"


def tum_vie(folder: Path) -> Path:
    """Events of the left camera, markers, frames, IMU, and one calibration file for each of cameras and markers."""
    t = event_columns()[2] // 1000
    write_columns(folder / "mocap-desk-events_left.h5", "events/", t, "i8")
    np.savetxt(folder / "mocap_data.txt", poses(1e6), fmt="%.9f", header="timestamp px py pz qx qy qz qw")
    frames_in(folder / "left_images", ["00000.png", "00001.png", "00002.png"])
    (folder / "left_images" / "image_timestamps_left.txt").write_text("# us\n500000.0\n1200000.3\n1700000.0\n")
    imu = np.column_stack([np.arange(9e5, 2.1e6, 1e5), np.tile([0.1, 0.2, 0.3, 0.0, 0.0, 9.81, 35.0], (12, 1))])
    np.savetxt(folder / "imu_data.txt", imu, fmt="%.6f")
    half = float(np.sqrt(0.5))
    turned = {"px": 0.0, "py": 0.0, "pz": 0.0, "qx": 0.0, "qy": 0.0, "qz": half, "qw": half}
    straight = turned | {"qz": 0.0, "qw": 1.0}
    lens = dict(zip(("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4"), (9.0, 10, 3.5, 2.5, 0.1, 0.0, 0, 0), strict=True))
    value = {
        "T_imu_cam": [straight, straight | {"px": 0.1}, straight | {"py": 0.2}, turned],
        "intrinsics": [{"camera_type": "kb4", "intrinsics": lens | {"fx": 20.0 + i}} for i in range(4)],
        "resolution": [[WIDTH, HEIGHT]] * 4,
    }
    (folder / "camera-calibrationA.json").write_text(json.dumps({"value0": value}))
    (folder / "mocap-imu-calibrationA.json").write_text(json.dumps({"value0": {"T_imu_marker": turned}}))
    return folder


def eds(folder: Path) -> Path:
    """Events with absolute times, ground truth in seconds, two frames, Kalibr's file."""
    write_columns(folder / "events.h5", "", event_columns()[2] // 1000 + EPOCH_US, "i8")
    np.savetxt(folder / "stamped_groundtruth.txt", poses(1.0, EPOCH_US * 1e-6), fmt="%.9f")
    frames_in(folder / "images", ["frame_0000000000.png", "frame_0000000001.png"])
    (folder / "images_timestamps.txt").write_text(f"{EPOCH_US + 1_200_000}\n{EPOCH_US + 1_700_000}\n")
    (folder / "calib0.yaml").write_text(kalibr("radtan"))
    return folder


LOADERS: dict[str, Callable[[Path], Path]] = {"dsec": dsec, "eds": eds, "mvsec": mvsec, "tum_vie": tum_vie}
assert EVENTS > 16  # more than one block
