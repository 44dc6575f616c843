"""EventNeRF (Rudnev et al., CVPR 2023) and E-3DGS: the NeRF++ layout with events.

`<scene>/{train,validation,test}/` each hold `intrinsics/*.txt` (a 4 x 4 matrix row by row; a fifth row is `k1 k2 0 0`),
`pose/*.txt` (4 x 4, camera to world, OpenCV axes), `rgb/*.png`, and `train/events/` exactly one `.npz` of x, y, t, p
(p is -1 or 1, or 0 or 1). Files count in the order of their names. The unit of t is not stated: only t / max(t) is
used, view i of n being at i / (n - 1) of it. The sensor is a DAVIS346 with the Bayer pattern RGGB. The centre of the
first pixel is (0.5, 0.5). Images are display-encoded (gamma 2.2); those of the real scenes' training split are
placeholders.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from jaxtyping import Float64

from efields.cameras.intrinsics import intrinsics_of
from efields.cameras.transforms import checked_poses, orthonormal
from efields.errors import InputError
from efields.events.stream import EventStream
from efields.formats.arrays.npz import expect_shape, is_zip, npz_members, read_npz
from efields.formats.images import stored_size
from efields.geometry.camera import Camera
from efields.geometry.many_cameras import distinct
from efields.geometry.trajectory import Trajectory
from efields.loaders._options import EveryView, Thresholds
from efields.loaders._posed_images import listed_images, posed_views
from efields.ranges import Range, Threshold
from efields.recordings.recording import Recording, Views
from efields.text import read_text

HOLDS = ("train/pose",)

_DAVIS346 = (346, 260)


@dataclass(frozen=True)
class Config(EveryView, Thresholds):
    """How to read a scene of EventNeRF."""

    duration_s: Annotated[float, Range(1e-6, 1e9)] = 1.0
    """Time of the last event in seconds: the layout has no unit of time, and losses do not depend on it."""
    bayer: str = "RGGB"
    """Colour filters of the sensor; empty: a grey one."""
    frames: bool = False
    """Whether to read the images of the training split, which EventNeRF does not train on and real scenes lack."""
    c_pos: Threshold = 0.25
    """Contrast threshold of ON events; the layout does not say, EventNeRF uses 0.25 (real scenes 0.1 or 0.2)."""

    def load(self, path: str | Path) -> Recording:
        """Read the scene folder `path`. Raises `InputError` for anything missing, broken or out of range."""
        root = Path(path)
        train = root / "train"
        poses = _poses(train)
        images = listed_images(train / "rgb") if (train / "rgb").is_dir() else []
        camera = self._camera(train, images)
        events = self._events(train, camera)
        last_us = round(self.duration_s * 1e6)
        t_us = np.rint(np.linspace(0, last_us, len(poses))).astype(np.int64)
        trajectory = Trajectory.from_matrices(t_us, poses, origin_us=int(events.t_us[0]), where=str(train / "pose"))
        frames, heldout = None, None
        notes = (
            f"The layout has no unit of time: the last event is assumed to be at {self.duration_s:g} s.",
            self.thresholds_note,
        )
        if self.frames and images:
            frames, found = self._views(train, images, poses, camera, t_us)
            notes += found
        held = next((root / split for split in ("test", "validation") if (root / split / "pose").is_dir()), None)
        if held is not None and (held / "rgb").is_dir():
            files = listed_images(held / "rgb")
            heldout, found = self._views(held, files, _poses(held), self._cameras(held, files), None)
            notes += found
        return Recording(
            events=events,
            camera=camera,
            sensor=self.sensor,
            trajectory=trajectory,
            frames=frames,
            heldout=heldout,
            name=root.resolve().name,
            path=root,
            notes=notes,
        )

    def _camera(self, split: Path, images: list[Path]) -> Camera:
        """The event camera, which all views of its split share."""
        cameras, _ = distinct(self._cameras(split, images))
        if len(cameras) != 1:
            do = "give all views the event camera's"
            raise InputError(f"holds {len(cameras)} cameras that differ", split / "intrinsics", do)
        return cameras[0]

    def _cameras(self, split: Path, images: list[Path]) -> list[Camera]:
        """The camera of each view of a split, or one where all share a file, half a pixel off the principal point."""
        files = sorted((split / "intrinsics").glob("*.txt"))
        if not files:
            raise InputError("contains no intrinsics/*.txt", split, "copy the complete recording again")
        if images and len(files) not in (1, len(images)):
            raise InputError(f"holds {len(files)} intrinsics and {len(images)} images", split, "copy both again")
        sizes = [stored_size(image) for image in images] or [_DAVIS346] * len(files)
        return [self._read_camera(files[i % len(files)], *size) for i, size in enumerate(sizes)]

    def _read_camera(self, file: Path, columns: int, rows: int) -> Camera:
        matrix = _matrix(file, (16, 20))
        k, lens = matrix[:4], tuple(matrix[4]) if len(matrix) == 5 else ()
        found = intrinsics_of(k.tolist(), file)
        if abs(found.skew) > 1e-6 * abs(found.fx):
            raise InputError(f"intrinsics have a skew of {found.skew:g}", file, "rectify the recording first")
        centre = found.cx - 0.5, found.cy - 0.5
        model = "plumb_bob" if any(lens) else "none"
        try:
            return Camera(columns, rows, found.fx, found.fy, *centre, model, lens if any(lens) else (), self.bayer)
        except InputError as error:
            raise InputError(error.what, file, error.do) from None

    def _events(self, train: Path, camera: Camera) -> EventStream:
        found = sorted((train / "events").glob("*.npz"))
        if len(found) != 1:
            names = ", ".join(file.name for file in found) or "none"
            raise InputError(f"must contain exactly one .npz (found: {names})", train / "events", "keep only one there")
        raw = read_npz(found[0], ("x", "y", "t", "p"))
        x, y, t, p = (expect_shape(raw[key], (len(raw["t"].reshape(-1)),), key, found[0]) for key in "xytp")
        if t.dtype.kind not in "iuf" or len(t) == 0 or not np.isfinite(t).all() or t.min() < 0 or t.max() <= 0:
            raise InputError("has no events, or times that are not finite or negative", found[0], "check t")
        t_us = np.rint(t.astype(np.float64) / float(t.max()) * round(self.duration_s * 1e6)).astype(np.int64)
        return EventStream.from_arrays(x, y, t_us, p, camera.width, camera.height, where=str(found[0]))

    def _views(
        self,
        split: Path,
        files: list[Path],
        poses: Float64[np.ndarray, "n 4 4"],
        camera: Camera | list[Camera],
        t_us: np.ndarray | None,
    ) -> tuple[Views | None, tuple[str, ...]]:
        """Images of a split; none where they are all of one value."""
        if len(files) != len(poses):
            raise InputError(f"holds {len(files)} images and {len(poses)} poses", split, "copy both again")
        some = slice(None, None, self.view_stride)
        of_each = camera if isinstance(camera, Camera) else camera[some]
        channels = 3 if self.bayer else 1
        taken = None if t_us is None else t_us[some]
        views = posed_views(files[some], poses[some], of_each, channels=channels, t_us=taken)
        if all(float(np.ptp(image)) == 0 for image in views.images):
            return None, (f"The images of {split.name}/rgb are placeholders and were left out.",)
        return views, ()


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with `train/pose`, `train/intrinsics` and arrays x, y, t, p in `train/events`."""
    train = Path(path) / "train"
    if not ((train / "pose").is_dir() and (train / "intrinsics").is_dir()):
        return False
    for file in (train / "events").glob("*.npz"):
        members = npz_members(file) if is_zip(file) else set()
        if members is None or {"x", "y", "t", "p"} <= members:
            return True
    return False


def _poses(split: Path) -> Float64[np.ndarray, "n 4 4"]:
    files = sorted((split / "pose").glob("*.txt"))
    if len(files) < 2:
        raise InputError(f"holds {len(files)} poses", split / "pose", "copy the complete recording again")
    poses = [_matrix(file, (16,)) for file in files]
    for pose, file in zip(poses, files, strict=True):
        checked_poses(pose, file)
    return orthonormal(np.stack(poses))


def _matrix(path: Path, sizes: tuple[int, ...]) -> Float64[np.ndarray, "r 4"]:
    """A matrix of four columns whose numbers stand on any lines."""
    try:
        words = read_text(path).split()
        numbers = np.array([float(word) for word in words])
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read as numbers ({error})", path, "copy the recording again") from None
    if len(numbers) not in sizes or not np.isfinite(numbers).all():
        wanted = " or ".join(str(size) for size in sizes)
        raise InputError(f"holds {len(numbers)} numbers, not {wanted} finite ones", path, "copy the recording again")
    return numbers.reshape(-1, 4)
