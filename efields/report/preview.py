"""A preview of a recording: a video of its events, or six moments and the event rate in one picture."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from efields import atomic
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.image import event_image
from efields.events.side_streams import Frames
from efields.events.stream import EventStream
from efields.events.survey import Survey
from efields.report.motion_pictures import write_film

FPS = 30.0
SHORTEST_S, LONGEST_S = 3.0, 10.0
"""Length of a video: shorter recordings are slowed down, longer ones sped up."""
EXPOSED = 3
"""Number of steps of the video whose events one picture shows."""
MOMENTS = 6
_EXPOSURE = 0.02
"""Fraction of the recording whose events one moment shows, at most `_MOST` events per pixel."""
_MOST = 0.15


def write_preview(path: Path, events: Iterator[EventColumns], survey: Survey, frames: Frames | None = None) -> str:
    """Draw the events, in order of time, to an `.mp4` or a `.png`, and return a sentence on what it shows.

    The camera's own frames, where there are some, stand beside the events in a film and behind them in a picture.
    Raises `InputError` for another ending and a recording without events.
    """
    _check_ending(path)
    if survey.events == 0:
        raise InputError("there are no events to draw", path, "choose a recording with events")
    draw = _film if path.suffix.lower() == ".mp4" else _moments
    return draw(path, events, survey, frames)


def check_preview(path: Path, overwrite: bool) -> None:
    """Raise `InputError` for another ending than .mp4 and .png, and a name that is taken; before any reading."""
    _check_ending(path)
    atomic.refuse_existing(path, overwrite)


def _check_ending(path: Path) -> None:
    if path.suffix.lower() not in (".mp4", ".png"):
        raise InputError(
            f"a preview cannot be written as '{path.suffix.lower()}'",
            path,
            "give a file name that ends in .mp4 or .png",
        )


def _film(path: Path, events: Iterator[EventColumns], survey: Survey, frames: Frames | None) -> str:
    duration_s = max(survey.duration_s, 1e-6)
    length_s = min(max(duration_s, SHORTEST_S), LONGEST_S)
    steps = max(int(length_s * FPS), 1)
    step_us = max(math.ceil((survey.last_us + 1 - survey.first_us) / steps), 1)
    slower = length_s / duration_s
    speed = (
        f"{slower:.3g} times slower"
        if slower > 1.05
        else f"{1 / slower:.3g} times faster"
        if slower < 0.95
        else "real time"
    )

    def pictures() -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        shown: deque[EventColumns] = deque(maxlen=EXPOSED)
        for number, span in enumerate(_spans(events, survey, step_us, steps)):
            shown.append(span)
            stream = _stream(EventColumns.concat(list(shown)), survey)
            picture = event_image(stream, dark=False)
            if frames is not None:
                seen = _frame_at(frames, survey.first_us + (number + 1) * step_us, stream)
                picture = np.concatenate((picture, np.full_like(picture[:, :2], 0xD0), seen), axis=1)
            yield _stamped(picture, f"{number * step_us * 1e-6:8.4f} s   {speed}")

    count = write_film(path, pictures(), FPS)
    return f"{path}: {count} pictures of {EXPOSED * step_us * 1e-3:.3g} ms, {speed}; ON amber, OFF blue."


def _spans(events: Iterator[EventColumns], survey: Survey, step_us: int, count: int) -> Iterator[EventColumns]:
    """The events of `count` spans of time one after the other; those that come late stand in the span that is open."""
    pending = EventColumns.concat([])
    number = 0
    for chunk in events:
        pending = EventColumns.concat([pending, chunk]) if pending.count else chunk
        while number < count - 1 and int(pending.t_us[-1]) >= survey.first_us + (number + 1) * step_us:
            cut = int(np.argmax(pending.t_us >= survey.first_us + (number + 1) * step_us))
            yield pending.take(slice(0, cut))
            pending = pending.take(slice(cut, None))
            number += 1
    yield pending


def _stream(columns: EventColumns, survey: Survey) -> EventStream:
    return EventStream(*columns, width=survey.width, height=survey.height)


def _frame_at(frames: Frames, t_us: int, stream: EventStream) -> UInt8[np.ndarray, "h w 3"]:
    """The newest frame at a time, the first before that, in the size of the sensor (by its nearest pixels)."""
    earlier = np.flatnonzero(frames.t_us <= t_us)
    at = earlier[np.argmax(frames.t_us[earlier])] if earlier.size else np.argmin(frames.t_us)
    image = frames.image[at]
    rows = np.arange(stream.height) * image.shape[0] // stream.height
    columns = np.arange(stream.width) * image.shape[1] // stream.width
    shown = np.clip(image[rows[:, None], columns].astype(np.float64) * (255 / frames.white), 0, 255).astype(np.uint8)
    return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown[..., :3]


def _stamped(events: UInt8[np.ndarray, "h w 3"], text: str) -> UInt8[np.ndarray, "h2 w2 3"]:
    """A picture of the events, enlarged to at least 480 columns, with a line of text below."""
    from PIL import Image, ImageDraw, ImageFont

    scale = max(1, math.ceil(480 / events.shape[1]))
    picture = np.kron(events, np.ones((scale, scale, 1), np.uint8))
    framed = np.full((picture.shape[0] + 28, picture.shape[1], 3), 255, np.uint8)
    framed[: picture.shape[0]] = picture
    framed[picture.shape[0]] = 0xD0
    canvas = Image.fromarray(framed)
    place = (8, picture.shape[0] + 6)
    ImageDraw.Draw(canvas).text(place, text, fill=(0x1B, 0x1E, 0x26), font=ImageFont.load_default(14))
    return np.asarray(canvas)


def _moments(path: Path, events: Iterator[EventColumns], survey: Survey, frames: Frames | None) -> str:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    most = max(int(_MOST * survey.width * survey.height), 1000)
    span_us = max(int(_EXPOSURE * survey.duration_s * 1e6), 1)
    begins = [survey.first_us + int((k + 0.5) / MOMENTS * survey.duration_s * 1e6) for k in range(MOMENTS)]
    held: list[list[EventColumns]] = [[] for _ in begins]
    for chunk in events:
        for begin, parts in zip(begins, held, strict=True):
            inside = np.flatnonzero((chunk.t_us >= begin) & (chunk.t_us < begin + span_us))
            room = most - sum(part.count for part in parts)
            if inside.size and room > 0:
                parts.append(chunk.take(inside[:room]))
    figure = Figure(figsize=(12, 7 if survey.height < survey.width else 10), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 3, height_ratios=(1, 1, 0.42))
    for k, (begin, parts) in enumerate(zip(begins, held, strict=True)):
        axes = figure.add_subplot(grid[k // 3, k % 3])
        columns = EventColumns.concat(parts)
        stream = _stream(columns, survey)
        picture = event_image(stream, dark=False)
        if frames is not None:  # pale, so that the colours of the events stay apart from it
            pale = 155 + (_frame_at(frames, begin + span_us, stream) * 0.39).astype(np.uint8)
            picture = np.where((picture == 255).all(axis=-1, keepdims=True), pale, picture)
        axes.imshow(picture, interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(f"{(begin - survey.first_us) * 1e-6:.3f} s, {columns.count:,} events", fontsize=10, loc="left")
    axes = figure.add_subplot(grid[2, :])
    seconds, rate = survey.rate_curve(120)
    axes.fill_between(seconds, rate * 1e-6, step="mid", color="#2f7bff", alpha=0.35, lw=0)
    axes.set_xlim(0, max(survey.duration_s, 1e-6))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds from the first event")
    axes.set_ylabel("million events/s")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    with atomic.replacing(path) as temporary:
        canvas.print_figure(temporary, format="png")
    return f"{path}: {MOMENTS} moments of up to {span_us * 1e-3:.3g} ms; ON amber, OFF blue; the rate below."
