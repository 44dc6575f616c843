"""Posed RGB of instant-ngp and nerfstudio: a `transforms.json` with intrinsics and lens distortion, no events.

The object holds, for all frames or in each, `fl_x fl_y cx cy w h`, `k1 k2 k3 k4 p1 p2`, and `camera_model` (PINHOLE,
OPENCV, OPENCV_FISHEYE; else OPENCV, or a fisheye where `is_fisheye`); without `fl_x`, `camera_angle_x` in radians.
`frames` holds `file_path` and `transform_matrix`, camera to world in OpenGL axes (x right, y up, z backwards). The
centre of the first pixel is (0.5, 0.5) as in COLMAP, so half a pixel is taken off `cx` and `cy` here. nerfstudio lists
`train_filenames`, `val_filenames` and `test_filenames` where it splits, and `applied_transform`, 3 x 4, that took the
poses from COLMAP's world to the file's. The point cloud
of `ply_file_path` tells where the scene is; depth maps and masks are not read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import numpy as np
from jaxtyping import Float64

from efields.cameras.scene_points import ply_points
from efields.cameras.transforms import OPENGL, checked_poses, frame_pose, image_file, orthonormal
from efields.errors import InputError
from efields.formats.images import stored_size
from efields.formats.json import read_json
from efields.formats.opening import first_bytes
from efields.formats.places import moved_note
from efields.geometry.camera import Camera
from efields.loaders._options import EveryView, Outside
from efields.loaders._posed_images import held_out, posed_views, turned_note, without_events
from efields.ranges import Range
from efields.recordings.recording import Recording, Views
from efields.text import plain_head

BEGINS = rb"[\s\x00\xef\xbb\xbf\xfe\xff]*\{"
HOLDS = ("transforms.json",)

_INTRINSICS = (
    "camera_model", "is_fisheye", "camera_angle_x", "camera_angle_y", "fl_x", "fl_y", "cx", "cy", "w", "h",
    "k1", "k2", "k3", "k4", "p1", "p2",
)  # fmt: skip
_PINHOLES = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV")


@dataclass(frozen=True)
class Config(EveryView, Outside):
    """How to read posed images in the layout of instant-ngp and nerfstudio."""

    heldout_every: Annotated[int, Range(0, 10**9)] = 8
    """Hold out the first of every n views if the file lists no test or validation views; 0: none."""
    undo_applied_transform: bool = False
    """Whether to return poses in COLMAP's world, as before `applied_transform`."""

    def load(self, path: str | Path) -> Recording:
        """Read a folder or its `transforms.json`. Raises `InputError` for anything missing, damaged or out of range."""
        root = Path(path)
        file = root if root.is_file() else root / "transforms.json"
        if not file.is_file():
            raise InputError("no such file", file, "copy the complete recording again")
        meta = read_json(file)
        try:
            frames, heldout, notes = self._split(meta, file)
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(f"contains a value of the wrong kind ({error})", file, "write the views again") from None
        points, said = self._points(meta, file)
        return replace(without_events(root, frames, heldout, notes + said), points=points)

    def _split(self, meta: Mapping[str, Any], file: Path) -> tuple[Views, Views | None, tuple[str, ...]]:
        entries = meta.get("frames")
        if not isinstance(entries, list) or not entries or not all(isinstance(e, dict) for e in entries):
            raise InputError("lists no frames", file, "write the views again")
        entries = sorted(entries, key=lambda entry: str(entry.get("file_path", "")))[:: self.view_stride]
        poses = self._poses(meta, entries, file)
        names = [str(entry.get("file_path", "")) for entry in entries]
        files = [image_file(file.parent, name, self.outside) for name in names]
        cameras = [camera_of({**meta, **entry}, image, file) for entry, image in zip(entries, files, strict=True)]
        views = posed_views(files, poses, cameras)
        notes = _left_out(meta, entries) + turned_note(files, views) + moved_note(names, files, "images")
        for split in ("test", "val"):
            named = {PurePosixPath(name) for name in meta.get(f"{split}_filenames") or ()}
            out = np.array([PurePosixPath(str(entry["file_path"])) in named for entry in entries])
            if out.any() and not out.all():
                notes += (f"The held-out views are those of {split}_filenames.",)
                return views.take(np.flatnonzero(~out)), views.take(np.flatnonzero(out)), notes
        frames, heldout = held_out(views, self.heldout_every, file)
        return frames, heldout, notes

    def _points(self, meta: Mapping[str, Any], file: Path) -> tuple[Float64[np.ndarray, "n 3"] | None, tuple[str, ...]]:
        """The point cloud that the file names, in the world of its poses, and a note where it is not there."""
        name = meta.get("ply_file_path")
        if not isinstance(name, str) or self.undo_applied_transform:
            return None, ()
        cloud = file.parent / name
        if not cloud.is_file():
            return None, (f"The file refers to a point cloud, {name}, that does not exist.",)
        return ply_points(cloud), ()

    def _poses(
        self, meta: Mapping[str, Any], entries: list[dict[str, Any]], file: Path
    ) -> Float64[np.ndarray, "n 4 4"]:
        poses = orthonormal(np.stack([frame_pose(entry, file) for entry in entries])) * OPENGL
        if not self.undo_applied_transform or meta.get("applied_transform") is None:
            return poses
        applied = np.eye(4)
        applied[:3] = np.asarray(meta["applied_transform"], dtype=np.float64)[:3]
        poses[:, :3, 3] /= float(meta.get("applied_scale", 1.0))
        return np.linalg.inv(checked_poses(applied, file)) @ poses


def matches(path: str | Path) -> bool:
    """Whether `path` is a `transforms.json` of posed images, or a folder with one."""
    root = Path(path)
    head = plain_head(first_bytes(root / "transforms.json" if root.is_dir() else root, 1 << 16))
    if not head.lstrip().startswith(b"{"):
        return False
    return b'"transform_matrix"' in head or (b'"frames"' in head and (b'"fl_x"' in head or b'"camera_angle_x"' in head))


def camera_of(entry: Mapping[str, Any], image: Path, file: Path) -> Camera:
    """The camera of a frame, given with what the file says of all of them; its size is the image's where none is said.

    Raises `InputError` for a model that efields does not have.
    """
    meta = {key: entry[key] for key in _INTRINSICS if entry.get(key) is not None}
    columns, rows = (0, 0) if {"w", "h"} <= set(meta) else stored_size(image)
    width, height = round(float(meta.get("w", columns))), round(float(meta.get("h", rows)))
    fx = _focal(meta, "x", width, file)
    fy = _focal(meta, "y", height, file) if {"fl_y", "camera_angle_y"} & set(meta) else fx
    fx = fy if fx is None else fx
    if fx is None or fy is None:
        raise InputError("has neither fl_x nor camera_angle_x", file, "add one of them")
    cx, cy = float(meta.get("cx", width / 2)) - 0.5, float(meta.get("cy", height / 2)) - 0.5
    model, lens = _lens(meta, file)
    try:
        return Camera(width, height, fx, fy, cx, cy, "none" if not lens else model, lens)
    except InputError as error:
        raise InputError(error.what, file, error.do) from None


def _focal(meta: Mapping[str, Any], axis: str, size: int, file: Path) -> float | None:
    if f"fl_{axis}" in meta:
        return float(meta[f"fl_{axis}"])
    angle = meta.get(f"camera_angle_{axis}")
    if angle is None:
        return None
    if not (isinstance(angle, int | float) and 0 < angle < math.pi):
        raise InputError(f"camera_angle_{axis} is {angle}", file, "give radians between 0 and pi")
    return size / 2 / math.tan(angle / 2)


def _lens(meta: Mapping[str, Any], file: Path) -> tuple[Any, tuple[float, ...]]:
    """Distortion model and its numbers, as `Camera` has them."""
    named = str(meta.get("camera_model", "OPENCV_FISHEYE" if meta.get("is_fisheye") else "OPENCV")).upper()
    k1, k2, k3, k4, p1, p2 = (float(meta.get(key, 0.0)) for key in ("k1", "k2", "k3", "k4", "p1", "p2"))
    if named == "OPENCV_FISHEYE":
        if p1 or p2:
            raise InputError("a fisheye with p1 and p2", file, "undistort the images first")
        return "equidistant", (k1, k2, k3, k4)
    if named not in _PINHOLES:
        raise InputError(f"camera_model is '{named}'", file, f"known are {', '.join(_PINHOLES)} and OPENCV_FISHEYE")
    if k4:
        raise InputError(f"k4 is {k4:g}", file, "undistort the images first: only k1 k2 k3 p1 p2 are supported")
    lens = (k1, k2, p1, p2, k3) if k3 else (k1, k2, p1, p2)
    return "plumb_bob", lens if any(lens) else ()


def _left_out(meta: Mapping[str, Any], entries: list[dict[str, Any]]) -> tuple[str, ...]:
    """A note on what the file names and this loader does not read."""
    keys = {
        "depth_file_path": "depth maps",
        "mask_path": "masks",
        "rolling_shutter": "a rolling shutter",
    }
    named = [said for key, said in keys.items() if key in meta or any(key in entry for entry in entries)]
    return (f"The file also refers to {', '.join(named)}, which were not read.",) if named else ()
