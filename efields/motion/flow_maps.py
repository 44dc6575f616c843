"""Flow of every pixel: maps at one time or between two, and speeds at the events."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
import torch
from jaxtyping import Float64, Int64

from efields.events.stream import EventStream
from efields.formats.flow_png import write_flow_png
from efields.geometry.camera import Camera
from efields.motion.files import write_flo
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


def write_maps(
    folder: Path,
    flow: Flow,
    times: Int64[np.ndarray, " n"],
    formats: tuple[str, ...],
    tell: Callable[[int, int], None],
) -> None:
    """Write the displacement of every pixel over each interval as `npz`, `flo` and `dsec` files, and the times."""
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
