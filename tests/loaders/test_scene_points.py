"""Points of scenes: COLMAP's files as pycolmap writes them, PLY in its three forms, damage, and the box around them."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest

from efields.cameras.scene_points import colmap_points, ply_points
from efields.errors import InputError
from efields.loaders import load
from efields.scene_box import find_box
from efields.scene_box.viewpoints import viewpoints
from efields.supplied.given import Supplied
from efields.supplied.supply import supply
from tests.contracts.samples.posed import colmap, llff, nerfstudio
from tests.tiny import tiny_recording

POINTS = np.random.default_rng(0).uniform((-1.0, -1.0, 4.0), (1.0, 1.0, 9.0), (200, 3))


def write_binary(model: Path, points: np.ndarray = POINTS) -> Path:
    data = struct.pack("<Q", len(points))
    for i, point in enumerate(points):
        data += struct.pack("<Q3d3Bd", i, *point, 1, 2, 3, 0.5) + struct.pack("<Q", i % 3) + bytes(8 * (i % 3))
    (model / "points3D.bin").write_bytes(data)
    return model / "points3D.bin"


def test_points_of_colmap(tmp_path: Path) -> None:
    assert colmap_points(tmp_path) is None
    lines = "".join(f"{i} {x!r} {y!r} {z!r} 1 2 3 0.5 1 2\n" for i, (x, y, z) in enumerate(POINTS.tolist()))
    (tmp_path / "points3D.txt").write_text("# 3D point list\n" + lines)
    found = colmap_points(tmp_path)
    assert found is not None
    np.testing.assert_array_equal(found, POINTS)
    file = write_binary(tmp_path)
    found = colmap_points(tmp_path)
    assert found is not None
    np.testing.assert_array_equal(found, POINTS)
    for broken in (file.read_bytes()[:-5], file.read_bytes() + b"x", struct.pack("<Q", 1 << 60)):
        file.write_bytes(broken)
        with pytest.raises(InputError, match=r"points3D\.bin.*truncated"):
            colmap_points(tmp_path)


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_points_of_ply(form: str, tmp_path: Path) -> None:
    head = (
        f"ply\nformat {form} 1.0\ncomment ours\nelement vertex {len(POINTS)}\nproperty double x\nproperty uchar red\n"
    )
    head += "property double y\nproperty float z\nelement face 0\nproperty list uchar int vertex_indices\nend_header\n"
    order = ">" if "big" in form else "<"
    rows = [(x, 7, y, float(np.float32(z))) for x, y, z in POINTS.tolist()]
    body = (
        "".join(f"{x!r} {red} {y!r} {z!r}\n" for x, red, y, z in rows).encode()
        if form == "ascii"
        else b"".join(struct.pack(f"{order}dBdf", *row) for row in rows)
    )
    file = tmp_path / "cloud.ply"
    file.write_bytes(head.encode() + body)
    found = ply_points(file)
    assert found is not None
    np.testing.assert_allclose(found, POINTS, rtol=1e-6)
    file.write_bytes(head.encode() + body[: len(body) // 2])
    with pytest.raises(InputError, match=r"cloud\.ply"):
        ply_points(file)


def box_of(folder: Path) -> tuple[np.ndarray, str]:
    recording = load(folder)
    seen = viewpoints(recording)
    assert seen is not None
    found = find_box(recording, *seen, recording.frames)
    return np.array((found.box.lo, found.box.hi)), found.source


def test_layouts_with_points_or_depths_need_no_box(tmp_path: Path) -> None:
    for folder in (colmap(tmp_path / "colmap"), nerfstudio(tmp_path / "nerfstudio")):
        with pytest.raises(InputError, match="--box="):
            box_of(folder)
    write_binary(tmp_path / "colmap" / "sparse" / "0")
    head = (
        f"ply\nformat ascii 1.0\nelement vertex {len(POINTS)}\nproperty float x\nproperty float y\nproperty float z\n"
    )
    text = head + "end_header\n" + "\n".join(" ".join(map(repr, point)) for point in POINTS.tolist())
    (tmp_path / "nerfstudio" / "sparse_pc.ply").write_text(text)
    for folder in (tmp_path / "colmap", tmp_path / "nerfstudio"):
        box, source = box_of(folder)
        assert "points" in source
        np.testing.assert_allclose(box, [(-1.5, -1.5, 3.5), (1.5, 1.5, 9.5)], atol=0.1)
    box, source = box_of(llff(tmp_path / "llff"))
    assert "depths from 1.5 to 8" in source
    assert (box[0, 2], box[1, 2]) == pytest.approx((1.35, 9.6))


def test_points_are_those_of_the_poses_that_are_given(tmp_path: Path) -> None:
    own = dataclasses.replace(tiny_recording(16, 40, with_frames=True), points=POINTS, depth_range=(1.0, 2.0))
    assert own.frames is not None
    model = tmp_path / "model"
    model.mkdir()
    lines = (f"{i} 1 0 0 0 {0.1 * i} 0 0 1 {name}\n\n" for i, name in enumerate(own.frames.names))
    (model / "images.txt").write_text("".join(lines))
    assert supply(own, Supplied(poses=str(model))).points is None
    write_binary(model, POINTS[:5])
    given = supply(own, Supplied(poses=str(model)))
    assert given.points is not None
    np.testing.assert_array_equal(given.points, POINTS[:5])
    assert given.depth_range is None
