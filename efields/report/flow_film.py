"""The film of a flow, and what its page shows of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.motion.flow import Flow
from efields.motion.flow_maps import dense_flow, speeds_at_events
from efields.report.motion_page import ShownFlow
from efields.report.motion_pictures import fastest_speed, flow_colours, write_film

FILM_FPS = 24
_FILM_FRAMES = (48, 240)
"""Fewest and most frames of a film, whose number is that of the maps in between."""
_SCALE_FRAMES = 8
"""Times whose flow tells the speed at the rim of the colour wheel."""


def film_times(events: EventStream, maps: int) -> Int64[np.ndarray, " n"]:
    """Absolute times of a film's frames, microseconds: as many as maps, within reason."""
    return np.linspace(events.t_us[0], events.t_us[-1], min(max(maps, _FILM_FRAMES[0]), _FILM_FRAMES[1])).astype(
        np.int64
    )


def common_scale(flow: Flow, events: EventStream) -> float:
    """A speed for the rim of the colour wheel that suits all of the time, px/s."""
    return fastest_speed(dense_flow(flow, int(t)) for t in np.linspace(events.t_us[0], events.t_us[-1], _SCALE_FRAMES))


def write_flow_film(
    path: Path, flow: Flow, times: np.ndarray, fastest: float, tell: Callable[[int, int], None]
) -> None:
    """Write the flow at these times as a film of its colours."""

    def pictures() -> Iterator[np.ndarray]:
        for number, t_us in enumerate(times.tolist()):
            yield flow_colours(dense_flow(flow, t_us), fastest)
            tell(number + 1, len(times))

    write_film(path, pictures(), FILM_FPS)


def shown_flow(
    flow: Flow, events: EventStream, camera: Camera, fastest: float, film: Path | None = None, frames: int = 0
) -> ShownFlow:
    """What the page shows of a flow: a picture of its middle, its speeds, and the film of so many frames."""
    first, last = int(events.t_us[0]), int(events.t_us[-1])
    return ShownFlow(
        picture=dense_flow(flow, (first + last) // 2),
        at_s=(last - first) * 0.5e-6,
        fastest=fastest,
        speeds=speeds_at_events(flow, events, camera),
        film=b"" if film is None else film.read_bytes(),
        slowed=frames / FILM_FPS / max(events.duration_s, 1e-6),
    )
