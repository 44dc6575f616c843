"""Everything that the report is made of, read from the run folder alone."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from efields.errors import InputError
from efields.evaluate.environment import environment
from efields.settings import read_toml
from efields.train.run import Run

if TYPE_CHECKING:
    from efields.geometry.trajectory import Trajectory


@dataclass(frozen=True)
class Contents:
    """What a run folder holds; None or empty where a piece is missing."""

    name: str
    """Name of the run."""
    scene: str
    """Name of the scene or recording."""
    config: dict[str, Any]
    """Resolved settings, as TOML tables."""
    curve: list[dict[str, Any]]
    """Lines of metrics.jsonl."""
    training: dict[str, Any]
    """training.json: what training cost and ran on."""
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
    """Read a run folder; raises `InputError` where there is none, and for files that are there and cannot be read."""
    Run.open(run.path)
    metrics = _read_json(run.path / "metrics.json")
    curve = run.read_metrics()
    trajectory, reason = None, ""
    try:
        trajectory = run.load_model().trajectory
    except InputError as error:
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
        heldout=_read_arrays(run.path / "heldout.npz"),
        events=_read_arrays(run.path / "events.npz"),
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


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise InputError("is not valid JSON", path, "run efields evaluate again") from None


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError):
        raise InputError("is cut short or not an .npz file", path, "run efields evaluate again") from None
