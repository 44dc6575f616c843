"""Posed images without events: Blender, nerfstudio, COLMAP and LLFF, written as their tools write them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np

from tests.contracts.samples.folders import HEIGHT, OPENGL_POSE, WIDTH

VIEWS = 5


def opengl_pose(i: int) -> list[list[float]]:
    """Camera to world of view i, OpenGL axes: each a step further along x."""
    pose = [list(row) for row in OPENGL_POSE]
    pose[0][3] += 0.1 * i
    return pose


def images_in(folder: Path, names: list[str], channels: int = 3, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    """Images of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(names))
    for name in names:
        iio.imwrite(folder / name, rng.integers(0, 256, (size[1], size[0], channels), dtype=np.uint8))


def blender(folder: Path) -> Path:
    """Three splits of RGBA renderings."""
    for split, count in (("train", VIEWS), ("val", 1), ("test", 2)):
        images_in(folder / split, [f"r_{i}.png" for i in range(count)], channels=4)
        frames = [
            {"file_path": f"./{split}/r_{i}", "rotation": 0.0126, "transform_matrix": opengl_pose(i)}
            for i in range(count)
        ]
        written = {"camera_angle_x": 0.6911112070083618, "frames": frames}
        (folder / f"transforms_{split}.json").write_text(json.dumps(written, indent=4))
    return folder


def nerfstudio(folder: Path) -> Path:
    """What instant-ngp's colmap2nerf.py writes, with the keys of nerfstudio."""
    names = [f"frame_{i + 1:05d}.png" for i in range(VIEWS)]
    images_in(folder / "images", names)
    frames = [{"file_path": f"images/{name}", "transform_matrix": opengl_pose(i)} for i, name in enumerate(names)]
    written = {
        "w": WIDTH, "h": HEIGHT, "fl_x": 9.0, "fl_y": 9.5, "cx": 4.0, "cy": 3.0,
        "k1": 0.05, "k2": -0.01, "p1": 0.001, "p2": -0.002, "camera_model": "OPENCV",
        "frames": frames,
        "applied_transform": [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0]],
        "ply_file_path": "sparse_pc.ply",
    }  # fmt: skip
    (folder / "transforms.json").write_text(json.dumps(written, indent=4))
    return folder


def colmap(folder: Path) -> Path:
    """A binary model of one OPENCV camera, images in the order of their making, two points each."""
    names = [f"{i:04d}.png" for i in range(VIEWS)]
    images_in(folder / "images", names)
    model = folder / "sparse" / "0"
    model.mkdir(parents=True)
    camera = struct.pack("<IiQQ8d", 1, 4, WIDTH, HEIGHT, 9.0, 9.5, 4.0, 3.0, 0.05, -0.01, 0.001, -0.002)
    (model / "cameras.bin").write_bytes(struct.pack("<Q", 1) + camera)
    half = float(np.sqrt(0.5))
    images = struct.pack("<Q", VIEWS)
    for i in reversed(range(VIEWS)):
        images += struct.pack("<I7dI", i + 1, half, 0.0, 0.0, half, 0.1 * i, 0.2, 0.3, 1)
        images += names[i].encode() + b"\0" + struct.pack("<Qddqddq", 2, 1.0, 1.5, -1, 2.0, 2.5, 7)
    (model / "images.bin").write_bytes(images)
    (model / "points3D.bin").write_bytes(struct.pack("<Q", 0))
    return folder


def llff_rows(count: int, height: float = HEIGHT, width: float = WIDTH, focal: float = 9.0) -> np.ndarray:
    """Rows of `poses_bounds.npy`: no rotation, so that the columns down, right, back are y, x, -z."""
    rows = np.zeros((count, 17))
    for i, row in enumerate(rows):
        row[:15] = np.column_stack([(0, 1, 0), (1, 0, 0), (0, 0, -1), (0.1 * i, 0, 0), (height, width, focal)]).ravel()
        row[15:] = 1.5, 8.0
    return rows


def llff(folder: Path) -> Path:
    """Photographs of twice the size, and reduced ones."""
    images_in(folder / "images", [f"IMG_{4026 + i}.png" for i in range(VIEWS)], size=(2 * WIDTH, 2 * HEIGHT))
    images_in(folder / "images_2", [f"image{i:03d}.png" for i in range(VIEWS)])
    np.save(folder / "poses_bounds.npy", llff_rows(VIEWS, 2 * HEIGHT, 2 * WIDTH, 18.0))
    return folder


LOADERS: dict[str, Callable[[Path], Path]] = {
    "blender": blender,
    "colmap": colmap,
    "llff": llff,
    "nerfstudio": nerfstudio,
}
