"""Images of events in colours that can be told apart by colour-blind readers and in grey print."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int32, UInt8

from efields.events.stream import EventStream

ON = (0xFF, 0xB0, 0x00)
"""Amber: intensity rose."""
OFF = (0x2F, 0x6B, 0xFF)
"""Blue: intensity fell."""
DARK = (0x15, 0x17, 0x1C)
"""Background of pictures on dark pages."""
LIGHT = (0xFF, 0xFF, 0xFF)
"""Background of pictures on white pages."""
UNKNOWN = (0x6B, 0x6B, 0x73)
"""Grey of unknown values."""


def event_image(stream: EventStream, dark: bool = True) -> UInt8[np.ndarray, "h w 3"]:
    """Picture of where events were: ON amber, drawn over OFF blue, on a dark or a white background."""
    image = np.empty((stream.height, stream.width, 3), dtype=np.uint8)
    image[:] = DARK if dark else LIGHT
    for polarity, colour in ((False, OFF), (True, ON)):
        chosen = stream.polarity == polarity
        image[stream.y[chosen], stream.x[chosen]] = colour
    return image


def count_image(stream: EventStream) -> tuple[Int32[np.ndarray, "h w"], Int32[np.ndarray, "h w"]]:
    """Numbers of ON and of OFF events of every pixel."""
    pixel, shape = stream.pixel, (stream.height, stream.width)
    every = np.bincount(pixel, minlength=stream.pixels)
    rose = np.bincount(pixel[stream.polarity], minlength=stream.pixels)
    return rose.reshape(shape).astype(np.int32), (every - rose).reshape(shape).astype(np.int32)


def log_change_image(change: Float[np.ndarray, "h w"], scale: float, dark: bool = True) -> UInt8[np.ndarray, "h w 3"]:
    """Picture of signed changes: blue at `-scale` and below, background at 0, amber at `scale` and above, NaN grey.

    Raises `ValueError` for a scale that is not above 0.
    """
    if not scale > 0:
        raise ValueError(f"the scale of a picture must be above 0, not {scale:g}")
    share = np.clip(np.asarray(change, dtype=np.float64) / scale, -1.0, 1.0)[..., None]
    background = np.array(DARK if dark else LIGHT, dtype=np.float64)
    towards = np.where(share > 0, np.array(ON, dtype=np.float64), np.array(OFF, dtype=np.float64))
    colour = background + np.abs(share) * (towards - background)
    return np.rint(np.where(np.isnan(share), np.array(UNKNOWN, dtype=np.float64), colour)).astype(np.uint8)
