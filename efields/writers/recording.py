"""efields' own recording folder: memory-mapped events, and everything else that was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from efields import atomic
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.about import About
from efields.formats.own_folder.camera import write_camera
from efields.formats.own_folder.events import NAME, write_events
from efields.formats.own_folder.side_files import write_side_files

SUFFIX = ""
STORES_SIZE = True
"""A folder: its name has no suffix."""

README = """\
A recording, written by `efields convert`. Read it with: efields.load("{name}"), efields info {name}

events.h5                events/x, events/y uint16; events/t int64, microseconds since t_offset, sorted; events/p uint8,
                         1: brighter; width, height: pixels of the sensor. Plain columns, which can be memory-mapped.
camera_calibration.npz   intrinsics, distortion_model, distortion_params, img_width, img_height. Absent: not calibrated.
camera_poses.npz         T_wc_position, T_wc_orientation (xyzw), T_wc_timestamp (ns); add it if poses are known.
imu.npz                  timestamp (ns), gyro (rad/s), acceleration (m/s^2)
frames.npz               image [n, h, w, c], timestamp (ns), white: largest possible pixel value
triggers.npz             timestamp (ns), rising
"""


def write(events: Iterator[EventColumns], path: Path, about: About) -> int:
    """Write sorted chunks of events as a folder, and return their number; replaces an earlier recording, whole or not.

    Raises `InputError` when something else is in the way, the disk is full, or there is no event.
    """
    if path.exists() and not (path.is_dir() and (not any(path.iterdir()) or (path / NAME).is_file())):
        raise InputError("exists already and is not a converted recording", path, "choose another folder")
    with atomic.replacing(path) as folder:
        folder.mkdir()
        count = write_events(events, folder / NAME, about.width, about.height)
        if about.camera is not None:
            write_camera(folder, about.camera)
        write_side_files(folder, about.side)
        (folder / "README.txt").write_text(README.format(name=path.name), encoding="utf-8")
    return count
