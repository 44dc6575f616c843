"""The content of the report, read from the run folder alone."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from efields.errors import InputError
from efields.evaluate.environment import environment
from efields.settings import read_toml
from efields.train.records import read_scores
from efields.train.run import Run

if TYPE_CHECKING:
    from efields.geometry.trajectory import Trajectory

HELDOUT = {"render": "nhwc", "depth": "nhw", "opacity": "nhw", "T_world_camera": "nij", "names": "n", "color_space": ""}
"""Shapes of the arrays of heldout.npz, one letter per dimension."""
HELDOUT_ALSO = {"truth": "nhwc", "psnr": "n", "ssim": "n", "depth_truth": "nhw"}
"""Of those that are there where there are reference views."""
EVENTS = {"measured": "nhw", "predicted": "nhw", "t0_us": "n", "t1_us": "n"}
"""Of events.npz."""


@dataclass(frozen=True)
class Contents:
    """Content of a run folder; None or empty where a piece is missing."""

    name: str
    """Name of the run."""
    scene: str
    """Name of the scene or recording."""
    config: dict[str, Any]
    """Resolved settings, as TOML tables."""
    curve: list[dict[str, Any]]
    """Lines of metrics.jsonl."""
    training: dict[str, Any]
    """training.json: time, memory and machine of training."""
    metrics: dict[str, Any]
    """metrics.json."""
    heldout: dict[str, np.ndarray]
    """Arrays of heldout.npz."""
    events: dict[str, np.ndarray]
    """Arrays of events.npz."""
    trajectory: Trajectory | None
    """Trajectory of the checkpoint."""
    no_trajectory: str
    """Why there is no trajectory."""
    environment: dict[str, Any]
    """Versions and machine, of training where it was stored."""
    environment_is_now: bool
    """True when nothing was stored and `environment` describes the process that writes the report."""

    @property
    def scored(self) -> bool:
        """Whether renders were compared with reference images."""
        return self.metrics.get("psnr") is not None


def read_contents(run: Run) -> Contents:
    """Read a run folder; raises `InputError` if there is none, and for files that cannot be read."""
    Run.open(run.path)
    metrics = read_scores(run.path)
    curve = run.read_metrics()
    trajectory, reason = None, ""
    try:
        trajectory = run.load_model().trajectory
    except InputError as error:
        if (run.path / "checkpoint.pt").exists():
            raise
        reason = str(error)
    config = read_toml(run.path / "config.toml")
    scene = metrics.get("scene") or Path(str(config.get("scene", ""))).name or run.name
    training = run.training()
    stored = _environment(training, metrics)
    return Contents(
        name=run.name,
        scene=str(scene),
        config=config,
        curve=curve,
        training=training,
        metrics=metrics,
        heldout=_read_arrays(run.path / "heldout.npz", HELDOUT, HELDOUT_ALSO),
        events=_read_arrays(run.path / "events.npz", EVENTS),
        trajectory=trajectory,
        no_trajectory=reason,
        environment=stored or environment(),
        environment_is_now=not stored,
    )


def _environment(training: dict[str, Any], metrics: dict[str, Any]) -> dict[str, Any]:
    """Versions, device and threads of training, with what scoring noted of the machine."""
    ran_on = {key: training[key] for key in ("machine", "device", "threads") if key in training}
    facts = {**metrics.get("environment", {}), **training.get("versions", {}), **ran_on}
    if "machine" in facts:
        facts.pop("system", None)
    return facts


def _read_arrays(path: Path, shapes: Mapping[str, str], also: Mapping[str, str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of a file: all of `shapes`, and what it has of `also`; a letter is one number in all of them."""
    if not path.is_file():
        return {}
    do = "run efields evaluate again"
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError, MemoryError, AttributeError, RuntimeError):
        raise InputError("is truncated or not an .npz file", path, do) from None
    sizes: dict[str, int] = {}
    for name, letters in {**shapes, **(also or {})}.items():
        if name not in arrays:
            if name in shapes:
                raise InputError(f"is damaged: '{name}' is missing", path, do)
            continue
        shape, kinds = arrays[name].shape, "U" if name in ("names", "color_space") else "fiu"
        fits = len(shape) == len(letters) and all(
            sizes.setdefault(letter, size) == size for letter, size in zip(letters, shape, strict=True)
        )
        if not fits or arrays[name].dtype.kind not in kinds:
            raise InputError(f"is damaged: '{name}' is {arrays[name].dtype} of shape {shape}", path, do)
    return arrays
