"""E2NeRF (Qi et al., ICCV 2023) and E3NeRF: blurred images, and the events of each exposure counted in bins.

A folder of `events.pt` (or `event.pt`), a tensor of views x bins x pixels (rows and columns, or both in one axis) with
the signed counts of each bin, ON less OFF, and either

- rendered: `transform_train.json` (or `transforms_train.json`) with `camera_angle_x` and `frames`, each with the
  `transform_matrix` of a view, or a list of them along its exposure: of K matrices and B bins, bin j begins at number
  1 + j (K - 2) // B (K = 18, B = 4: 1, 5, 9, 13, 17), or at j where K = B + 1; OpenGL axes. With n times as many
  frames as views every n-th frame counts. Images are `train/r_<frame>.png`, RGBA over white. Test views likewise; or
- real: `poses_bounds.npy` (see `efields.cameras.llff`), B + 1 rows a view one after the other, and `images/`.

Single events are not in the files: those of a bin are spread evenly over it here, and events of both signs that
cancelled are lost. Views are separate exposures; here they follow one another.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float64, Int64

from efields.cameras.along_trajectory import poses_at
from efields.cameras.llff import one_llff_camera, read_poses_bounds
from efields.cameras.transforms import OPENGL, camera_of_transforms, checked_poses, frame_pose, image_file, orthonormal
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.damages import Damages
from efields.formats.images import stored_size
from efields.formats.json import read_json
from efields.formats.opening import first_bytes
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.loaders._options import EveryView, Outside, Salvaging, Thresholds
from efields.loaders._posed_images import listed_images, posed_views
from efields.poses.cover import cover
from efields.ranges import Range, Threshold
from efields.recordings.event_file import EventFile
from efields.recordings.recording import Recording, Views
from efields.text import plain_head

HOLDS = ("events.pt", "event.pt")
_MOST_COUNTED = 1000
"""Events of one pixel in one bin: no sensor has more."""


@dataclass(frozen=True)
class Config(EveryView, Thresholds, Salvaging, Outside):
    """How to read a scene of E2NeRF."""

    exposure_s: Annotated[float, Range(1e-5, 1e6)] = 0.16
    """Duration of one view's bins in seconds; the published ones last 0.16 s in four bins."""
    pause_s: Annotated[float, Range(above=0, most=1e6)] = 0.04
    """Seconds from the end of one view to the start of the next, which the files do not say."""
    views: bool = True
    """Whether to read the blurred images, as frames, and the test views."""
    c_pos: Threshold = 0.3
    """Contrast threshold of ON events, as in E2NeRF."""
    c_neg: Threshold = 0.2
    """Contrast threshold of OFF events."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, broken or out of range."""
        root, file = Path(path), self.open(path)
        counts, scene = _counts(root), _scene(root, self.outside)
        events, notes = self.gathered(file)
        poses = scene.boundaries(len(counts), counts.shape[1], root)
        starts = self._starts(len(counts))
        bins = np.rint(np.linspace(0, self.exposure_s * 1e6, counts.shape[1] + 1)).astype(np.int64)
        trajectory = Trajectory.from_matrices(
            (starts[:, None] + bins).ravel(), poses.reshape(-1, 4, 4), where=str(root)
        )
        trajectory, said = cover(events, trajectory, where=str(root))
        notes += said
        if (poses == poses[:, :1]).all():
            notes += ("Each view has one pose: the files do not contain the camera's motion during exposures.",)
        frames, heldout = None, None
        if self.views:
            some = np.arange(len(counts))[:: self.view_stride]
            t_us = starts[some] + int(bins[-1]) // 2
            files = [scene.files[i] for i in some]
            frames = posed_views(files, poses_at(trajectory, t_us), scene.camera, channels=1, t_us=t_us)
            heldout = _test_views(root, self.view_stride, self.outside)
        return Recording(
            events=events,
            camera=file.camera,
            sensor=self.sensor,
            trajectory=trajectory,
            frames=frames,
            heldout=heldout,
            name=root.resolve().name,
            path=root,
            notes=notes,
        )

    def open(self, path: str | Path) -> EventFile:
        """Open the folder `path` for one pass over its events."""
        root = Path(path)
        counts, scene = _counts(root), _scene(root, self.outside)
        views, bins = counts.shape[:2]
        camera = scene.camera
        if math.prod(counts.shape[2:]) != camera.width * camera.height:
            shape = " x ".join(str(n) for n in counts.shape)
            raise InputError(
                f"holds {shape} counts, the images {camera.width} x {camera.height} pixels",
                _file(root),
                "copy both again",
            )

        def decode(damages: Damages) -> Iterator[EventColumns]:
            edges = np.linspace(0, self.exposure_s * 1e6, bins + 1)
            for view, start in enumerate(self._starts(views)):
                for i in range(bins):
                    signed = counts[view, i].reshape(-1).to(torch.float64).numpy()
                    yield _spread(signed, camera.width, start + edges[i], start + edges[i + 1], damages)

        seconds = f"{self.exposure_s:g} s, {self.pause_s:g} s apart"
        return EventFile(
            format="E2NeRF counts",
            path=_file(root),
            width=camera.width,
            height=camera.height,
            decode=decode,
            camera=camera,
            notes=(
                "Events are approximate: the files count them, ON less OFF, in "
                f"{bins} bins a view, and they were spread evenly over each bin.",
                f"Times are assumed: {views} exposures of {seconds}.",
                self.thresholds_note,
            ),
        )

    def _starts(self, views: int) -> Int64[np.ndarray, " v"]:
        return np.rint(np.arange(views) * (self.exposure_s + self.pause_s) * 1e6).astype(np.int64)


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with a tensor `events.pt`, and poses of Blender's or LLFF's layout."""
    root = Path(path)
    if not any(first_bytes(root / name, 4) == b"PK\x03\x04" for name in HOLDS):
        return False
    if first_bytes(root / "poses_bounds.npy", 6) == b"\x93NUMPY":
        return True
    json = _json(root, "train")
    return json is not None and plain_head(first_bytes(json, 64)).lstrip().startswith(b"{")


class _Scene(NamedTuple):
    """Images, their camera and poses."""

    files: list[Path]
    """An image a view."""
    camera: Camera
    """Of images and events."""
    T_world_camera: list[Float64[np.ndarray, "k 4 4"]]
    """Poses of each frame in OpenCV axes."""

    def boundaries(self, views: int, bins: int, root: Path) -> Float64[np.ndarray, "v b 4 4"]:
        """Poses where bins begin and end. Raises `InputError` where there are not enough."""
        if len(self.T_world_camera) != views or len(self.files) != views:
            counts = f"{len(self.files)} images, {len(self.T_world_camera)} poses, counts of {views} views"
            raise InputError(f"holds {counts}", root, "copy the complete recording again")
        chosen = []
        for T in self.T_world_camera:
            if len(T) == 1:
                at = np.zeros(bins + 1, dtype=np.int64)
            elif len(T) == bins + 1:
                at = np.arange(bins + 1)
            elif len(T) >= bins + 2:
                at = 1 + np.arange(bins + 1) * ((len(T) - 2) // bins)
            else:
                raise InputError(f"a view has {len(T)} poses for {bins} bins", root, "copy the poses again")
            chosen.append(T[at])
        return np.stack(chosen)


def _file(root: Path) -> Path:
    found = [root / name for name in HOLDS if (root / name).is_file()]
    if len(found) != 1:
        raise InputError("must contain one events.pt or event.pt", root, "copy the complete recording again")
    return found[0]


def _counts(root: Path) -> torch.Tensor:
    """The tensor, mapped into memory; only tensors are unpickled."""
    file = _file(root)
    if first_bytes(file, 4) != b"PK\x03\x04":
        raise InputError("is not a tensor saved by PyTorch 1.6 or newer", file, "save it again with torch.save")
    try:
        counts = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # damaged files raise whatever the unpickler meets first
        raise InputError(f"cannot be read as a tensor ({str(error)[:160]})", file, "copy it again") from None
    if not isinstance(counts, torch.Tensor) or counts.ndim not in (3, 4) or counts.layout != torch.strided:
        raise InputError("is not a tensor of views x bins x pixels", file, "copy it again")
    known = not (counts.is_complex() or counts.is_quantized) and counts.device.type == "cpu"
    if not known or counts.numel() == 0 or counts.numel() * counts.element_size() > file.stat().st_size:
        raise InputError(f"claims {counts.numel():,} counts of {counts.dtype}", file, "copy it again")
    return counts


def _spread(signed: np.ndarray, width: int, start_us: float, stop_us: float, damages: Damages) -> EventColumns:
    """Events of one bin, those of a pixel evenly apart, in order of time."""
    with np.errstate(invalid="ignore"):
        sound = (np.abs(signed) <= _MOST_COUNTED) & (signed == np.rint(signed))
    if not sound.all():
        damages.found(
            f"a count is not a whole number from -{_MOST_COUNTED} to {_MOST_COUNTED}",
            row=int(np.argmin(sound)),
            lost_events=int(np.count_nonzero(~sound)),
        )
        signed = np.where(sound, signed, 0)
    counts = np.abs(signed).astype(np.int64)
    if counts.sum() > 100 * len(counts):
        damages.found("a bin holds more than 100 events a pixel", lost_events=int(counts.sum()))
        counts = np.zeros_like(counts)
    pixel = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(pixel)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (number + 0.5) / counts[pixel]
    t_us = np.floor(start_us + share * (stop_us - start_us)).astype(np.int64)
    order = np.argsort(t_us, kind="stable")
    pixel = pixel[order]
    return EventColumns.of(pixel % width, pixel // width, t_us[order], signed[pixel] > 0)


def _json(root: Path, split: str) -> Path | None:
    names = (f"transform_{split}.json", f"transforms_{split}.json")
    return next((root / name for name in names if (root / name).is_file()), None)


def _scene(root: Path, outside: bool) -> _Scene:
    """Images and poses of the views that have counts."""
    views, bins = _counts(root).shape[:2]
    file = _json(root, "train")
    if file is not None:
        files, T, camera = _rendered(root, file, "train", views, outside)
        return _Scene(files, camera, T)
    files, poses = listed_images(root / "images"), read_poses_bounds(root / "poses_bounds.npy")
    camera = one_llff_camera(poses, *stored_size(files[0]), root / "poses_bounds.npy")
    T = orthonormal(poses.T_world_camera)
    if len(T) not in (views, views * (bins + 1)):
        raise InputError(f"holds {len(T)} poses for {views} views of {bins} bins", root / "poses_bounds.npy")
    return _Scene(files, camera, list(T.reshape(views, -1, 4, 4)))


def _rendered(
    root: Path, file: Path, split: str, views: int | None, outside: bool
) -> tuple[list[Path], list[Float64[np.ndarray, "k 4 4"]], Camera]:
    """Images, poses and camera of a split; `views` None: as many as there are frames."""
    meta: dict[str, Any] = read_json(file)
    entries = meta.get("frames")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise InputError("lists no frames", file, "write the views again")
    step = 1 if views is None else max(1, len(entries) // max(views, 1))
    chosen = list(range(0, len(entries), step))
    poses = [orthonormal(_poses(entries[i], file)) * OPENGL for i in chosen]
    files = []
    for i in chosen:
        numbered = root / split / f"r_{i}.png"
        named = str(entries[i].get("file_path", ""))
        files.append(numbered if numbered.is_file() else image_file(root, named, outside))
    return files, poses, camera_of_transforms(meta, *stored_size(files[0]), file)


def _poses(entry: dict[str, Any], file: Path) -> Float64[np.ndarray, "k 4 4"]:
    try:
        listed = np.asarray(entry.get("transform_matrix"), dtype=np.float64)
    except (TypeError, ValueError):
        listed = np.zeros(0)
    if listed.ndim == 3 and len(listed) and listed.shape[1:] == (4, 4):
        return checked_poses(listed, file)
    return frame_pose(entry, file)[None]


def _test_views(root: Path, stride: int, outside: bool) -> Views | None:
    file = _json(root, "test")
    if file is None:
        return None
    files, T, camera = _rendered(root, file, "test", None, outside)
    first = np.stack([poses[min(1, len(poses) - 1)] for poses in T])
    return posed_views(files[::stride], first[::stride], camera, channels=1)
