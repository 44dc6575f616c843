"""Posed images as views: lists of files, sizes, number of channels, held-out views, no events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, Int64

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.formats.images import orientation, read_image, stored_size, to_channels, upright
from efields.geometry.camera import Camera
from efields.recordings.recording import Recording, Views

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
"""Endings of image files, lower case."""


def listed_images(folder: Path) -> list[Path]:
    """The images of a folder in the order of their names. Raises `InputError` where there is none."""
    try:
        found = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", folder, "copy the images there") from None
    if not found:
        raise InputError("contains no images", folder, "copy the complete recording again")
    return found


def _same_channels(images: list[np.ndarray], channels: int | None) -> list[Float32[np.ndarray, "_ _ c"]]:
    """Images of so many channels; None: three, or one where all are grey."""
    if channels is None:
        channels = 3 if any(image.shape[2] == 3 for image in images) else 1
    return [to_channels(image, channels) for image in images]


def _of_camera(file: Path, camera: Camera) -> Float32[np.ndarray, "_ _ c"]:
    """An image as its camera has it: as stored, or turned by its EXIF orientation where that alone fits the size."""
    image, size = read_image(file), (camera.height, camera.width)
    if image.shape[:2] == size[::-1] != size and (held := orientation(file)) > 4:
        image = upright(image, held)
    if image.shape[:2] != size:
        do = "scale images and calibration alike"
        raise InputError(
            f"is {image.shape[1]} x {image.shape[0]}, its camera {camera.width} x {camera.height}", file, do
        )
    return image


def turned_note(files: list[Path], views: Views) -> tuple[str, ...]:
    """What was done about the EXIF orientations of image files, one sentence each."""
    turned = kept = 0
    for file, (rows, columns) in zip(files, views.sizes, strict=True):
        if orientation(file) > 1:
            turned += stored_size(file) != (columns, rows)
            kept += stored_size(file) == (columns, rows)
    said = ()
    if turned:
        said += (f"{turned} images were rotated by their EXIF orientation, which makes them fit their camera's size.",)
    if kept:
        said += (
            f"{kept} images have an EXIF orientation that was not applied: as stored, they fit their camera's size.",
        )
    return said


def posed_views(
    files: list[Path],
    T_world_camera: Float64[np.ndarray, "n 4 4"],
    camera: Camera | Sequence[Camera],
    *,
    channels: int | None = None,
    t_us: Int64[np.ndarray, " n"] | None = None,
    color_space: Literal["linear", "display"] = "display",
) -> Views:
    """Views of image files and their poses (OpenCV axes), files in the same order, of one camera or one each.

    With `channels` None images have three, or one where all are grey. Raises `InputError` for an image that is missing,
    damaged, or, as stored and as its EXIF orientation turns it, not of its camera's size.
    """
    of_each = [camera] * len(files) if isinstance(camera, Camera) else list(camera)
    read = [_of_camera(file, own) for file, own in zip(files, of_each, strict=True)]
    images = _same_channels(read, channels)
    poses, names = np.asarray(T_world_camera, dtype=np.float64), tuple(file.name for file in files)
    return Views.joined(images, poses, of_each, names, t_us, color_space=color_space)


def held_out(views: Views, every: int, path: Path) -> tuple[Views, Views | None]:
    """Views to train on, and those held out: the first of every `every`; 0 holds out none, nor does a single view.

    Raises `InputError` for a number that would hold out all of them.
    """
    if every < 0 or every == 1:
        raise InputError(f"heldout_every is {every}", path, "give 0 (none) or 2 and more")
    if every == 0 or len(views) < 2:
        return views, None
    out = np.arange(len(views)) % every == 0
    return views.take(np.flatnonzero(~out)), views.take(np.flatnonzero(out))


def without_events(root: Path, frames: Views, heldout: Views | None, notes: tuple[str, ...] = ()) -> Recording:
    """A recording of posed images alone: no events, the camera that of the images, times not known."""
    camera = frames.camera
    if heldout is not None:
        heldout = replace(heldout, pixels=to_channels(heldout.pixels, frames.channels))
    none = np.zeros(0, dtype=np.int64)
    events = EventStream(
        none.astype(np.uint16), none.astype(np.uint16), none, none.astype(bool), camera.width, camera.height
    )
    return Recording(
        events=events,
        camera=camera,
        sensor=Sensor(),
        frames=frames,
        heldout=heldout,
        name=root.resolve().name,
        path=root,
        notes=("The recording has posed images and no events.", *notes),
    )
