"""Posed images as views: lists of files, one size and one number of channels, a held-out share, no events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, Int64

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.loaders._reading.images import read_image, to_channels
from efields.recording import Recording, Views

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
"""Endings of image files, lower case."""


def listed_images(folder: Path) -> list[Path]:
    """The images of a folder in the order of their names. Raises `InputError` where there is none."""
    try:
        found = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error})", folder, "copy the images there") from None
    if not found:
        raise InputError("holds no images", folder, "copy the recording again, whole")
    return found


def read_images(files: list[Path], channels: int | None = None) -> Float32[np.ndarray, "n h w c"]:
    """Images of one size; with `channels` None they have three, or one where all are grey.

    Raises `InputError` for an image that is missing, damaged or of another size than the first.
    """
    images: list[np.ndarray] = []
    for file in files:
        image = read_image(file)
        if images and image.shape[:2] != images[0].shape[:2]:
            size, first = (f"{a.shape[1]} x {a.shape[0]}" for a in (image, images[0]))
            raise InputError(f"is {size}, the first image {first}", file, "give all images one size")
        images.append(image if channels is None else to_channels(image, channels))
    if channels is None:
        channels = 3 if any(image.shape[2] == 3 for image in images) else 1
    return np.stack([to_channels(image, channels) for image in images])


def posed_views(
    files: list[Path],
    T_world_camera: Float64[np.ndarray, "n 4 4"],
    camera: Camera,
    *,
    channels: int | None = None,
    t_us: Int64[np.ndarray, " n"] | None = None,
    color_space: Literal["linear", "display"] = "display",
) -> Views:
    """Views of image files and their poses (OpenCV axes), files in the same order.

    Raises `InputError` for what `read_images` refuses, and images that are not of the camera's size.
    """
    images = read_images(files, channels)
    if images.shape[1:3] != (camera.height, camera.width):
        size = f"{images.shape[2]} x {images.shape[1]}"
        raise InputError(
            f"is {size}, the camera {camera.width} x {camera.height}", files[0], "scale images and calibration alike"
        )
    return Views(
        image=images,
        T_world_camera=np.asarray(T_world_camera, dtype=np.float64),
        camera=camera,
        names=tuple(file.name for file in files),
        t_us=t_us,
        color_space=color_space,
    )


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
    # A camera tells colours apart by its Bayer pattern: that is where the number of channels of a field comes from.
    bayer = "RGGB" if frames.image.shape[-1] == 3 else ""
    camera = replace(frames.camera, bayer=bayer)
    frames = replace(frames, camera=camera)
    if heldout is not None:
        same = replace(heldout.camera, bayer="") == replace(camera, bayer="")
        heldout = replace(
            heldout,
            image=to_channels(heldout.image, frames.image.shape[-1]),
            camera=camera if same else replace(heldout.camera, bayer=bayer),
        )
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
        notes=("The recording holds posed images and no events.", *notes),
    )
