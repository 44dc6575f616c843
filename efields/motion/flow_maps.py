"""Flow of every pixel: maps at one time or between two, and speeds at the events."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import torch
from jaxtyping import Float64, Int64

from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.motion.flow import Flow
from efields.motion.window import window_of

_SPACING_PX = 4
"""Flow is asked for at pixels so far apart, and is linear in between: it is fitted on a lattice three times as wide."""


@dataclass(frozen=True)
class Speeds:
    """Speed of the image at the events, px/s."""

    mean: float
    """Mean over events."""
    median: float
    """Median over events."""
    fast: float
    """99th percentile over events."""


def dense_flow(flow: Flow, t_us: int) -> Float64[np.ndarray, "h w 2"]:
    """Flow of every pixel at one absolute time, px/s."""
    return _dense(flow.camera, lambda pixel: flow.at(t_us, pixel))


def dense_displacement(flow: Flow, start_us: int, stop_us: int) -> Float64[np.ndarray, "h w 2"]:
    """Displacement of what every pixel shows from one absolute time to another, pixels."""
    return _dense(flow.camera, lambda pixel: flow.displacement(start_us, stop_us, pixel))


def speeds_at_events(flow: Flow, events: EventStream, camera: Camera, most: int = 5000) -> Speeds:
    """Speeds at events, at most so many spread evenly over their order; `camera` is the one that saw them."""
    window = window_of(events[:: -(-len(events) // most)], camera)
    focal, centre = (window.camera.fx, window.camera.fy), (window.camera.cx, window.camera.cy)
    t_us = window.middle_us + np.rint(window.t_s.double().numpy() * 1e6).astype(np.int64)
    speed = np.linalg.norm(flow.at(t_us, window.bearing.double().numpy() * focal + centre), axis=1)
    return Speeds(float(speed.mean()), float(np.median(speed)), float(np.percentile(speed, 99)))


@contextmanager
def stacked_maps(
    path: Path | None, times: Int64[np.ndarray, " n"], camera: Camera
) -> Iterator[Callable[[np.ndarray], None]]:
    """Write displacements `[h, w, 2]` between successive times, one after another, as `flow` of an npz file.

    `start_us` and `stop_us` are those times. More than 200 maps are stored as float16. Memory holds one map at a time.
    Without a path nothing is written.
    """
    if path is None:
        yield lambda displacement: None
        return
    kind = np.dtype("<f2" if len(times) > 200 else "<f4")
    shape = (len(times) - 1, camera.height, camera.width, 2)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, column in (("start_us", times[:-1]), ("stop_us", times[1:])):
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, column)
        with archive.open("flow.npy", "w", force_zip64=True) as file:
            header = {"descr": kind.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            yield lambda displacement: _append(file, displacement.astype(kind))


def _append(file: IO[bytes], part: np.ndarray) -> None:
    file.write(np.ascontiguousarray(part).data)


def _dense(camera: Camera, ask: Callable[[np.ndarray], np.ndarray]) -> Float64[np.ndarray, "h w 2"]:
    """Values at every pixel, from those on a lattice that starts and ends at the image's corners."""
    columns, rows = (
        np.linspace(0, side - 1, -(-(side - 1) // _SPACING_PX) + 1) for side in (camera.width, camera.height)
    )
    x, y = np.meshgrid(columns, rows)
    values = ask(np.column_stack([x.ravel(), y.ravel()])).reshape(1, len(rows), len(columns), 2)
    size = (camera.height, camera.width)
    wide = torch.nn.functional.interpolate(
        torch.from_numpy(values).permute(0, 3, 1, 2), size=size, mode="bilinear", align_corners=True
    )
    return wide[0].permute(1, 2, 0).contiguous().numpy()
