"""Temporally dense flow of a recording: implicit fields of overlapping windows, evaluated at any time and position."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64, Real

from efields import atomic
from efields.errors import InputError
from efields.geometry.camera import Camera
from efields.motion.carried import carried
from efields.motion.flow_field import FieldFrame, FlowField, FlowFieldConfig
from efields.motion.motion import Calibration

_LONGEST_STEP_US = 10_000
_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Flow:
    """Flow on the image of the camera without its distortion."""

    fields: tuple[FlowField, ...]
    """One field per window."""
    start_us: Int64[np.ndarray, " m"]
    """Absolute time of each window's first event in microseconds, increasing."""
    end_us: Int64[np.ndarray, " m"]
    """Absolute time of its last event."""
    camera: Camera
    """The camera without distortion, whose pixels flow is given for."""
    calibration: Calibration = "given"
    """Where the camera's focal length comes from, which flow in pixels hardly depends on."""

    def at(self, t_us: float | Real[np.ndarray, " n"], pixel: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Flow in pixels per second at absolute times and positions (x, y) of the undistorted image.

        Where windows overlap, the nearer a time lies to a window's middle the more that window counts; before the
        first window and after the last, and in gaps, the nearest window's flow at its end. Zero for NaN places.
        """
        place = np.asarray(pixel, dtype=np.float64).reshape(-1, 2)
        known = np.isfinite(place[:, 0]) & np.isfinite(place[:, 1])
        bearing = (np.where(known[:, None], place, 0.0) - self._centre) / self._focal
        times = np.broadcast_to(np.asarray(t_us, dtype=np.float64), len(bearing))
        return self._normalised(times, bearing) * self._focal * known[:, None]

    def displacement(self, t0_us: int, t1_us: int, pixel: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """How far what is at `pixel` at `t0_us` moves until `t1_us`, in pixels, along its trajectory (midpoint rule).

        Steps last 10 ms or less.
        """
        return carried(self.at, t0_us, t1_us, pixel, _LONGEST_STEP_US)

    def save(self, path: Path) -> None:
        """Write everything to an npz file that `load` reads."""
        first = self.fields[0]
        frames = np.array([[f.frame.half_s, *f.frame.centre, *f.frame.half, f.frame.speed] for f in self.fields])
        weights = {f"weight.{name}": np.stack([f.state_dict()[name].numpy() for f in self.fields])
                   for name in first.state_dict()}  # fmt: skip
        camera = self.camera
        content = io.BytesIO()
        columns = {
            "start_us": self.start_us,
            "end_us": self.end_us,
            "camera": np.array([camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy]),
            "calibration": np.array(self.calibration),
            "frames": frames,
            "lattice": np.array([f.frame.lattice for f in self.fields]),
            "sharpness": np.array([f.sharpness for f in self.fields]),
            "config": np.array([*asdict(first.config).values()], dtype=np.float64),
        }
        np.savez(content, allow_pickle=False, **columns, **weights)
        atomic.write_bytes(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> Flow:
        """What `save` wrote. Raises `InputError` for another or a damaged file."""
        try:
            with np.load(path, allow_pickle=False) as held:
                found = {name: held[name] for name in held.files}
            width, layers, octaves, spacing, times = found["config"].tolist()
            config = FlowFieldConfig(int(width), int(layers), int(octaves), spacing, int(times))
            fields = [_field(found, k, config) for k in range(len(found["start_us"]))]
            size = found["camera"].tolist()
            camera = Camera(int(size[0]), int(size[1]), *size[2:])
            calibration: Any = str(found["calibration"])
            return cls(tuple(fields), found["start_us"], found["end_us"], camera, calibration)
        except (OSError, KeyError, ValueError, EOFError, RuntimeError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(f"is not a flow file written by efields ({error})", path, "estimate it again") from None

    @property
    def _centre(self) -> Float64[np.ndarray, " 2"]:
        return np.array([self.camera.cx, self.camera.cy])

    @property
    def _focal(self) -> Float64[np.ndarray, " 2"]:
        return np.array([self.camera.fx, self.camera.fy])

    def _normalised(self, t_us: np.ndarray, bearing: np.ndarray) -> np.ndarray:
        """Flow in normalised units a second, blended over windows."""
        share = self._shares(t_us)
        out = np.zeros((len(bearing), 2))
        for k in np.flatnonzero(share.any(axis=1)):
            chosen = np.flatnonzero(share[k])
            middle = (int(self.start_us[k]) + int(self.end_us[k])) // 2
            for part in np.split(chosen, range(_AT_ONCE, len(chosen), _AT_ONCE)):
                t_s = torch.from_numpy(((t_us[part] - middle) * 1e-6).astype(np.float32))
                with torch.no_grad():
                    flow = self.fields[k].at(t_s, torch.from_numpy(bearing[part].astype(np.float32)))
                out[part] += share[k, part, None] * flow.double().numpy()
        return out

    def _shares(self, t_us: np.ndarray) -> Float64[np.ndarray, "m n"]:
        """Weight of each window at each time; weights sum to one."""
        start, end = self.start_us[:, None].astype(np.float64), self.end_us[:, None].astype(np.float64)
        half = np.maximum((end - start) / 2, 0.5)
        inside = np.maximum(1.0 - np.abs(t_us[None] - (start + end) / 2) / half, 0.0)
        total = inside.sum(axis=0)
        away = np.maximum(np.maximum(start - t_us[None], t_us[None] - end), 0.0)
        nearest = np.zeros_like(inside)
        nearest[np.argmin(away, axis=0), np.arange(len(t_us))] = 1.0
        return np.where(total > 0, inside / np.where(total > 0, total, 1.0), nearest)


def flow_of(fields: Sequence[FlowField], spans_us: Sequence[tuple[int, int]], camera: Camera) -> Flow:
    """A recording's flow from the fields of its windows and their first and last times."""
    spans = np.array(spans_us, dtype=np.int64).reshape(-1, 2)
    return Flow(tuple(fields), spans[:, 0], spans[:, 1], camera)


def _field(found: dict[str, np.ndarray], k: int, config: FlowFieldConfig) -> FlowField:
    half_s, cx, cy, hx, hy, speed = found["frames"][k].tolist()
    times, rows, columns = found["lattice"][k].tolist()
    frame = FieldFrame(half_s, (cx, cy), (hx, hy), speed, (times, rows, columns))
    field = FlowField(config, frame, torch.Generator().manual_seed(0))
    prefix = "weight."
    field.load_state_dict(
        {n[len(prefix) :]: torch.from_numpy(np.asarray(v[k])) for n, v in found.items() if n.startswith(prefix)}
    )
    field.sharpness = float(found["sharpness"][k])
    return field.requires_grad_(False)
