"""Images on disk as float32 intensity."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from efields.errors import InputError

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Rec. 601 weights: what ESIM and OpenCV make of a colour image for a monochrome sensor."""
_PILLOW = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_ORIENTATION = 0x0112
"""Number of EXIF's tag Orientation."""
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored[::-1].swapaxes(0, 1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: stored[:, ::-1].swapaxes(0, 1),
}
"""From the pixels as stored to those of the upright picture, by EXIF orientation."""


def read_image(path: Path, bit_depth: int | None = None) -> Float32[np.ndarray, "h w c"]:
    """One image, 1 or 3 channels (R, G, B).

    Whole numbers `v` of `d` bits become `(v + 0.5) / 2^d`, the middle of their quantisation cell, so never 0; floats
    stay as they are. Alpha is composited over white: straight for whole numbers, premultiplied for floats.
    Raises `InputError` when the file is missing or damaged, or holds negative or non-finite values.
    """
    raw = _decoded(path)
    if raw.ndim == 2:
        raw = raw[..., None]
    if raw.ndim != 3 or raw.shape[2] not in (1, 2, 3, 4):
        raise InputError(f"is not one image of 1 to 4 channels (shape {raw.shape})", path)
    colour, alpha = (raw[..., :-1], raw[..., -1:]) if raw.shape[2] in (2, 4) else (raw, None)
    if raw.dtype.kind == "f":
        image = np.ascontiguousarray(colour, dtype=np.float32)
        if alpha is not None:
            image = image + (1 - alpha.astype(np.float32))
        if not (np.isfinite(image).all() and image.min(initial=0) >= 0):
            raise InputError("contains values that are negative or not finite", path, "render it again")
        return image
    if raw.dtype.kind not in "ub":
        raise InputError(f"contains values of type {raw.dtype}", path, "write unsigned integers or floats")
    stored = 1 if raw.dtype.kind == "b" else 8 * raw.dtype.itemsize
    levels = float(2 ** (bit_depth or stored))
    if raw.max(initial=0) >= levels or (bit_depth or stored) > stored > 1:
        raise InputError(
            f"does not contain {bit_depth or stored}-bit values as they were stored",
            path,
            "correct bit_depth, or write it as TIFF",
        )
    values = colour.astype(np.float32)
    if alpha is not None:
        opaque = alpha.astype(np.float32) / np.float32(levels - 1)
        values = opaque * values + (1 - opaque) * np.float32(levels - 1)
    return (values + np.float32(0.5)) / np.float32(levels)


def stored_size(path: Path) -> tuple[int, int]:
    """Columns and rows of an image as its pixels are stored. Raises `InputError` as `read_image` does."""
    if path.suffix.lower() in _PILLOW:
        from PIL import Image

        with _reading(path), Image.open(path) as image:
            return image.size
    rows, columns = read_image(path).shape[:2]
    return columns, rows


def orientation(path: Path) -> int:
    """The EXIF orientation, 1 to 8; 1, upright, if the file does not give it."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            found = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # what cannot be read as an image is reported by `read_image`
        return 1
    return found if found in _UPRIGHT else 1


def upright(image: Float32[np.ndarray, "h w c"], held: int) -> Float32[np.ndarray, "_ _ c"]:
    """An image rotated by its EXIF orientation."""
    return np.ascontiguousarray(_UPRIGHT[held](image))


def read_float_map(path: Path) -> Float32[np.ndarray, "h w"]:
    """A float32 map such as a depth map, exactly as stored; inf and NaN are allowed.

    Raises `InputError` when the file is missing or damaged, or is not one map of floats.
    """
    raw = _decoded(path)
    if raw.ndim != 2 or raw.dtype.kind != "f":
        raise InputError(f"is not a single map of floats (shape {raw.shape}, {raw.dtype})", path)
    return raw.astype(np.float32)


def write_float_image(path: Path, image: Float32[np.ndarray, "h w *c"]) -> None:
    """A float32 TIFF that holds exactly these values; one channel is written without a channel axis."""
    import tifffile

    plane = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    path.parent.mkdir(parents=True, exist_ok=True)
    photometric = "rgb" if plane.ndim == 3 else "minisblack"
    tifffile.imwrite(path, np.ascontiguousarray(plane, dtype=np.float32), photometric=photometric)


def to_channels(image: Float32[np.ndarray, "*n c"], channels: int) -> Float32[np.ndarray, "*n channels"]:
    """Images with 1 channel (luma of a colour image) or 3 (a grey image repeated)."""
    have = image.shape[-1]
    if have == channels:
        return image
    if channels == 1:
        return (image @ _LUMA)[..., None]
    return np.repeat(image, channels, axis=-1)


def _decoded(path: Path) -> np.ndarray:
    with _reading(path):
        if path.suffix.lower() in (".tif", ".tiff"):
            import tifffile

            return np.asarray(tifffile.imread(path))
        import imageio.v3 as iio

        # Named, so that a damaged file is not handed to one plugin after the other.
        if path.suffix.lower() in _PILLOW:
            return np.asarray(iio.imread(path, plugin="pillow"))
        return np.asarray(iio.imread(path))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong inside becomes an `InputError` about the image."""
    if not path.is_file():
        do = "copy the complete recording again"
        raise InputError("is not a file" if path.exists() else "no such file", path, do)
    try:
        yield
    except MemoryError:
        raise InputError(
            "needs more memory than available", path, "copy or write it again, or make it smaller"
        ) from None
    except Exception as error:  # decoders of damaged files raise whatever they meet first
        raise InputError(
            f"cannot be read as an image ({error or type(error).__name__})", path, "copy or write it again"
        ) from None
