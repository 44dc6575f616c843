"""EDS (Hidalgo-Carrio et al., CVPR 2022): an event camera and a frame camera behind one beam splitter, 640 x 480 each.

A sequence folder holds `events.h5` with x, y, t, p at its root (t in microseconds since 1970; a `t_offset` is added
where there is one), `stamped_groundtruth.txt` with lines `t px py pz qx qy qz qw` (seconds, OpenCV axes), `images/`
with `images_timestamps.txt`, `images/times.txt` or `images/timestamps.txt` (seconds or microseconds since 1970: told
by their size), and, from another download, a calibration of Kalibr's (`*.yaml`): cam0 is the frame camera, cam1 the
event camera, both radtan, and cam1's `T_cn_cnm1` takes points of the frame camera to the event camera.

The dataset's page does not say which of the two cameras, 4 mm and 1.5 degrees apart, the poses are of: `poses_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from efields.cameras.along_trajectory import gap_notes, views_along
from efields.cameras.rig import FrameList, image_files, kalibr_camera, left_out_notes, listed_frames, rigid
from efields.errors import InputError
from efields.formats.hdf5.events import decode_events, find_events, holds_events
from efields.formats.yaml import numbers, read_yaml
from efields.geometry.camera import Camera
from efields.loaders._options import PosedSequence
from efields.poses.cover import cover
from efields.poses.text import read_trajectory
from efields.recordings.event_file import EventFile
from efields.recordings.recording import Recording, covered_events

HOLDS = ("stamped_groundtruth.txt",)

_SIZE = (640, 480)
_TIMES = ("images_timestamps.txt", "images/times.txt", "images/timestamps.txt", "images/images_timestamps.txt")
_SECONDS_BELOW = 1e11  # as seconds that is the year 5138, as microseconds the second day of 1970


@dataclass(frozen=True)
class Config(PosedSequence):
    """How to read an EDS sequence."""

    poses_of: Literal["event", "frame"] = "event"
    """Which camera the ground-truth poses are of; with "frame", the event camera's follow from the extrinsics."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, broken or out of range."""
        root, file = Path(path), self.open(path)
        events, notes = self.gathered(file)
        notes += (
            self.thresholds_note,
            f"The poses are assumed to be those of the {self.poses_of} camera (option poses_of changes this).",
        )
        frame_camera, T_event_frame = None, None
        yaml, rig = _calibration(root)
        if yaml is not None:
            frame_camera = kalibr_camera(rig, "cam0", yaml)
            T_event_frame = rigid(numbers(rig, ("cam1", "T_cn_cnm1"), (4, 4), yaml), "T_cn_cnm1", yaml)
        elif self.poses_of == "frame":
            raise InputError("contains no calibration between the two cameras", root, "add Kalibr's yaml")
        T_posed_event = np.linalg.inv(T_event_frame) if self.poses_of == "frame" and T_event_frame is not None else None
        trajectory, _ = read_trajectory(root / "stamped_groundtruth.txt", "s", self.trajectory, T_posed_event)
        trajectory, said = cover(events, trajectory, self.extrapolate_s, where=str(root))
        covered = covered_events(events, trajectory)
        notes += said + gap_notes(trajectory, covered)
        frames, views = _frame_list(root), None
        if frames is not None and self.frames != "none" and T_event_frame is not None and frame_camera is not None:
            views, said = views_along(frames, self.frames, covered, trajectory, frame_camera, T_event_frame)
            notes += said
        elif frames is not None and self.frames != "none":
            notes += ("The frames were left out: the calibration of their camera is missing.",)
        elif frames is not None:
            notes += left_out_notes(len(frames.files), len(frames.files), "none")
        return Recording(
            events=events,
            camera=file.camera,
            sensor=self.sensor,
            trajectory=trajectory,
            frames=views,
            name=root.resolve().name,
            path=root,
            notes=notes,
        )

    def open(self, path: str | Path) -> EventFile:
        """Open the folder `path` for one pass over its events."""
        root = Path(path)
        file = root / "events.h5"
        if not file.is_file():
            raise InputError("contains no events.h5", root, "copy the complete recording again")
        camera, notes = _event_camera(root)
        return EventFile(
            format="EDS HDF5",
            path=file,
            width=camera.width if camera is not None else _SIZE[0],
            height=camera.height if camera is not None else _SIZE[1],
            decode=decode_events(file, find_events(file), start_s=self.start_s, stop_s=self.stop_s),
            camera=camera,
            notes=notes,
        )


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with `stamped_groundtruth.txt` and an `events.h5` that holds columns of events."""
    root = Path(path)
    prepared = (root / "stamped_groundtruth_us.txt").is_file()  # for E-NeRF
    return not prepared and (root / "stamped_groundtruth.txt").is_file() and holds_events(root / "events.h5")


def _event_camera(root: Path) -> tuple[Camera | None, tuple[str, ...]]:
    yaml, rig = _calibration(root)
    if yaml is None:
        return None, ("The calibration is missing (Kalibr's *.yaml with cam0 and cam1).",)
    return kalibr_camera(rig, "cam1", yaml), ()


def _calibration(root: Path) -> tuple[Path | None, dict[str, Any]]:
    """The one YAML file of the folder that describes two cameras, and what it holds."""
    found = []
    for path in sorted([*root.glob("*.yaml"), *root.glob("*.yml")])[:20]:
        rig = read_yaml(path)
        if "cam0" in rig and "cam1" in rig:
            found.append((path, rig))
    if len(found) > 1:
        named = ", ".join(path.name for path, _ in found)
        raise InputError(f"contains several calibrations ({named})", root, "keep only the one of this sequence there")
    return found[0] if found else (None, {})


def _frame_list(root: Path) -> FrameList | None:
    """Times and files of the frames; None where there are none."""
    files = image_files(root / "images")
    times = next((root / name for name in _TIMES if (root / name).is_file()), None)
    if times is None or not files:
        return None
    seconds = listed_frames(times, 1.0, files)
    return listed_frames(times, 1e6, files) if (seconds.t_us < _SECONDS_BELOW).all() else seconds
