"""The Event Camera Dataset (Mueggler et al., IJRR 2017): a folder of text files from a DAVIS240C.

`events.txt` (or one `events*.txt`) holds lines `t x y p`, seconds; `calib.txt` `fx fy cx cy k1 k2 p1 p2 k3` (or fewer,
or a camera matrix); `groundtruth.txt` `t px py pz qx qy qz qw`, camera to world in OpenCV axes; `images.txt` `t file`.
The last two may be absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int64

from efields.cameras.intrinsics import check_plausible, read_intrinsics
from efields.errors import InputError
from efields.events.stream import EventStream, seconds_to_us
from efields.formats.images import read_image, to_channels
from efields.formats.opening import first_bytes
from efields.formats.places import named_file
from efields.formats.text.tables import read_event_text
from efields.geometry.camera import Camera
from efields.geometry.trajectory import Trajectory
from efields.loaders._options import AssumedSensor, Interpolated, Outside
from efields.poses.cover import cover
from efields.poses.text import read_trajectory
from efields.ranges import PixelsOrUnknown
from efields.recordings.recording import Recording, Views, covered_events
from efields.text import plain_head, read_text

HOLDS = ("calib.txt",)

_DAVIS240C = (240, 180)


@dataclass(frozen=True)
class Config(Interpolated, AssumedSensor, Outside):
    """How to read an ECD folder."""

    width: PixelsOrUnknown = 0
    """Width of the sensor in pixels; 0: that of the first frame, else 240."""
    height: PixelsOrUnknown = 0
    """Height of the sensor in pixels; 0: that of the first frame, else 180."""
    frames: Literal["during_events", "all", "none"] = "during_events"
    """Which frames to read: those taken during the events, all that the poses cover, or none."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder `path`. Raises `InputError` for anything missing, broken or out of range."""
        root = Path(path)
        file = _events_file(root)
        frame_t_us, frame_files = (
            _frame_list(root, self.outside) if self.frames != "none" else (np.zeros(0, dtype=np.int64), [])
        )
        camera, notes = self._camera(root, frame_files)
        text = read_event_text(file)
        events = EventStream.from_arrays(
            text.x, text.y, text.t_us, text.polarity, camera.width, camera.height, where=str(file)
        )
        notes += (self.thresholds_note,)
        trajectory, frames = None, None
        if (root / "groundtruth.txt").is_file():
            span = int(events.t_us[0]), int(events.t_us[-1])
            trajectory, said = read_trajectory(root / "groundtruth.txt", "s", self.trajectory, events_us=span)
            trajectory, found = cover(events, trajectory, self.extrapolate_s, where=str(root))
            frames, left_out = self._frames(
                covered_events(events, trajectory), trajectory, camera, frame_t_us, frame_files
            )
            notes += said + found + left_out
        else:
            unposed = f", so its {len(frame_files)} frames were left out" if frame_files else ""
            notes += (f"The recording has no poses (no groundtruth.txt){unposed}.",)
        return Recording(
            events=events,
            camera=camera,
            sensor=self.sensor,
            trajectory=trajectory,
            frames=frames,
            name=root.resolve().name,
            path=root,
            notes=notes,
        )

    def _camera(self, root: Path, frame_files: list[Path]) -> tuple[Camera, tuple[str, ...]]:
        path = root / "calib.txt"
        found = read_intrinsics(path)
        width, height = self.width, self.height
        known = bool((width and height) or (frame_files and frame_files[0].is_file()))
        if not (width and height):
            rows, columns = read_image(frame_files[0]).shape[:2] if known else _DAVIS240C[::-1]
            width, height = width or columns, height or rows
        notes = found.notes + found.check_skew(height, path)
        if known:
            notes += check_plausible(found, "plumb_bob", width, height, False, path)
        else:
            notes += (
                f"The sensor is assumed to be a DAVIS240C, {width} x {height}: there is no frame that shows its size.",
            )
        pinhole = found.fx, found.fy, found.cx, found.cy
        try:
            camera = Camera(width, height, *pinhole, distortion_model="plumb_bob", distortion=found.distortion)
        except InputError as error:
            raise InputError(error.what, path, error.do) from None
        return camera, notes

    def _frames(
        self,
        events: EventStream,
        trajectory: Trajectory,
        camera: Camera,
        t_us: Int64[np.ndarray, " n"],
        files: list[Path],
    ) -> tuple[Views | None, tuple[str, ...]]:
        """Frames that the poses cover, posed by interpolation, and a note on the others."""
        kept = trajectory.covers(t_us)
        if self.frames == "during_events":
            kept &= (t_us >= events.t_us[0]) & (t_us <= events.t_us[-1])
        left_out = int(len(t_us) - kept.sum())
        why = "the time of the events and poses" if self.frames == "during_events" else "the time of the poses"
        notes = (f"{left_out} of {len(t_us)} frames lie outside {why} and were left out.",) if left_out else ()
        if not kept.any():
            return None, notes
        index = np.flatnonzero(kept)
        images = [to_channels(read_image(files[i]), camera.channels) for i in index]
        for i, image in zip(index, images, strict=True):
            if image.shape[:2] != (camera.height, camera.width):
                raise InputError(
                    f"is {image.shape[1]} x {image.shape[0]}, the sensor {camera.width} x {camera.height}", files[i]
                )
        views = Views.stacked(
            image=np.stack(images),
            T_world_camera=trajectory.at(torch.from_numpy((t_us[index] - trajectory.origin_us) * 1e-6))
            .matrix()
            .numpy(),
            camera=camera,
            names=tuple(files[i].name for i in index),
            t_us=t_us[index],
            # The DAVIS integrates light linearly and its driver publishes the converter's raw numbers.
            color_space="linear",
        )
        return views, notes


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with `calib.txt` and an event text file whose first line is four numbers."""
    root = Path(path)
    if not (root / "calib.txt").is_file():
        return False
    for file in root.glob("events*.txt"):
        words = plain_head(first_bytes(file, 256)).split(b"\n")[0].split()
        try:
            if len(words) == 4 and all(np.isfinite(float(word)) for word in words):
                return True
        except ValueError:
            continue
    return False


def _events_file(root: Path) -> Path:
    named = sorted(root.glob("events*.txt"))
    if root / "events.txt" in named:
        return root / "events.txt"
    if len(named) != 1:
        found = ", ".join(file.name for file in named) or "none"
        raise InputError(
            f"has no events.txt, and not exactly one events*.txt (found: {found})", root, "keep only one of them there"
        )
    return named[0]


def _frame_list(root: Path, outside: bool) -> tuple[Int64[np.ndarray, " n"], list[Path]]:
    """Times and files of `images.txt`; empty where there is none."""
    path = root / "images.txt"
    if not path.is_file():
        return np.zeros(0, dtype=np.int64), []
    times, files = [], []
    try:
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            # No file system takes a longer name; asking for such a file is an error of its own.
            if len(words) != 2 or not np.isfinite(time := float(words[0])) or len(words[1].encode()) > 255:
                raise ValueError(f"line {number}: '{line.strip()[:60]}'")
            times.append(time)
            files.append(named_file(root, words[1], "frame", outside=outside, find=lambda path: path))
    except (OSError, ValueError) as error:
        raise InputError(f"has a broken line ({error})", path, "every line must read 't file'") from None
    return seconds_to_us(np.array(times, dtype=np.float64)), files
