"""Time to render a view: of a run's field if there is one, else of a synthetic field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from efields.backends import choose_backend
from efields.bench.kernels import OnProgress
from efields.bench.timing import Variant, timed_in_turn
from efields.bench.workloads import default_renderer
from efields.geometry.camera import Camera
from efields.geometry.paths import look_at
from efields.render.image import render_view
from efields.render.renderer import Renderer
from efields.train import Run


@dataclass(frozen=True)
class ViewRow:
    """One size of view with one backend."""

    field: str
    """Name of the run, or `made-up field`."""
    backend: str
    """Name of the backend."""
    size: int
    """Pixels along each side."""
    seconds: float
    """Median seconds of a view."""
    low: float
    """First quartile."""
    high: float
    """Third quartile."""
    ratio: float | None
    """How many times as fast as the reference in the same run; None where that was not measured at this size."""
    runs: int
    """Measurements."""


def square_camera(size: int, field_of_view: float = 0.7) -> Camera:
    """A pinhole camera of `size` x `size` pixels and `field_of_view` radians."""
    focal = 0.5 * size / np.tan(0.5 * field_of_view)
    return Camera(size, size, focal, focal, size / 2 - 0.5, size / 2 - 0.5)


def view_from_outside() -> np.ndarray:
    """A pose from which the made-up field's ball fills half of a square view's side; `[4, 4]`, OpenCV axes."""
    return look_at(np.array([3.0, 0.6, 0.8]), np.zeros(3))


def renderer_and_pose(run: Path | None, backend: str) -> tuple[Renderer, np.ndarray, float]:
    """What is rendered, from where, and the field of view in radians; a run is seen from the middle of its path.

    Raises `InputError` when there is no run at that path.
    """
    if run is None:
        return default_renderer(choose_backend(backend)).eval(), view_from_outside(), 0.7
    model = Run.open(run).load_model(backend)
    path = model.trajectory
    middle = path.at(torch.tensor([(0.5 * (path.start_us + path.end_us) - path.origin_us) * 1e-6], dtype=torch.float64))
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = middle.rotation[0].detach().numpy(), middle.position[0].detach().numpy()
    return model.renderer, pose, 2 * float(np.arctan(0.5 * model.camera.width / model.camera.fx))


def measure_views(
    run: Path | None,
    sizes: Mapping[str, Sequence[int]],
    runs: int,
    on_progress: OnProgress = lambda done, total, note: None,
) -> list[ViewRow]:
    """Seconds of a view for each backend at its sizes; backends that share a size take turns."""
    every = sorted({size for found in sizes.values() for size in found})
    looked = {name: renderer_and_pose(run, name) for name in sizes}
    rows = []
    for number, size in enumerate(every):
        on_progress(number, len(every), f"{size}x{size}")
        jobs = {}
        for name, (renderer, pose, angle) in looked.items():
            if size in sizes[name]:
                camera = square_camera(size, angle)
                jobs[Variant(name)] = lambda r=renderer, c=camera, p=pose: render_view(r, c, p)
        timings = timed_in_turn(jobs, runs)
        reference = timings.get(Variant("reference"))
        for variant, timing in timings.items():
            ratio = None if reference is None else reference.median_s / timing.median_s
            title = "made-up field" if run is None else Path(run).resolve().name
            rows.append(
                ViewRow(title, variant.backend, size, timing.median_s, timing.low_s, timing.high_s, ratio, timing.runs)
            )
    on_progress(len(every), len(every), "")
    return rows
