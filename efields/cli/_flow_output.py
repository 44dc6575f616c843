"""What comes out of a flow: maps between times, a film, and what the page shows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from efields.events.stream import EventStream
    from efields.geometry.camera import Camera
    from efields.motion.flow import Flow
    from efields.report.motion_page import ShownFlow

FILM_FPS = 24
_FILM_FRAMES = (48, 240)
"""Fewest and most frames of a film, whose number is that of the maps in between."""
_SCALE_FRAMES = 8
"""Times whose flow tells the speed at the rim of the colour wheel."""

Tell = Callable[[int, int], None]


def write_maps(folder: Path, flow: Flow, times: np.ndarray, formats: tuple[str, ...], tell: Tell) -> None:
    """Write the displacement of every pixel over each interval as `npz`, `flo` and `dsec` files, and the times."""
    from efields.formats.flow_png import write_flow_png
    from efields.motion.files import write_flo
    from efields.motion.flow_maps import dense_displacement, stacked_maps

    folder.mkdir()
    with stacked_maps(folder / "flow.npz" if "npz" in formats else None, times, flow.camera) as append:
        for number, (start, stop) in enumerate(pairwise(times.tolist())):
            displacement = dense_displacement(flow, start, stop).astype(np.float32)
            append(displacement)
            if "flo" in formats:
                write_flo(folder / f"{number:06d}.flo", displacement)
            if "dsec" in formats:
                fits = np.abs(displacement).max(axis=-1) < 255
                write_flow_png(folder / f"{number:06d}.png", displacement, fits)
            tell(number + 1, len(times) - 1)
    rows = "".join(f"{start}, {stop}\n" for start, stop in pairwise(times.tolist()))
    (folder / "timestamps.txt").write_text("# from_timestamp_us, to_timestamp_us\n" + rows, encoding="utf-8")


def film_times(span_us: tuple[int, int], maps: int) -> np.ndarray:
    """Absolute times of a film's frames, microseconds: as many as maps, within reason."""
    return np.linspace(*span_us, min(max(maps, _FILM_FRAMES[0]), _FILM_FRAMES[1])).astype(np.int64)


def common_scale(flow: Flow, span_us: tuple[int, int]) -> float:
    """A speed for the rim of the colour wheel that suits all of the time, px/s."""
    from efields.motion.flow_maps import dense_flow
    from efields.report.motion_pictures import fastest_speed

    return fastest_speed(dense_flow(flow, int(t)) for t in np.linspace(*span_us, _SCALE_FRAMES))


def write_flow_film(path: Path, flow: Flow, times: np.ndarray, fastest: float, tell: Tell) -> None:
    """Write the flow at these times as a film of its colours."""
    from efields.motion.flow_maps import dense_flow
    from efields.report.motion_pictures import flow_colours, write_film

    def pictures():
        for number, t_us in enumerate(times.tolist()):
            yield flow_colours(dense_flow(flow, t_us), fastest)
            tell(number + 1, len(times))

    write_film(path, pictures(), FILM_FPS)


def shown_flow(
    flow: Flow, events: EventStream, camera: Camera, fastest: float, film: Path | None = None, frames: int = 0
) -> ShownFlow:
    """What the page shows of a flow: a picture of its middle, its speeds, and the film of so many frames."""
    from efields.motion.flow_maps import dense_flow, speeds_at_events
    from efields.report.motion_page import ShownFlow

    first, last = int(events.t_us[0]), int(events.t_us[-1])
    return ShownFlow(
        picture=dense_flow(flow, (first + last) // 2),
        at_s=(last - first) * 0.5e-6,
        fastest=fastest,
        speeds=speeds_at_events(flow, events, camera),
        film=b"" if film is None else film.read_bytes(),
        slowed=frames / FILM_FPS / max(events.duration_s, 1e-6),
    )
