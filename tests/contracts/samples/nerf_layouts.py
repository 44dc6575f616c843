"""Layouts of papers on event-based radiance fields, and evbench, written by NumPy, h5py and SciPy as their pages say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import scipy.io

from tests.contracts.samples.folders import EVENTS, HEIGHT, POSES, WIDTH, event_columns
from tests.contracts.samples.posed import images_in


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
    columns = {"x": x.astype(np.uint8), "y": y.astype(np.uint8), "pol": polarity.astype(np.uint8)}
    columns["ts"] = (t_ns // 1000).astype(np.uint32)
    scipy.io.savemat(folder / "seq_0001_e.mat", columns, oned_as="column", do_compression=True)
    for i in range(2):
        iio.imwrite(folder / "DAVIS_seq_0001" / f"img_{i:08d}.png", np.full((180, 240), 50 * i, dtype=np.uint8))
    return folder


LOADERS: dict[str, Callable[[Path], Path]] = {
    "evbench": evbench,
    "eventnerf": eventnerf,
    "inceventgs": inceventgs,
}
assert EVENTS > 0 < WIDTH * HEIGHT
