"""Reads frames for the event camera simulator: a folder of images, a video, or a stack of log intensity."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64

from efields.errors import InputError
from efields.events.sensor import LUMINANCE
from efields.settings import neighbour_or
from efields.simulation.frame_times import SUBFOLDERS, frame_times, times_file
from efields.simulation.sensor_model import EventCamera

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".gif")

Encoding = Literal["srgb", "linear"]


@dataclass(frozen=True)
class TimedFrames:
    """Frames in order of time, read one by one."""

    pairs: Iterable[tuple[float, np.ndarray]]
    """(time in seconds, frame h x w or h x w x 3), consumed once."""
    is_log: bool = False
    """Whether the frames are natural logarithms of intensity; otherwise they are linear intensity."""
    count: int | None = None
    """Number of frames, approximate for a video; None where it is known only after reading."""
    times_said: str = ""
    """A sentence that says where the times come from, if a file next to the frames gives them."""


def open_frames(
    source: str | os.PathLike[str],
    fps: float | None = None,
    encoding: Encoding = "srgb",
    time_unit: str | None = None,
) -> TimedFrames:
    """Frames of a folder of images (in the natural order of their names), of a video, or of an `.npz` stack.

    `fps`: frames per second of a folder that has no file of times (`frame_times`; `time_unit`: their unit); for a video
    it replaces the file's own rate (slow motion), while a stack has its own times. `encoding`: whether 8- and 16-bit
    values are sRGB, and decoded to linear light, or linear already; floating-point images are linear. Raises
    `InputError` for a source that is missing, empty or of another kind.
    """
    path = Path(source)
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise InputError(f"{fps} frames per second", path, "give a positive --fps")
    if path.is_dir():
        return _open_folder(path, fps, encoding, time_unit)
    if time_unit is not None:
        raise InputError("has no file of times, so --time-unit has no meaning", path, "leave --time-unit out")
    if not path.exists():
        do = neighbour_or(path, "give a folder of images, a video or an .npz stack")
        raise InputError("no such file or folder", path, do)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        if fps is not None:
            raise InputError("an .npz stack has its own times t_s", path, "leave --fps out")
        return _open_stack(path)
    if suffix in VIDEO_SUFFIXES:
        return _open_video(path, fps, encoding)
    raise InputError(
        f"unknown kind of file {suffix or 'without a suffix'}",
        path,
        "give a folder of images, a video or an .npz stack",
    )


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key by which frame_2 comes before frame_10."""
    return tuple((0, int(part), part) if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part)


def _open_folder(path: Path, fps: float | None, encoding: Encoding, time_unit: str | None) -> TimedFrames:
    folder = next((path / name for name in SUBFOLDERS if not _images(path) and (path / name).is_dir()), path)
    files = _images(folder)
    if not files:
        raise InputError("no images in this folder", path, f"it should hold {', '.join(IMAGE_SUFFIXES)}")
    beside = times_file(folder)
    if beside is None and fps is None:
        do = "give the frame rate with --fps, or write their times into timestamps.txt, one per line"
        raise InputError("images in a folder have no times", path, do)
    if beside is not None and fps is not None:
        do = "leave --fps out, or remove the file if its times are wrong"
        raise InputError(f"gives the times of the frames, and so does --fps {fps:g}", beside, do)
    if beside is None:
        times, said = np.arange(len(files)) / np.float64(fps or 1.0), ""
    else:
        times, unit = frame_times(beside, files, time_unit)
        said = f"The times of the frames are those of {beside.name}, in {unit}."
    pairs = (
        (t, linear_light(_read_image(file), encoding, file)) for t, file in zip(times.tolist(), files, strict=True)
    )
    return TimedFrames(pairs, count=len(files), times_said=said)


def _images(folder: Path) -> list[Path]:
    found = (file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    return sorted(found, key=lambda file: natural_key(file.name))


def _read_image(path: Path) -> np.ndarray:
    import imageio.v3 as iio

    try:
        return np.asarray(iio.imread(path, index=0))
    except Exception as error:  # each image plugin raises its own kind of errors
        raise InputError(f"cannot be read as an image ({error})", path, "remove it or save it again") from error


def _open_video(path: Path, fps: float | None, encoding: Encoding) -> TimedFrames:
    import imageio.v2 as iio

    try:
        with contextlib.closing(iio.get_reader(path, format="FFMPEG")) as reader:  # type: ignore[arg-type]
            facts = reader.get_meta_data()
    except ImportError as error:
        raise InputError("videos need imageio-ffmpeg", path, "pip install imageio-ffmpeg") from error
    except Exception as error:  # ffmpeg's own words arrive as OSError, RuntimeError or IndexError
        reason = str(error).strip().splitlines()[-1:] or ["damaged or not a video"]
        raise InputError(f"cannot be read as a video ({reason[0]})", path, "convert it, for example to .mp4") from error
    own_rate, duration_s = float(facts.get("fps", 0)), float(facts.get("duration", 0))
    rate = own_rate if fps is None else fps
    if not (np.isfinite(rate) and rate > 0):
        raise InputError("the video does not state its frame rate", path, "give it with --fps")
    about = round(duration_s * own_rate) if np.isfinite(duration_s * own_rate) else 0
    return TimedFrames(_video_frames(path, rate, encoding), count=about or None)


def _video_frames(path: Path, rate: float, encoding: Encoding) -> Iterator[tuple[float, np.ndarray]]:
    import imageio.v2 as iio

    with contextlib.closing(iio.get_reader(path, format="FFMPEG")) as reader:  # type: ignore[arg-type]
        for i, frame in enumerate(reader.iter_data()):
            yield i / rate, linear_light(np.asarray(frame), encoding, path)


def _open_stack(path: Path) -> TimedFrames:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = [name for name in ("log_intensity", "t_s") if name not in arrays]
            if missing:
                raise InputError(
                    f"no array {missing[0]!r} in it (it has {', '.join(arrays) or 'none'})",
                    path,
                    "give log_intensity float[n,h,w] and t_s float64[n]",
                )
            frames, t_s = arrays["log_intensity"], arrays["t_s"]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot be read as .npz ({error})", path, "write it with numpy.savez") from error
    if frames.ndim not in (3, 4) or frames.dtype.kind != "f":
        raise InputError(
            f"log_intensity is {frames.dtype}{list(frames.shape)}", path, "give floating-point numbers [n, h, w]"
        )
    if t_s.shape != frames.shape[:1]:
        raise InputError(f"{len(frames)} frames and times of shape {t_s.shape}", path, "give one time for each frame")
    return TimedFrames(zip(t_s.astype(np.float64).tolist(), frames, strict=True), is_log=True, count=len(frames))


def linear_light(frame: np.ndarray, encoding: Encoding, where: str | os.PathLike[str] = "") -> np.ndarray:
    """Linear intensity of an image file's values; integers become fractions of white, alpha is blended over white."""
    if frame.dtype == bool:
        frame = frame.astype(np.uint8) * np.uint8(255)
    if frame.dtype in (np.uint8, np.uint16):
        white = np.iinfo(frame.dtype).max
        value = frame / np.float32(white)
        light = value if encoding == "linear" else _srgb_table(white)[frame]
    elif frame.dtype.kind == "f":
        value, light = frame, frame
    else:
        raise InputError(f"pixels of type {frame.dtype}", where, "give 8-bit, 16-bit or floating-point images")
    if light.ndim == 3 and light.shape[2] in (2, 4):
        alpha = value[..., -1:]
        light = light[..., :-1] * alpha + (1 - alpha)
    return light[..., 0] if light.ndim == 3 and light.shape[2] == 1 else light


@functools.lru_cache(maxsize=2)
def _srgb_table(white: int) -> Float32[np.ndarray, " k"]:
    """Linear light of every integer up to white (IEC 61966-2-1)."""
    value = np.arange(white + 1) / white
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def log_frame(frame: np.ndarray, camera: EventCamera, is_log: bool, number: int = 0) -> Float64[np.ndarray, "h w"]:
    """Natural logarithm of the intensity that each pixel sees: through its colour filter, or luminance without one.

    `frame`: h x w or h x w x 3; `number` is named in the `InputError` for NaN, negative or oddly shaped frames.
    """
    frame = np.asarray(frame)
    if frame.ndim not in (2, 3) or (frame.ndim == 3 and frame.shape[2] not in (1, 3)) or not frame.size:
        raise InputError(f"frame {number} has shape {frame.shape}", "frames", "give [h, w] or [h, w, 3]")
    if frame.ndim == 3 and frame.shape[2] == 1:
        frame = frame[..., 0]
    if camera.bayer and frame.ndim == 2:
        raise InputError(f"frame {number} has no colours", "frames", "give R, G, B frames, or leave bayer out")
    if frame.dtype.kind in "ub":
        frame = frame / (np.iinfo(frame.dtype).max if frame.dtype.kind == "u" else 1)
    frame = frame.astype(np.float64)
    if not np.isfinite(frame).all():
        raise InputError(f"frame {number} holds NaN or infinite values", "frames", "give finite numbers")
    if not is_log and frame.min() < 0:
        raise InputError(
            f"frame {number} holds negative intensity", "frames", "give intensity, or mark it as log intensity"
        )
    if frame.ndim == 3:
        frame = _one_channel(frame, camera, is_log)
    return frame if is_log else np.log(frame + camera.log_eps)


def _one_channel(frame: Float64[np.ndarray, "h w 3"], camera: EventCamera, is_log: bool) -> Float64[np.ndarray, "h w"]:
    """The channel of each pixel's filter, or luminance (which is a sum of light, not of logarithms)."""
    if not camera.bayer:
        weights = np.array(LUMINANCE)
        return np.log(np.exp(frame) @ weights) if is_log else frame @ weights
    mosaic = np.empty(frame.shape[:2])
    for i, letter in enumerate(camera.bayer):
        rows, columns = slice(i // 2, None, 2), slice(i % 2, None, 2)
        mosaic[rows, columns] = frame[rows, columns, "RGB".index(letter)]
    return mosaic
