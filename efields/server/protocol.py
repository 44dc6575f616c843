"""The messages between the page and the server; `viewer/src/protocol.gen.ts` is generated from this file.

Text messages are JSON objects with a `type`. A binary message is the length of its header (u32, little-endian), the
header (JSON) and a payload.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from efields.ranges import Range, Share
from efields.wire.marks import Channels, Corners, UnitLength
from efields.wire.writing import table_of

SUBPROTOCOL = "efields.v1"
"""The version: a page that speaks another one is told so and let go."""
VERSION = (1, 0)
"""Major and minor version, as `hello` has it."""
MAX_MESSAGE_BYTES = 64 * 1024
"""Longest message of a client; a longer one closes the socket with code 1009."""
LEAST_SIDE, MOST_SIDE = 16, 4096
"""Pixels along each side of a picture."""
CHANGE_SCALE = 1 / 4096
"""Log change of one step of the 16-bit integers of `change`: up to 8 either way."""

Mode = Literal["colour", "depth", "opacity", "normal"]
Triple = tuple[float, float, float]
Side = Annotated[int, Range(LEAST_SIDE, MOST_SIDE)]
Number = Annotated[int, Range(0, 2**53)]
"""A count, up to where JavaScript counts."""
PerChannel = Annotated[tuple[float, ...], Channels()]


@dataclass(frozen=True)
class Tone:
    """How radiance becomes brightness: clip(exp(offset + scale * log radiance), 0, 1) ** (1 / gamma), per channel."""

    mode: Literal["auto", "fixed", "aligned"]
    """auto: the server chooses offset and scale for each picture, and adds `offset` (the exposure) to its own."""
    offset: PerChannel
    """One number, or one for each channel."""
    scale: PerChannel
    """One number, or one for each channel."""
    gamma: Annotated[float, Range(0.1, 10)]
    """Exponent of the screen."""


@dataclass(frozen=True)
class Wipe:
    """A second mode on the right side of the picture."""

    mode: Mode
    """What the right side shows."""
    at: Share
    """Where it begins, as a part of the width."""


@dataclass(frozen=True)
class View:
    """Client: show this; the newest one wins."""

    id: Number
    """Counts up; frames name the view that they show."""
    position: Triple
    """Camera centre in the world."""
    quaternion: Annotated[tuple[float, float, float, float], UnitLength(1e-3)]
    """Camera to world, OpenCV axes; x, y, z, w, unit length."""
    fov_y: Annotated[float, Range(0.01, 3.1)]
    """Vertical field of view in radians."""
    width: Side
    """Pixels."""
    height: Side
    """Pixels."""
    t_s: float | None
    """Seconds since the recording's origin; null for a static field."""
    mode: Mode
    """What is shown."""
    tone: Tone
    """How radiance becomes brightness."""
    crop: Annotated[tuple[Triple, Triple], Corners()] | None
    """Only what lies in this box of the world."""
    moving: bool
    """Whether a coarse picture will do."""
    wipe: Wipe | None
    """A second mode on the right side."""


@dataclass(frozen=True)
class Change:
    """Client: the log change that the event camera sees between two times on its path."""

    id: Number
    """The answer names it."""
    t0_s: float
    """Seconds since the recording's origin."""
    t1_s: float
    """Seconds since the recording's origin."""
    width: Side
    """Pixels of the answer."""
    height: Side
    """Pixels of the answer."""


@dataclass(frozen=True)
class Training:
    """Client: hold training, or let it go on."""

    action: Literal["pause", "resume"]
    """What to do."""


@dataclass(frozen=True)
class Ack:
    """Client: the frame of this view is on screen, the next may come."""

    id: Number
    """The view's."""


@dataclass(frozen=True)
class Hello:
    """Server: the first message."""

    version: tuple[int, int]
    """Major and minor version of the protocol."""
    document: dict[str, Any]
    """The scene document, its volume null."""
    training: bool
    """Whether the field is being trained."""


@dataclass(frozen=True)
class Metrics:
    """Server: how far training is."""

    step: int
    """Steps done."""
    steps: int
    """Steps in all."""
    loss: float
    """Total loss of the step."""
    terms: dict[str, float]
    """Its weighted terms."""
    psnr_heldout: float | None
    """Quick score on a few held-out views, dB, where one was made at this step."""
    seconds: float
    """Seconds of training so far."""
    paused: bool
    """Whether training is held."""
    overhead_share: float
    """Share of time that viewing took so far, 0 to 1."""


@dataclass(frozen=True)
class Log:
    """Server: a line to read."""

    text: str
    """One plain sentence."""


@dataclass(frozen=True)
class Error:
    """Server: what it could not do."""

    text: str
    """One plain sentence."""


@dataclass(frozen=True)
class FrameHeader:
    """Server, before a JPEG: a picture."""

    id: Number
    """The view that it shows."""
    step: int
    """Optimiser steps of the field that it shows."""
    width: Side
    """Pixels of the JPEG."""
    height: Side
    """Pixels of the JPEG."""
    state: Literal["preview", "full"]
    """full: at the size that was asked for."""
    full_width: Side
    """Pixels that were asked for."""
    full_height: Side
    """Pixels that were asked for."""
    ms: float
    """Milliseconds of rendering."""
    auto: tuple[float, float] | None
    """Offset and scale of automatic brightness that the server chose, without the exposure; null where it did not."""


@dataclass(frozen=True)
class ChangeHeader:
    """Server, before little-endian int16 in rows: log change = value * scale."""

    id: Number
    """The request's."""
    width: Side
    """Pixels."""
    height: Side
    """Pixels."""
    scale: float
    """Log change of one step."""


ClientMessage = View | Change | Training | Ack
FROM_CLIENT: dict[str, type] = {"view": View, "change": Change, "training": Training, "ack": Ack}
TO_CLIENT: dict[str, type] = {"hello": Hello, "metrics": Metrics, "log": Log, "error": Error}
HEADERS: dict[str, type] = {"frame": FrameHeader, "change": ChangeHeader}
PARTS: tuple[type, ...] = (Tone, Wipe)


def text_of(message: Any) -> str:
    """A message as JSON text with its `type`."""
    for names in (FROM_CLIENT, TO_CLIENT, HEADERS):
        for name, kind in names.items():
            if type(message) is kind:
                return json.dumps({"type": name, **table_of(message)}, allow_nan=False)
    raise TypeError(f"{type(message).__name__} is not a message")


def packed(header: FrameHeader | ChangeHeader, payload: bytes) -> bytes:
    """A binary message."""
    text = text_of(header).encode()
    return struct.pack("<I", len(text)) + text + payload


def unpacked(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and payload of a binary message; the inverse of `packed`."""
    (length,) = struct.unpack_from("<I", message)
    return json.loads(message[4 : 4 + length]), message[4 + length :]
