"""Pictures of the report as PNG data URIs: display values, errors, depth, colour scales."""

from __future__ import annotations

import base64
from typing import Literal

import imageio.v3 as iio
import numpy as np
from jaxtyping import Float, Float32, UInt8

GAMMA = 2.2
ERROR_MAP, DEPTH_MAP = "inferno", "viridis"
SMALLEST_ERROR_SCALE = 0.05
LONGEST_SIDE = 512


def data_uri(image: UInt8[np.ndarray, "h w c"]) -> str:
    """A PNG of RGB or RGBA pixels as a data URI."""
    png = iio.imwrite("<bytes>", np.ascontiguousarray(image), extension=".png")
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def pictures_of(held: dict[str, np.ndarray], key: str, chosen: list[int]) -> list[np.ndarray]:
    """Some pictures of heldout.npz, each of its own size: [h, w] or [h, w, c]."""
    stored = held[key]
    sizes = held.get("size", np.tile(stored.shape[1:3], (len(stored), 1)))
    return [stored[i, : sizes[i][0], : sizes[i][1]] for i in chosen]


def shrunk(picture: Float[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h2 w2 c"]:
    """A picture in float32, averaged over whole blocks of pixels so that no side is longer than `LONGEST_SIDE`."""
    h, w, c = picture.shape
    f = _factor(h, w)
    whole = picture[: h // f * f, : w // f * f].astype(np.float32)
    return whole.reshape(h // f, f, w // f, f, c).mean(axis=(1, 3))


def thinned(values: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h2 w2"]:
    """Every so many pixels of a map that must not be averaged, as many as `shrunk` leaves."""
    h, w = values.shape
    f = _factor(h, w)
    return values[f // 2 : h // f * f : f, f // 2 : w // f * f : f]


def flat(pictures: list[np.ndarray]) -> np.ndarray:
    """The values of all pictures in one row."""
    return np.concatenate([picture.reshape(-1) for picture in pictures])


def _factor(h: int, w: int) -> int:
    return -(-max(h, w) // LONGEST_SIDE)


def display_values(
    image: Float[np.ndarray, "*n h w c"], white: float, color_space: Literal["linear", "display"]
) -> Float[np.ndarray, "*n h w c"]:
    """Values 0 to 1 for a screen: divided by `white`, clipped, and raised to 1/2.2 where linear in light."""
    shown = np.clip(np.nan_to_num(image.astype(np.float32)) / np.float32(white), 0.0, 1.0)
    return shown if color_space == "display" else shown ** np.float32(1.0 / GAMMA)


def to_rgb(shown: Float[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w 3"]:
    """Display values of one or three channels as 8-bit RGB."""
    channels = shown if shown.shape[-1] == 3 else np.repeat(shown[..., :1], 3, axis=-1)
    return np.round(channels * 255.0).astype(np.uint8)


def colour_mapped(
    values: Float[np.ndarray, "h w"], lowest: float, highest: float, colours: str, seen: np.ndarray | None = None
) -> UInt8[np.ndarray, "h w 4"]:
    """RGBA picture of one number per pixel; transparent where `seen` is false or the value is not finite."""
    from matplotlib import colormaps

    visible = np.isfinite(values) if seen is None else np.isfinite(values) & seen
    share = np.clip((np.where(visible, values, lowest) - lowest) / max(highest - lowest, 1e-12), 0.0, 1.0)
    picture = colormaps[colours](share, bytes=True)
    picture[..., 3] = np.where(visible, 255, 0)
    return picture


def error_scale(errors: Float[np.ndarray, "*n"]) -> float:
    """Upper end of the error scale: the 99th percentile of what is shown, never so small that noise looks bad."""
    return max(float(np.percentile(errors, 99)), SMALLEST_ERROR_SCALE)


def depth_range(depth: Float[np.ndarray, "*n"], seen: np.ndarray) -> tuple[float, float] | None:
    """1st and 99th percentile of the depth that is seen; None where nothing is."""
    visible = depth[np.isfinite(depth) & seen]
    if visible.size == 0:
        return None
    lowest, highest = (float(value) for value in np.percentile(visible.astype(np.float64), (1, 99)))
    return (lowest, highest) if highest > lowest else (lowest - 0.5, highest + 0.5)


def colour_scale(colours: str) -> str:
    """A horizontal strip of a colour map, as a data URI to be stretched."""
    return data_uri(colour_mapped(np.linspace(0, 1, 128)[None], 0.0, 1.0, colours)[..., :3])


def diverging_scale() -> str:
    """The strip of the colours in which log changes are drawn."""
    from efields.events.image import log_change_image

    return data_uri(log_change_image(np.linspace(-1, 1, 129, dtype=np.float32)[None], 1.0))
