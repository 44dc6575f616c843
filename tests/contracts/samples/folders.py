"""Recordings in folders with everything that training needs, and events for every sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np

WIDTH, HEIGHT, EVENTS, POSES = 8, 6, 40, 6
OPENGL_POSE = [[1.0, 0.0, 0.0, 0.5], [0.0, 0.0, -1.0, -2.0], [0.0, 1.0, 0.0, 0.25], [0.0, 0.0, 0.0, 1.0]]


def event_columns(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, y, time in nanoseconds from 1 s to 2 s, polarity."""
    rng = np.random.default_rng(seed)
    t_ns = np.sort(rng.integers(1_000_000, 2_000_000, EVENTS)) * 1000
    return rng.integers(0, WIDTH, EVENTS), rng.integers(0, HEIGHT, EVENTS), t_ns, rng.integers(0, 2, EVENTS) == 1


def quaternions(count: int) -> np.ndarray:
    """Turns about z, xyzw."""
    half = np.linspace(0.1, 0.6, count) / 2
    return np.stack([0 * half, 0 * half, np.sin(half), np.cos(half)], axis=1)


def robust_enerf(folder: Path) -> Path:
    """Robust e-NeRF's layout as published: nanoseconds, RGBA views in the sequence folder, `camera_angle_x`."""
    folder.mkdir(parents=True)
    x, y, t_ns, polarity = event_columns()
    np.savez(
        folder / "raw_events.npz",
        position=np.stack([x, y], axis=1).astype(np.uint16),
        timestamp=t_ns,
        polarity=polarity,
    )
    np.savez(
        folder / "camera_poses.npz",
        T_wc_position=np.linspace([0.0, 0.0, -1.0], [1.0, 0.5, -1.0], POSES),
        T_wc_orientation=quaternions(POSES),
        T_wc_timestamp=np.linspace(900_000_000, 2_100_000_000, POSES).astype(np.int64),
    )
    np.savez(
        folder / "camera_calibration.npz",
        intrinsics=np.array([[10.0, 0, 3.5], [0, 11.0, 2.5], [0, 0, 1]]),
        distortion_params=np.zeros(0),
        distortion_model="plumb_bob",
        img_height=HEIGHT,
        img_width=WIDTH,
        pos_contrast_threshold=0.3,
        neg_contrast_threshold=0.2,
        refractory_period=1375,
        bayer_pattern="RGGB",
    )
    np.savez(folder / "renderer_params.npz", interm_color_space="display", log_eps=0.5 / 255)
    rng = np.random.default_rng(1)
    views = folder / "views"
    (views / "test").mkdir(parents=True)
    for i in range(3):
        iio.imwrite(views / "test" / f"r_{i}.png", rng.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8))
    frames = [{"file_path": f"./test/r_{i}", "transform_matrix": OPENGL_POSE} for i in range(3)]
    (views / "transforms_test.json").write_text(json.dumps({"camera_angle_x": 0.7, "frames": frames}))
    return folder


def ecd(folder: Path) -> Path:
    """The text files of the Event Camera Dataset, poses a little later than the first frame."""
    (folder / "images").mkdir(parents=True)
    x, y, t_ns, polarity = event_columns()
    rows = zip(t_ns, x, y, polarity, strict=True)
    (folder / "events.txt").write_text("".join(f"{t * 1e-9:.9f} {a} {b} {int(p)}\n" for t, a, b, p in rows))
    (folder / "calib.txt").write_text("10.0 11.0 3.5 2.5 -0.1 0.01 0.001 -0.002 0.0\n")
    t_s = np.linspace(0.9, 2.1, POSES)
    position = np.linspace([0.0, 0.0, -1.0], [1.0, 0.5, -1.0], POSES)
    poses = np.column_stack([t_s, position, quaternions(POSES)])
    np.savetxt(folder / "groundtruth.txt", poses, fmt="%.9f")
    rng = np.random.default_rng(1)
    with (folder / "images.txt").open("w") as lines:
        for i, t in enumerate((0.5, 1.2, 1.7)):
            iio.imwrite(folder / f"images/frame_{i:08d}.png", rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8))
            lines.write(f"{t:.9f} images/frame_{i:08d}.png\n")
    return folder


LOADERS: dict[str, Callable[[Path], Path]] = {"ecd": ecd, "robust_enerf": robust_enerf}
