"""From rendered layers to the displayed image: modes, wipe, brightness, JPEG; the same as the baked page shows."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, UInt8

from efields.errors import InputError
from efields.events.sensor import LUMINANCE
from efields.geometry.boxes import Box
from efields.server.looking import Layers
from efields.server.protocol import Tone, View, Wipe

NOTHING = np.array([0.082, 0.090, 0.110], dtype=np.float32)
"""Colour of pixels that see no surface."""
WIDEST = float(np.log(100.0))
"""Range of log radiance that automatic brightness shows; a larger one is squeezed into it."""
DARKEST = 1e-12
"""Radiance that counts as black in the logarithm."""
# Polynomial fit of matplotlib's viridis (public domain, by M. Zucker); the shader of the baked page has the same.
_VIRIDIS = np.array(
    [
        [0.2777, 0.0054, 0.3341], [0.1051, 1.4046, 1.3846], [-0.3309, 0.2148, 0.0951], [-4.6342, -5.7991, -19.3324],
        [6.2283, 14.1799, 56.6906], [4.7764, -13.7451, -65.3530], [-5.4355, 4.6459, 26.3124],
    ],
    dtype=np.float32,
)  # fmt: skip


def needs_normals(mode: str, wipe: Wipe | None) -> bool:
    """Whether a view shows normals somewhere."""
    return mode == "normal" or (wipe is not None and wipe.mode == "normal")


def picture_of(
    layers: Layers, mode: str, wipe: Wipe | None, tone: Tone, eye: Sequence[float], box: Box
) -> UInt8[np.ndarray, "h w c"]:
    """The picture of a view, one channel when it is grey, else three."""
    left = _mode(layers, mode, tone, eye, box)
    if wipe is not None and wipe.mode != mode:
        right = _mode(layers, wipe.mode, tone, eye, box)
        left, right = (np.broadcast_to(part, (*part.shape[:2], 3)) for part in (left, right))
        width = left.shape[1]
        beyond = (np.arange(width) + 0.5) / width >= wipe.at
        left = np.where(beyond[None, :, None], right, left)
    return np.round(255 * left).astype(np.uint8)


def _mode(layers: Layers, mode: str, tone: Tone, eye: Sequence[float], box: Box) -> Float32[np.ndarray, "h w c"]:
    if mode == "colour":
        return toned(layers.radiance, tone)
    if mode == "opacity":
        return np.clip(layers.opacity, 0, 1)[..., None]
    seen = layers.opacity >= 0.5
    if mode == "depth":
        near, far = _depth_range(eye, box)
        colours = viridis(1 - np.clip((layers.depth - near) / max(far - near, 1e-30), 0, 1))
    else:
        assert layers.normal is not None
        colours = 0.5 + 0.5 * layers.normal
        seen = seen & (layers.normal != 0).any(axis=-1)
    return np.where(seen[..., None], colours, NOTHING).astype(np.float32)


def toned(radiance: Float32[np.ndarray, "h w c"], tone: Tone) -> Float32[np.ndarray, "h w c"]:
    """Display values 0 to 1 of linear radiance."""
    logs = np.log(np.maximum(radiance, DARKEST))
    offset, scale = (np.broadcast_to(values, 3)[: radiance.shape[-1]] for values in (tone.offset, tone.scale))
    # Rounding of float32 could lift a value that is exactly white above 1: clip in log space, where the power is free.
    exponent = np.minimum(np.float32(offset) + np.float32(scale) * logs, 0) / np.float32(tone.gamma)
    return np.exp(exponent).astype(np.float32)


def with_auto_tone(view: View, layers: Layers) -> tuple[View, tuple[float, float] | None]:
    """The view with the numbers of automatic brightness in place, and these without the exposure; None if not auto."""
    colour = view.mode == "colour" or (view.wipe is not None and view.wipe.mode == "colour")
    if view.tone.mode != "auto" or not colour:
        return view, None
    offset, scale = auto_tone(layers)
    exposed = tuple(offset + added for added in view.tone.offset)
    return replace(view, tone=Tone("fixed", exposed, (scale,), view.tone.gamma)), (offset, scale)


def auto_tone(layers: Layers) -> tuple[float, float]:
    """Offset and scale by which the brightest hundredth is white and no more than 1 to 100 is dark.

    Measured on what the field covers, or on all where that is very little; channels stay together.
    """
    logs = np.log(np.maximum(layers.radiance, DARKEST))
    covered = layers.opacity >= 0.5
    values = logs[covered] if covered.mean() >= 0.02 else logs.reshape(-1, logs.shape[-1])
    # A share of a large picture tells its percentiles as well.
    values = values[:: max(1, len(values) // 20_000)]
    low, high = np.quantile(values, [0.01, 0.99], axis=0)
    span = float(high.max() - low.min())
    scale = WIDEST / span if span > WIDEST else 1.0
    return -scale * float(high.max()), scale


def viridis(share: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w 3"]:
    """Colours of numbers from 0 to 1."""
    colour = np.zeros((*share.shape, 3), dtype=np.float32)
    for row in _VIRIDIS[::-1]:
        colour = row + share[..., None] * colour
    return np.clip(colour, 0, 1)


def _depth_range(eye: Sequence[float], box: Box) -> tuple[float, float]:
    """Nearest and farthest point of the box."""
    at, lo, hi = (np.asarray(values, dtype=np.float64) for values in (eye, box.lo, box.hi))
    nearest = at - np.clip(at, lo, hi)
    farthest = np.maximum(np.abs(at - lo), np.abs(at - hi))
    return float(np.linalg.norm(nearest)), float(np.linalg.norm(farthest))


def jpeg(picture: UInt8[np.ndarray, "h w c"], quality: int) -> bytes:
    """A JPEG file; grey pictures have one channel.

    Raises `InputError` without pillow.
    """
    try:
        from PIL import Image
    except ImportError:
        raise InputError("the viewer needs pillow", do='pip install "efields[viewer]"') from None
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else np.ascontiguousarray(picture))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling=0 if quality > 60 else 2)
    return out.getvalue()


def log_luminance(radiance: Float32[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h w"]:
    """Log of the luminance: what a grey event camera sees."""
    grey = radiance[..., 0] if radiance.shape[-1] == 1 else radiance @ np.asarray(LUMINANCE, dtype=np.float32)
    return np.log(np.maximum(grey, DARKEST))
