"""Posed RGB of LLFF (Mildenhall et al., SIGGRAPH 2019): photographs posed by COLMAP, no events.

A folder of `poses_bounds.npy` (see `efields.cameras.llff`: columns are down, right, back), `images/`, and smaller
copies of them in `images_4/`, `images_8/` and the like, in the order of their names. The focal length is that of
`images/` and is scaled to the images that are read; the principal point is the middle of the image.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from efields.cameras.llff import depth_range, llff_camera, read_poses_bounds
from efields.cameras.transforms import orthonormal
from efields.errors import InputError
from efields.formats.images import stored_size
from efields.formats.opening import first_bytes
from efields.loaders._posed_images import held_out, listed_images, posed_views, without_events
from efields.ranges import Range
from efields.recordings.recording import Recording

HOLDS = ("poses_bounds.npy",)


@dataclass(frozen=True)
class Config:
    """How to read posed images in LLFF's layout."""

    factor: Annotated[int, Range(0, 1000)] = 0
    """Read `images_N`; 1: `images`; 0: `images` if it exists, else the least reduced copy."""
    heldout_every: Annotated[int, Range(0, 10**9)] = 8
    """Hold out the first of every n views, 8 in the papers; 0: none."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, damaged or out of range."""
        root = Path(path)
        poses = read_poses_bounds(root / "poses_bounds.npy")
        folder, notes = self._images(root)
        files = listed_images(folder)
        if len(files) != len(poses.bounds):
            raise InputError(
                f"holds {len(files)} images, poses_bounds.npy {len(poses.bounds)} poses", folder, "copy both again"
            )
        sizes = [stored_size(file) for file in files]
        cameras = [llff_camera(poses, i, *size, root / "poses_bounds.npy") for i, size in enumerate(sizes)]
        views = posed_views(files, orthonormal(poses.T_world_camera), cameras)
        frames, heldout = held_out(views, self.heldout_every, root)
        depths = f"Depths of the scene lie from {poses.bounds.min():.4g} to {poses.bounds.max():.4g} world units."
        recording = without_events(root, frames, heldout, (*notes, depths))
        return replace(recording, depth_range=depth_range(poses))

    def _images(self, root: Path) -> tuple[Path, tuple[str, ...]]:
        """The folder of images, and a note on the others."""
        if self.factor < 0:
            raise InputError(f"factor is {self.factor}", root, "give 0 or more")
        found = _image_folders(root)
        if not found:
            raise InputError("contains no folder images or images_N", root, "copy the complete recording again")
        factor = self.factor or min(found)
        if factor not in found:
            have = ", ".join(str(n) for n in sorted(found))
            raise InputError(f"has no images_{factor}", root, f"existing factors: {have}")
        others = [found[n].name for n in sorted(found) if n != factor]
        said = f"Images are those of {found[factor].name}; there also are {', '.join(others)} (option factor)."
        return found[factor], (said,) if others else ()


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with an array `poses_bounds.npy`, folders of images, and no events."""
    root = Path(path)
    if first_bytes(root / "poses_bounds.npy", 6) != b"\x93NUMPY" or not _image_folders(root):
        return False
    events = ("events", "events.h5", "events.pt", "all_poses_bounds.npy")
    return not any((root / name).exists() for name in events)


def _image_folders(root: Path) -> dict[int, Path]:
    """Folders of images by how much they are reduced."""
    found = {1: root / "images"} if (root / "images").is_dir() else {}
    for folder in root.glob("images_*"):
        factor = folder.name.removeprefix("images_")
        if factor.isdecimal() and int(factor) > 0 and folder.is_dir():
            found.setdefault(int(factor), folder)
    return found
