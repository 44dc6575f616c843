"""Posed RGB of COLMAP (Schoenberger and Frahm, CVPR 2016): a sparse model and its folder of images, no events.

The model, text or binary, lies in `sparse/0`, `sparse` or the folder itself (see `efields.cameras.colmap`); poses are
world to camera with quaternions w x y z, and the centre of the first pixel is (0.5, 0.5). Camera models that are held:
SIMPLE_PINHOLE, PINHOLE, SIMPLE_RADIAL, RADIAL, OPENCV, OPENCV_FISHEYE. Each image has its own camera.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np

from efields.cameras.colmap import MODELS, model_folder, read_model
from efields.cameras.scene_points import colmap_points
from efields.errors import InputError
from efields.formats.opening import first_bytes
from efields.formats.places import moved_note, named_file
from efields.loaders._options import EveryView, Outside
from efields.loaders._posed_images import held_out, posed_views, turned_note, without_events
from efields.ranges import Range
from efields.recordings.recording import Recording
from efields.text import plain_head

HOLDS = ("cameras.*", "sparse/0/cameras.*", "sparse/cameras.*", "colmap/sparse/0/cameras.*")


@dataclass(frozen=True)
class Config(EveryView, Outside):
    """How to read a COLMAP model and its images."""

    images: str = "images"
    """Folder of the images, relative to the project."""
    heldout_every: Annotated[int, Range(0, 10**9)] = 8
    """Hold out the first of every n views; 0: none."""

    def load(self, path: str | Path) -> Recording:
        """Read the project folder `path`. Raises `InputError` for anything missing, damaged or out of range."""
        root = Path(path)
        folder = model_folder(root)
        if folder is None:
            raise InputError(
                "contains no COLMAP cameras and images (.bin or .txt)", root, "give the folder that contains 'sparse'"
            )
        cameras, posed = read_model(folder)
        posed = posed[:: self.view_stride]
        place = root / self.images
        if not place.is_dir():
            raise InputError("no such folder of images", place, "give it with the option images")
        names = [image.name for image in posed]
        files = [named_file(place, name, "image", outside=self.outside) for name in names]
        of_each = [cameras[image.camera_id] for image in posed]
        views = posed_views(files, np.stack([image.T_world_camera for image in posed]), of_each)
        frames, heldout = held_out(views, self.heldout_every, root)
        notes = turned_note(files, views) + moved_note(names, files, "images")
        return replace(without_events(root, frames, heldout, notes), points=colmap_points(folder))


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with a sparse model whose first camera is of a known kind."""
    folder = model_folder(Path(path))
    if folder is None:
        return False
    if (folder / "cameras.bin").is_file() and (folder / "images.bin").is_file():
        head = first_bytes(folder / "cameras.bin", 16)
        return (
            len(head) == 16
            and 0 < int.from_bytes(head[:8], "little") < 1 << 20
            and head[12] < 32
            and not any(head[13:])
        )
    lines = plain_head(first_bytes(folder / "cameras.txt", 1 << 12)).decode("utf-8", "replace").splitlines()
    words = next((line.split() for line in lines if line.strip() and not line.startswith("#")), [])
    return len(words) > 4 and words[0].isdecimal() and words[1] in MODELS
