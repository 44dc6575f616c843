"""A textured sphere with a closed form, in place of a trained model; and a run folder around it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.camera import Camera
from efields.geometry.paths import orbit
from efields.geometry.rays import Rays
from efields.geometry.trajectory import Trajectory
from efields.recordings.recording import Recording, Views
from efields.render.image import render_view

SECOND_US = 1_000_000


class SphereRenderer(torch.nn.Module):
    """An opaque ball of radius 1 at the origin with a smooth texture on a uniform background."""

    device = torch.device("cpu")
    origin = (0.0, 0.0, 0.0)
    origin_us = 0

    def __init__(self, channels: int = 3, gain: float = 1.0, power: float = 1.0, noise: float = 0.0) -> None:
        super().__init__()
        self.channels, self.gain, self.power, self.noise = channels, gain, power, noise

    def forward(self, rays: Rays, jitter: torch.Tensor | None = None, **_: Any) -> Any:
        along = (rays.origin * rays.direction).sum(-1)
        square = along**2 - (rays.origin**2).sum(-1) + 1.0
        hit = square > 0
        depth = -along - square.clamp(min=0).sqrt()
        point = rays.origin + depth[:, None] * rays.direction
        waves = torch.stack([torch.sin(5 * point[:, k % 3] + k) for k in range(self.channels)], dim=-1)
        radiance = torch.where(hit[:, None], 0.45 + 0.4 * waves, torch.tensor(0.6))
        if self.noise:
            scatter = torch.sin(1e3 * rays.direction[:, :1] + 77 * rays.direction[:, 1:2])
            radiance = radiance * (1 + self.noise * scatter)
        distance = torch.where(hit, depth, torch.inf)
        return SimpleNamespace(radiance=self.gain * radiance**self.power, opacity=hit.float(), depth=distance)


def camera(size: int = 32, bayer: str = "") -> Camera:
    return Camera(size, size, 1.2 * size, 1.2 * size, (size - 1) / 2, (size - 1) / 2, bayer=bayer)


def poses(n: int, elevation: float = 20.0) -> np.ndarray:
    return np.asarray(orbit((0.0, 0.0, 0.0), 3.0, elevation, n))


def views(n: int = 3, size: int = 32, channels: int = 3, times: bool = False) -> Views:
    """Reference views of the sphere itself, with its depth."""
    placed = poses(n, 35.0)
    seen = [render_view(SphereRenderer(channels), camera(size), pose) for pose in placed]  # type: ignore[arg-type]
    return Views.stacked(
        image=np.stack([view.radiance for view in seen]),
        T_world_camera=placed,
        camera=camera(size),
        names=tuple(f"view_{i:03d}" for i in range(n)),
        t_us=np.arange(n, dtype=np.int64) if times else None,
        depth=np.stack([view.depth for view in seen]),
    )


def trajectory(n: int = 40) -> Trajectory:
    """One turn in a second."""
    t_us = np.linspace(0, SECOND_US, n).astype(np.int64)
    return Trajectory.from_matrices(t_us, poses(n))


def events(size: int = 32, n: int = 4000, seed: int = 3) -> EventStream:
    rng = np.random.default_rng(seed)
    t_us = np.sort(rng.integers(0, SECOND_US, n))
    x, y = rng.integers(0, size, n), rng.integers(0, size, n)
    return EventStream.from_arrays(x, y, t_us, rng.random(n) < 0.5, size, size)


def recording(heldout: Views | None, size: int = 32, bayer: str = "RGGB") -> Recording:
    return Recording(
        events=events(size),
        camera=camera(size, bayer),
        sensor=Sensor(0.25, 0.25),
        trajectory=trajectory(),
        heldout=heldout,
        name="sphere",
    )


def _experiment() -> Any:
    return SimpleNamespace(
        backend="auto", seed=7, evaluate=SimpleNamespace(protocol="robust"), problem=SimpleNamespace(frames=False)
    )


@dataclass
class SphereRun:
    """What evaluate and report ask of a run, on a folder of its own."""

    path: Path
    renderer: Any = field(default_factory=SphereRenderer)
    experiment: Any = field(default_factory=lambda: _experiment())

    def create(self, lines: int = 20) -> SphereRun:
        self.path.mkdir(parents=True)
        self.path.joinpath("config.toml").write_text(
            'scene = "scenes/sphere"\nseed = 7\n[field]\nkind = "hash_grid"\nlevels = 8\n'
            "[losses.event_interval]\nweight = 1.0\n"
        )
        if lines:
            text = "".join(json.dumps(self._line(i)) + "\n" for i in range(1, lines + 1))
            self.path.joinpath("metrics.jsonl").write_text(text)
            self.path.joinpath("training.json").write_text(json.dumps(self._training(lines)))
        return self

    def read_metrics(self) -> list[dict[str, Any]]:
        path = self.path / "metrics.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    @property
    def name(self) -> str:
        return self.path.name

    def training(self) -> dict[str, Any]:
        path = self.path / "training.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    def load_model(self, *_: str) -> Any:
        return SimpleNamespace(
            renderer=self.renderer, camera=camera(32, "RGGB"), trajectory=trajectory(), sensor=Sensor(0.25, 0.25)
        )

    @staticmethod
    def _training(lines: int) -> dict[str, Any]:
        return {
            "steps": 50 * lines,
            "train_seconds": 4.5 * lines,
            "events": 4000,
            "backend": "reference",
            "device": "cpu",
            "threads": 2,
            "seed": 7,
            "peak_memory_mb": 812.4,
            "notes": ["12 events outside the trajectory were dropped."],
            "versions": {"efields": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "numpy": "2.4.6"},
            "machine": "x86_64, Linux",
        }

    @staticmethod
    def _line(i: int) -> dict[str, Any]:
        loss = 0.4 * np.exp(-i / 6) + 0.02
        line = {
            "step": 50 * i,
            "seconds": 4.5 * i,
            "loss": loss,
            "terms": {"event_interval": 0.7 * loss, "silent": 0.3 * loss},
            "rays_per_s": 21000.0 + i,
            "samples_per_s": 450000.0,
            "learning_rate": 0.01,
        }
        return line | ({"psnr_heldout": 29.0 - 14.0 * np.exp(-i / 5)} if i % 4 == 0 else {})
