"""Layouts of papers on event-based radiance fields, and evbench, by NumPy, h5py, SciPy and PyTorch as papers say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import imageio.v3 as iio
import numpy as np
import scipy.io
import torch

from tests.contracts.samples.folders import HEIGHT, POSES, WIDTH, event_columns, quaternions
from tests.contracts.samples.posed import images_in, llff_rows, opengl_pose


def opencv_poses(count: int) -> np.ndarray:
    """Camera to world, OpenCV axes, turned by 90 degrees about z and moving along x."""
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    T[:, 0, 3] = np.linspace(0, 0.5, count)
    return T


def eventnerf(folder: Path) -> Path:
    """Frame numbers as times, intrinsics and poses a file a view, a test split of three."""
    for split, count in (("train", POSES), ("test", 3)):
        for sub in ("pose", "intrinsics"):
            (folder / split / sub).mkdir(parents=True)
        names = [f"r_{i:05d}" for i in range(count)]
        images_in(folder / split / "rgb", [f"{name}.png" for name in names])
        k = np.eye(4)
        k[:2, :3] = [[10.0, 0, 4.0], [0, 10.0, 3.0]]
        for name, pose in zip(names, opencv_poses(count), strict=True):
            (folder / split / "pose" / f"{name}.txt").write_text(" ".join(f"{v:.8f}" for v in pose.ravel()) + "\n")
            (folder / split / "intrinsics" / f"{name}.txt").write_text(" ".join(f"{v:g}" for v in k.ravel()) + "\n")
    (folder / "train" / "events").mkdir()
    x, y, t_ns, polarity = event_columns()
    t = (t_ns - t_ns[0]) // 1_000_000
    np.savez_compressed(
        folder / "train" / "events" / "test_lego1_color.npz",
        x=x.astype(np.int16), y=y.astype(np.int16), t=t.astype(np.float32), p=np.where(polarity, 1, -1).astype(np.int8),
    )  # fmt: skip
    return folder


def inceventgs(folder: Path) -> Path:
    """A room with images, poses and events in seconds."""
    events = folder / "event_threshold_0.1"
    events.mkdir(parents=True)
    images_in(folder / "images", [f"frame{i:06d}.jpg" for i in range(POSES)], channels=3)
    x, y, t_ns, polarity = event_columns()
    np.save(events / "gray_events_data.npy", np.column_stack([x, y, t_ns * 1e-9, np.where(polarity, 1.0, -1.0)]))
    np.savetxt(folder / "traj.txt", opencv_poses(POSES).reshape(POSES, 16))
    np.savetxt(folder / "poses_ts.txt", np.linspace(0.9, 2.1, POSES))
    return folder


def evbench(folder: Path) -> Path:
    """A sequence of the pan-tilt unit, two frames, and the unit's calibration."""
    (folder / "DAVIS_seq_0001").mkdir(parents=True)
    (folder / "KINECT_seq_0001").mkdir()
    x, y, t_ns, polarity = event_columns()
    small = {"x": x.astype(np.uint8), "y": y.astype(np.uint8), "pol": polarity.astype(np.uint8)}
    columns = {**small, "ts": (t_ns // 1000).astype(np.uint32)}
    scipy.io.savemat(folder / "seq_0001_e.mat", columns, oned_as="column", do_compression=True)
    for i in range(2):
        iio.imwrite(folder / "DAVIS_seq_0001" / f"img_{i:08d}.png", np.full((180, 240), 50 * i, dtype=np.uint8))
    return folder


def evdeblurnerf(folder: Path) -> Path:
    """A real scene: undistorted positions and the map that leads back, times in microseconds, one sharp image."""
    names = [f"{i:03d}.png" for i in range(4)]
    images_in(folder / "images_1", names)
    middle = np.array([1_200_000, 1_400_000, 1_600_000, 1_700_000])
    half = np.array([10_000, 10_000, 10_000, 0])
    np.savez(
        folder / "images_1" / "timestamps.npz",
        timestamps=middle, timestamps_start=middle - half, timestamps_end=middle + half,
    )  # fmt: skip
    np.save(folder / "poses_bounds.npy", llff_rows(4))
    np.save(folder / "all_poses_bounds.npy", llff_rows(POSES))
    np.save(folder / "all_timestamps.npy", np.linspace(900_000, 2_100_000, POSES).astype(np.int64))
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    radius = ((columns - 3.5) ** 2 + (rows - 2.5) ** 2) / 81
    map_x, map_y = 3.5 + (columns - 3.5) * (1 + 0.05 * radius), 2.5 + (rows - 2.5) * (1 + 0.05 * radius)
    np.savez(folder / "ev_map.npz", inv_mapx=map_x.astype(np.float32), inv_mapy=map_y.astype(np.float32))
    x, y, t_ns, polarity = event_columns()
    with h5py.File(folder / "events.h5", "w") as h5:
        h5["x"], h5["y"] = map_x[y, x].astype(np.float32), map_y[y, x].astype(np.float32)
        h5["t"], h5["p"] = t_ns // 1000, np.where(polarity, 1, -1).astype(np.int8)
    return folder


def enerf(folder: Path) -> Path:
    """ESIM's layout: a file of events a frame, nanoseconds everywhere."""
    stamps = [1_200_000_000, 1_700_000_000]
    images_in(folder / "images", [f"{i:05d}.png" for i in range(len(stamps))])
    (folder / "images" / "image_stamps_ns.txt").write_text("".join(f"{t}\n" for t in stamps))
    (folder / "events").mkdir()
    x, y, t_ns, polarity = event_columns()
    rows = np.column_stack([x, y, t_ns, polarity]).astype(np.float64)
    for i, part in enumerate(np.array_split(rows, 3)):
        np.save(folder / "events" / f"{i:06d}.npy", part)
    poses = np.column_stack(
        [np.linspace(9e8, 21e8, POSES), np.linspace([0.0, 0.0, -1.0], [1.0, 0.5, -1.0], POSES), quaternions(POSES)]
    )
    np.savetxt(folder / "room_poses_all.txt", poses, fmt="%.9f", header="ts_ns px py pz qx qy qz qw", comments="")
    np.save(folder / "poses_bounds.npy", llff_rows(len(stamps)))
    return folder


def e2nerf(folder: Path) -> Path:
    """A rendered scene of two views among four frames, four bins, eighteen poses an exposure."""
    images_in(folder / "train", ["r_0.png", "r_2.png"], channels=4)
    images_in(folder / "test", ["r_0.png"], channels=4)
    for split, count in (("train", 4), ("test", 1)):
        frames = [
            {"file_path": f"./{split}/r_{i}", "transform_matrix": [opengl_pose(20 * i + k) for k in range(18)]}
            for i in range(count)
        ]
        (folder / f"transform_{split}.json").write_text(json.dumps({"camera_angle_x": 0.7, "frames": frames}))
    counts = np.random.default_rng(0).integers(-2, 3, (2, 4, HEIGHT * WIDTH)).astype(np.float64)
    torch.save(torch.tensor(counts), folder / "events.pt")
    return folder


LOADERS: dict[str, Callable[[Path], Path]] = {
    "e2nerf": e2nerf,
    "enerf": enerf,
    "evbench": evbench,
    "evdeblurnerf": evdeblurnerf,
    "eventnerf": eventnerf,
    "inceventgs": inceventgs,
}
