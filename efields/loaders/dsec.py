"""DSEC (Gehrig et al., RA-L 2021): a sequence folder, or one HDF5 file of events in its layout from anywhere.

A sequence holds, each part as its own download, so that any but the events may be absent:

- `events/{left,right}/events.h5`: `events/{x u16, y u16, t u32, p u8}`, p 0 or 1, t in microseconds to which the number
  `t_offset` is added to reach the clock of everything else; `ms_to_idx` (not needed here). 640 x 480 raw pixels.
- `events/{left,right}/rectify_map.h5`: (480, 640, 2) float32, raw pixel [y, x] to rectified (x, y). Not used: the
  calibration below says the same, and ground-truth flow and disparity live in the rectified image (`camRect0`).
- `calibration/cam_to_cam.yaml`: `intrinsics/cam0` (left events), `cam1`, `cam2` (frames), `cam3` (right events), each
  `camera_matrix` [fx, fy, cx, cy], `distortion_coeffs` radtan, `resolution`.
- `images/{left,right}/rectified/*.png` with `images/timestamps.txt` (microseconds), and beside `rectified` a file
  `exposure_timestamps*.txt`: start and end of each exposure, comma-separated.
- `disparity/`, `flow/`: counted here; `efields.formats.flow_png` reads the flow.

Poses are not published. A lone HDF5 file may also have the four columns at its root, times of any type, and no
`t_offset`: so TUM-VIE's, EDS's and VECtor's event files open too. Source: the dataset's page "Data Format".
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from efields.cameras.rig import FrameList, WhichFrames, camera_of, image_files, left_out_notes, listed_frames
from efields.errors import InputError
from efields.events.side_streams import Frames, SideStreams
from efields.formats.columns.fractional_pixels import NOTE
from efields.formats.columns.time_unit import TimeUnit
from efields.formats.damages import Damages
from efields.formats.hdf5.events import EventDatasets, decode_events, find_events, found_unit, holds_events
from efields.formats.hdf5.file import opened_hdf5
from efields.formats.images import read_image
from efields.formats.yaml import entry, read_yaml
from efields.geometry.camera import Camera
from efields.loaders._options import AssumedSensor, Salvaging, Span
from efields.ranges import PixelsOrUnknown
from efields.recordings.event_file import EventFile
from efields.recordings.gathering import recording_of
from efields.recordings.recording import Recording
from efields.recordings.sensor_size import checked_size, with_assumed_size
from efields.text import read_text

BEGINS = rb"\x89HDF\r\n\x1a\n"
HOLDS = ("events/*/events.h5",)

_SIZE = (640, 480)
_CAMERAS = {"left": "cam0", "right": "cam3"}


@dataclass(frozen=True)
class Config(Span, AssumedSensor, Salvaging):
    """How to read a DSEC sequence, or an event file in its layout."""

    camera: Literal["left", "right"] = "left"
    """Which event camera of a sequence folder."""
    frames: WhichFrames = "none"
    """Which frames of the same side to read; they are 1440 x 1080 in colour, 4.7 MB each."""
    width: PixelsOrUnknown = 0
    """Width of the sensor in pixels; 0: from the calibration, else DSEC's; for a single file, from its events."""
    height: PixelsOrUnknown = 0
    """Height of the sensor in pixels; 0: like `width`."""
    time_unit: TimeUnit = "auto"
    """Unit of the times; "auto": microseconds in a sequence, detected from the values for a single file."""

    def load(self, path: str | Path) -> Recording:
        """Read the folder or file `path`. Raises `InputError` for anything missing, broken or out of range."""
        sensor = self.sensor
        recording = recording_of(self.open(path), self.salvage, sensor)
        source = Path(path)
        notes = (
            *recording.notes,
            self.thresholds_note,
            "The recording has no poses.",
        )
        name = source.resolve().name if source.is_dir() else recording.name
        return replace(recording, name=name, path=source, notes=notes)

    def open(self, path: str | Path) -> EventFile:
        """Open for one pass; `path` as for `load`."""
        source = Path(path)
        checked_size(self.width, self.height, source)
        root, side, file = self._places(source)
        found = find_events(file)
        notes: tuple[str, ...] = ()
        unit = self.time_unit
        if unit == "auto" and root is None:
            unit, notes = found_unit(file, found)
        notes += (NOTE,) if found.fractional else ()
        camera = None
        if root is not None:
            camera, said = _calibration(root, side)
            notes += said + _beside(root, side)
        opened = EventFile(
            format="DSEC" if root is not None else "HDF5 events in DSEC's layout",
            path=file,
            width=0,
            height=0,
            decode=decode_events(file, found, unit=unit, start_s=self.start_s, stop_s=self.stop_s),
            camera=camera,
        )
        if root is not None:
            frames, said = _frame_list(root, side, self.frames)
            notes += said
            opened = replace(opened, side_streams=lambda damages: self._side_streams(frames, found, damages))
        return self._with_size(replace(opened, notes=notes), found, root is not None)

    def _places(self, source: Path) -> tuple[Path | None, str, Path]:
        """The sequence folder (None for a lone file), the side, and the file of events."""
        if source.is_dir():
            file = source / "events" / self.camera / "events.h5"
            if not file.is_file():
                other = "right" if self.camera == "left" else "left"
                there = (source / "events" / other / "events.h5").is_file()
                do = f"set camera to '{other}'" if there else "give a DSEC sequence or an HDF5 file of events"
                raise InputError(f"contains no events/{self.camera}/events.h5", source, do)
            return source, self.camera, file
        parts = source.resolve().parts
        if len(parts) > 3 and parts[-3] == "events" and parts[-2] in _CAMERAS:
            return source.resolve().parents[2], parts[-2], source
        return None, self.camera, source

    def _with_size(self, opened: EventFile, found: EventDatasets, sequence: bool) -> EventFile:
        camera = opened.camera
        if self.width:
            if camera is not None and (camera.width, camera.height) != (self.width, self.height):
                do = "leave width and height at 0"
                raise InputError(f"is calibrated for {camera.width} x {camera.height} pixels", opened.path, do)
            return replace(opened, width=self.width, height=self.height)
        if camera is not None:
            return replace(opened, width=camera.width, height=camera.height)
        if sequence or found.size[0]:
            width, height = found.size if found.size[0] else _SIZE
            return replace(opened, width=width, height=height)
        return with_assumed_size(opened)

    def _side_streams(self, frames: FrameList | None, found: EventDatasets, damages: Damages) -> SideStreams:
        if frames is None or self.frames == "none":
            return SideStreams()
        start, stop = _span(damages.path, found, self.start_s, self.stop_s)
        index = frames.chosen(self.frames, start, stop)
        if len(index) == 0:
            return SideStreams()
        images = [_as_stored(frames.files[i]) for i in index]
        for i, image in zip(index, images, strict=True):
            if image.shape != images[0].shape:
                raise InputError(f"is {image.shape}, the first frame {images[0].shape}", frames.files[i])
        names = tuple(frames.files[i].name for i in index)
        return SideStreams(frames=Frames(np.stack(images), frames.t_us[index], 255.0, names))


def matches(path: str | Path) -> bool:
    """Whether `path` is a folder with events/left|right/events.h5, or an HDF5 file with one dataset a column."""
    source = Path(path)
    if source.is_dir():
        return any(holds_events(source / "events" / side / "events.h5") for side in _CAMERAS)
    return source.is_file() and holds_events(source)


def _calibration(root: Path, side: str) -> tuple[Camera | None, tuple[str, ...]]:
    path = root / "calibration" / "cam_to_cam.yaml"
    if not path.is_file():
        return None, ("The calibration is missing (calibration/cam_to_cam.yaml).",)
    node = entry(read_yaml(path), ("intrinsics", _CAMERAS[side]), path)
    return camera_of(entry(node, ("camera_matrix",), path), {"distortion_model": "radtan"} | node, path), ()


def _beside(root: Path, side: str) -> tuple[str, ...]:
    """What else is in the folder and not read here."""
    flow = [len(image_files(folder)) for folder in (root / "flow" / "forward", root / "flow" / "backward")]
    disparity = [len(image_files(folder)) for folder in (root / "disparity" / "event", root / "disparity" / "image")]
    found = [f"{sum(flow)} flow maps"] * (sum(flow) > 0) + [f"{sum(disparity)} disparity maps"] * (sum(disparity) > 0)
    found += ["rectify_map.h5"] * (root / "events" / side / "rectify_map.h5").is_file()
    return (f"There are also {', '.join(found)}, which a Recording does not contain.",) if found else ()


def _frame_list(root: Path, side: str, which: WhichFrames) -> tuple[FrameList | None, tuple[str, ...]]:
    """Frames with the middle of their exposure as time where it is known, and a note where they are not read."""
    files = image_files(root / "images" / side / "rectified")
    if not files:
        return None, ()
    if which == "none":
        return None, left_out_notes(len(files), len(files), which)
    exposures = sorted((root / "images" / side).glob("*exposure_timestamps*.txt"))
    listed = listed_frames(exposures[0] if exposures else root / "images" / "timestamps.txt", 1.0, files)
    if not exposures:
        return listed, ()
    try:
        table = np.loadtxt(io.StringIO(read_text(exposures[0])), delimiter=",", comments="#", ndmin=2)
    except ValueError:
        table = np.zeros((0, 0))
    if table.shape != (len(files), 2) or not (np.abs(table) < 1 << 61).all():
        raise InputError("is not a list of start and end times", exposures[0], "every line must read 'start, end'")
    return FrameList(np.rint(table.mean(axis=1)).astype(np.int64), listed.files), ()


def _span(file: Path, found: EventDatasets, start_s: float, stop_s: float) -> tuple[int, int]:
    """Absolute times of the first and last event to read."""
    with opened_hdf5(file) as opened:
        times = opened[found.t]
        first, last = (int(times[i]) + found.offset_us for i in (0, -1))
    return first + round(start_s * 1e6), min(last, first + round(min(stop_s, 1e12) * 1e6))


def _as_stored(file: Path) -> np.ndarray:
    """An 8-bit image as it was stored: `read_image` gives the middles of the steps."""
    return np.floor(read_image(file) * 256).astype(np.uint8)
