"""Posed RGB of the original NeRF (Mildenhall et al., ECCV 2020): renderings of Blender, no events.

A folder of `transforms_train.json`, `transforms_test.json` and `transforms_val.json`, each an object with
`camera_angle_x` (horizontal field of view, radians) and `frames`: `file_path` (relative, without ".png") and
`transform_matrix`, camera to world, 4 x 4, in OpenGL axes (x right, y up, z backwards). Images are RGBA, taken over
white; the principal point is the middle of the image, (w - 1) / 2 where centres of pixels are whole numbers. The
training views become frames, the test views (else the validation views) are held out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from efields.cameras.transforms import orthonormal, read_transforms
from efields.errors import InputError
from efields.formats.opening import first_bytes
from efields.loaders._options import Outside
from efields.loaders._posed_images import without_events
from efields.ranges import EveryNth
from efields.recordings.recording import Recording, Views
from efields.text import plain_head

HOLDS = ("transforms_train.json",)


@dataclass(frozen=True)
class Config(Outside):
    """How to read Blender's posed images."""

    view_stride: EveryNth = 1
    """Read only every n-th view: published scenes have 100 and 200 views of 800 x 800, 2.3 GB as float32."""
    heldout: bool = True
    """Whether to read the held-out views."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, damaged or out of range."""
        root = Path(path)
        frames = self._views(root / "transforms_train.json")
        heldout, notes = None, ()
        splits = [split for split in ("test", "val") if (root / f"transforms_{split}.json").is_file()]
        if self.heldout and splits:
            heldout = self._views(root / f"transforms_{splits[0]}.json")
            if splits[0] == "val":
                notes = ("The held-out views are the validation views: there are no test views.",)
        return without_events(root, frames, heldout, notes)

    def _views(self, path: Path) -> Views:
        if not path.is_file():
            raise InputError("no such file", path, "copy the complete recording again")
        views = read_transforms(path, color_space="display", channels=3, stride=self.view_stride, outside=self.outside)
        return replace(views, T_world_camera=orthonormal(views.T_world_camera))


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with a `transforms_train.json` that is an object, and no events of another layout."""
    root = Path(path)
    if (root / "events.pt").is_file():  # E2NeRF
        return False
    head = plain_head(first_bytes(root / "transforms_train.json", 1 << 16))
    return head.lstrip().startswith(b"{") and (b'"camera_angle_x"' in head or b'"frames"' in head)
