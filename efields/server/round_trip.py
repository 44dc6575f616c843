"""Frame rate and round-trip time of a moving camera, compared with pre-rendered images: the cost of transfer.

The client is a process of its own: `python -m efields.server.round_trip URL SIZE SECONDS` prints one JSON line.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from efields.errors import InputError
from efields.export.document import scene_parts
from efields.geometry.paths import look_at
from efields.geometry.pose import rotation_to_quaternion
from efields.render.model import Model
from efields.server.app import Offer
from efields.server.client import connected
from efields.server.looking import Layers, Looking, pinhole
from efields.server.protocol import Tone, View
from efields.server.session import Job
from efields.server.showing import with_auto_tone
from efields.server.studio import Studio
from efields.server.viewing import serving
from efields.train import Run

RING = 32
"""Number of pre-rendered images that are sent one after the other."""
WARM_FRAMES = 20
"""Frames before the count begins."""


@dataclass(frozen=True)
class ViewingRow:
    """Measurements of one moving camera."""

    field: str
    """Name of the run, or `ready pictures`."""
    backend: str
    """What rendered; empty for ready pictures."""
    size: int
    """Pixels along each side that were asked for."""
    rows: int
    """Rows of the pictures that came, the median."""
    frames_s: float
    """Pictures a second."""
    p50_ms: float
    """Milliseconds from request to image, the median."""
    p95_ms: float
    """The 95th percentile."""
    kilobytes: float
    """Mean size of a picture."""
    frames: int
    """Pictures that were counted."""


class ReadyStudio(Studio):
    """Sends pictures that were made before, of the size that was asked for, through everything else as usual."""

    def __init__(self, model: Model, size: int) -> None:
        super().__init__(model)
        self._ring = [self._made(model, size, k) for k in range(RING)]
        self._next = 0

    def _made(self, model: Model, size: int, k: int) -> bytes:
        """A JPEG as a still view has it, its detail shifted: as large as a full picture of the field."""
        if k == 0:
            view = flight(model, size, 0.0, 0)
            pose = np.eye(4)
            pose[:3, 3] = view.position
            pose[:3, :3] = _rotation(view)
            looking = Looking(model.renderer, pinhole(view.fov_y, size, size), pose)
            while not looking.done:
                looking.advance(1 << 14)
            self._layers = looking.layers()
        first = self._layers
        turned = Layers(
            np.roll(first.radiance, 8 * k, axis=1), np.roll(first.opacity, 8 * k, axis=1), first.depth, None
        )
        view, _ = with_auto_tone(flight(model, size, 0.0, k), turned)
        job = Job(None, view, size, size, False, 75, 0)  # type: ignore[arg-type]
        return super().encode(job, view, turned)

    def _begin(self, job: Job) -> Any:
        begun = super()._begin(job)
        begun.job = replace(job, width=job.request.width, height=job.request.height)
        begun.lookings = []
        return begun

    def layers_of(self, job: Job) -> Layers:
        """Anything: `encode` does not look at it."""
        return self._layers

    def encode(self, job: Job, view: View, layers: Layers) -> bytes:
        """The next picture of the ring."""
        self._next = (self._next + 1) % RING
        return self._ring[self._next]


def _rotation(view: View) -> np.ndarray:
    from efields.geometry.pose import quaternion_to_rotation

    return quaternion_to_rotation(torch.tensor(view.quaternion, dtype=torch.float64)).numpy()


def flight(model: Model, size: int, turn: float, number: int) -> View:
    """View `number` of a camera that circles around what the recording circled, `turn` from 0 to 1."""
    path = model.near_trajectory
    middle = path.at(torch.tensor([0.5 * sum(path.seconds_span)], dtype=torch.float64))
    start, center = middle.position[0].detach().numpy(), np.array(model.renderer.box.center)
    up = -middle.rotation[0, :, 1].detach().numpy()
    angle, way = 2 * math.pi * turn, start - center
    # Rodrigues' rotation about the picture's up direction.
    turned = way * math.cos(angle) + np.cross(up, way) * math.sin(angle) + up * np.dot(up, way) * (1 - math.cos(angle))
    pose = look_at(center + turned, center)
    quaternion = rotation_to_quaternion(torch.from_numpy(pose[:3, :3])).tolist()
    angle_y = 2 * math.atan(0.5 * model.camera.height / model.camera.fy)
    tone = Tone("auto", (0.0,), (1.0,), 2.2)
    position = tuple(pose[:3, 3].tolist())
    return View(number, position, tuple(quaternion), angle_y, size, size, None, "colour", tone, None, True, None)


def measure_viewing(
    run: Path, backend: str, size: int, seconds: float, on_progress: Callable[[int, int, str], None]
) -> list[ViewingRow]:
    """The field of a run, then ready pictures, each through a server of its own to a client in another process."""
    source = Run.open(run)
    model = source.load_model(backend)
    parts = scene_parts(source, model, None)
    rows = []
    for number, (name, studio) in enumerate(
        ((source.name, Studio(model)), ("ready pictures", ReadyStudio(model, size)))
    ):
        on_progress(number, 2, name)
        with serving(studio, Offer(parts.document), "127.0.0.1", 0, None) as address:
            found = _from_another_process(studio, address.url, run, size, seconds)
        rows.append(ViewingRow(name, model.renderer.backend.name if number == 0 else "", size, **found))
    on_progress(2, 2, "")
    return rows


def _from_another_process(studio: Studio, url: str, run: Path, size: int, seconds: float) -> dict[str, Any]:
    words = [sys.executable, "-m", "efields.server.round_trip", url, str(run), str(size), str(seconds)]
    client = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    done = threading.Event()
    output: list[str] = []

    def wait() -> None:
        output.extend(client.communicate())
        done.set()
        studio.wake()

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    try:
        studio.run(done.is_set)
    finally:
        if client.poll() is None:
            client.kill()
        waiting.join()
    if client.returncode != 0:
        raise InputError(f"the client failed ({(output[1].strip().splitlines() or ['no word'])[-1][:200]})")
    return json.loads(output[0])


def fly(url: str, run: Path, size: int, seconds: float) -> dict[str, Any]:
    """Ask for one view after the other, each when the one before has come, and keep the times."""
    model = Run.open(run).load_model("reference")
    # Views are made before the clock runs: the client has to be as quick as a page that only sends.
    views = [flight(model, size, k / 360, k) for k in range(360)]
    times, rows, sizes = [], [], []
    with connected(url) as client:
        number, began = 0, 0.0
        while number < WARM_FRAMES + 2 or time.perf_counter() - began < seconds:
            if number == WARM_FRAMES:
                began = time.perf_counter()
            wanted = replace(views[number % 360], id=number)
            asked = time.perf_counter()
            client.send(wanted)
            header, jpeg = client.wait_for("frame", id=number, timeout_s=120)
            if number >= WARM_FRAMES:
                times.append(time.perf_counter() - asked)
                rows.append(header["height"])
                sizes.append(len(jpeg))
            number += 1
        took = time.perf_counter() - began
    p50, p95 = (1e3 * float(np.quantile(times, q)) for q in (0.5, 0.95))
    return {
        "rows": int(np.median(rows)), "frames_s": len(times) / took, "p50_ms": p50, "p95_ms": p95,
        "kilobytes": float(np.mean(sizes)) / 1e3, "frames": len(times),
    }  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fly(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))
