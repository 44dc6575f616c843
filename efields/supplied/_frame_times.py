"""Times of poses that belong to images: those of the recording's frames of the same names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Int64

from efields.errors import InputError
from efields.recordings.recording import Recording


def times_of_frames(
    names: Sequence[str], recording: Recording, where: Path
) -> tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"], tuple[str, ...]]:
    """Indices of the images that are frames of the recording, the frames' times in microseconds, and notes.

    Names are compared whole, then without folders, then without ending; where the recording's frames have no names,
    the last number in an image's name counts them from 0. Raises `InputError` when the recording has no frames, or no
    two or more of the images are among them.
    """
    frame_names, t_us = _frames(recording, where)
    if frame_names:
        found, how = _by_name(names, frame_names), ""
    else:
        found = [_number(name, len(t_us)) for name in names]
        how = "Frames of the recording have no names: the number in each image's name is assumed to count them from 0."
    index = np.array([i for i, frame in enumerate(found) if frame is not None], dtype=np.int64)
    frame = np.array([frame for frame in found if frame is not None], dtype=np.int64)
    if len(index) < 2:
        ours = f"'{frame_names[0]}'" if frame_names else f"numbers 0 to {len(t_us) - 1}"
        what = f"{len(index)} of {len(names)} images are frames of the recording"
        raise InputError(what, where, f"name the images as the frames are ({ours}, not '{names[0] if names else ''}')")
    notes = (how,) if how else ()
    if len(index) < len(names):
        notes += (f"{len(names) - len(index)} of {len(names)} posed images are not frames of the recording.",)
    return index, t_us[frame], notes


def _frames(recording: Recording, where: Path) -> tuple[tuple[str, ...], Int64[np.ndarray, " n"]]:
    if recording.unposed_frames is not None and len(recording.unposed_frames):
        return recording.unposed_frames.names, recording.unposed_frames.t_us
    if recording.frames is not None and recording.frames.t_us is not None and len(recording.frames):
        return recording.frames.names, recording.frames.t_us
    what = "its poses are those of images, and the recording has no frames that would give their times"
    raise InputError(what, where, "give poses with times, such as TUM text or a json with 'timestamp' in each frame")


def _by_name(names: Sequence[str], frames: Sequence[str]) -> list[int | None]:
    """The frame of each image by the strictest way of comparing names that finds any."""
    ways: tuple[Callable[[str], str], ...] = (
        lambda name: name,
        lambda name: PurePosixPath(name).name,
        lambda name: PurePosixPath(name).stem,
    )
    for way in ways:
        at: dict[str, int | None] = {}
        for i, frame in enumerate(frames):
            key = way(frame)
            at[key] = None if key in at else i  # a name that two frames bear says nothing
        found = [at.get(way(name)) for name in names]
        if any(frame is not None for frame in found):
            return found
    return [None] * len(names)


def _number(name: str, count: int) -> int | None:
    digits = re.findall(r"\d{1,18}", PurePosixPath(name).stem)
    return int(digits[-1]) if digits and int(digits[-1]) < count else None
