"""The run folder: the results of a reconstruction, and how to open it again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from efields.atomic import write_text
from efields.backends import choose_backend
from efields.config import Experiment, kind_of, load_experiment
from efields.devices import device_named
from efields.errors import InputError
from efields.locks import held
from efields.render.model import Model
from efields.settings import neighbour_or
from efields.train.checkpoint import UNFIT, check_kind, damages, in_short, read_checkpoint
from efields.train.records import read_log, read_training


@dataclass(frozen=True)
class Run:
    """A folder `runs/<name>/`."""

    path: Path
    """The folder."""
    _read: dict[tuple[int, int, int], Experiment] = field(default_factory=dict, repr=False, compare=False)
    """The experiment as last read, by the state of its file."""

    @property
    def config_path(self) -> Path:
        """The resolved experiment: `efields train` on it repeats the run."""
        return self.path / "config.toml"

    @property
    def checkpoint_path(self) -> Path:
        """The newest checkpoint."""
        return self.path / "checkpoint.pt"

    @property
    def log_path(self) -> Path:
        """One JSON line for each logged step."""
        return self.path / "metrics.jsonl"

    @property
    def metrics_path(self) -> Path:
        """Scores on held-out views."""
        return self.path / "metrics.json"

    @property
    def training_path(self) -> Path:
        """Time, memory and machine of training."""
        return self.path / "training.json"

    @property
    def holds_results(self) -> bool:
        """Whether a training has left something here that is worth keeping."""
        return self.checkpoint_path.exists() or self.metrics_path.exists()

    @contextlib.contextmanager
    def held_for_training(self) -> Iterator[None]:
        """Hold the folder while the block trains in it. Raises `InputError` that says who trains in it already."""
        do = "wait for it, stop it, or train into another folder"
        with held(self.path / ".lock", "is being trained", do):
            yield

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @staticmethod
    def open(path: str | Path) -> Run:
        """The run at `path`; raises `InputError` when there is none, naming the runs in it or near it."""
        folder = Path(path)
        if (folder / "config.toml").is_file():
            return Run(folder)
        if inside := _names_of_runs(folder):
            raise InputError("is a folder of runs", folder, f"give one of them: {inside}")
        if folder.is_file() and (folder.parent / "config.toml").is_file():
            raise InputError("is a file of a run", folder, f"give its folder: {folder.parent}")
        near = _names_of_runs(folder.resolve().parent)
        make = neighbour_or(folder, "create one with: efields train CONFIG")
        if folder.is_dir():
            raise InputError("contains no run", folder, f"runs next to it: {near}" if near else make)
        raise InputError("no run at that path", folder, f"runs there: {near}" if near else make)

    @property
    def experiment(self) -> Experiment:
        """The experiment as it was resolved; read again only when its file has changed."""
        try:
            file = self.config_path.stat()
        except OSError:
            return load_experiment(self.config_path)  # which says what is wrong
        state = (file.st_ino, file.st_mtime_ns, file.st_size)
        if state not in self._read:
            experiment = load_experiment(self.config_path)
            self._read.clear()
            self._read[state] = experiment
        return self._read[state]

    def read_metrics(self) -> list[dict[str, Any]]:
        """The logged steps, oldest first; a last line that was cut short is left out. Raises as `read_log`."""
        return read_log(self.log_path)

    def drop_metrics_after(self, step: int) -> None:
        """Forget logged steps that a checkpoint at `step` does not know, so that a resumed run logs each step once."""
        kept = [line for line in self.read_metrics() if line["step"] <= step]
        write_text(self.log_path, "".join(json.dumps(line) + "\n" for line in kept))

    def append_metrics(self, line: dict[str, Any]) -> None:
        """Add one logged step."""
        try:
            with self.log_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            do = "free some space or choose another folder"
            raise InputError(f"cannot be written ({error.strerror or error})", self.log_path, do) from error

    def clear(self) -> None:
        """Remove what an earlier training in this folder left behind."""
        results = ("heldout.npz", "events.npz", "report.html")
        stale = (self.checkpoint_path, self.log_path, self.metrics_path, self.training_path)
        for path in (*stale, *(self.path / name for name in results)):
            path.unlink(missing_ok=True)

    def training(self) -> dict[str, Any]:
        """What training cost (steps, seconds, memory) and ran on (backend, threads, versions); see `read_training`."""
        return read_training(self.path)

    def check_trained(self) -> None:
        """Raise `InputError` when there is no checkpoint; takes no time."""
        if not self.checkpoint_path.is_file():
            raise InputError("no checkpoint", self.checkpoint_path, "train first: efields train CONFIG")

    def load_model(self, backend: str = "auto", device: str = "cpu") -> Model:
        """The trained field, without the recording that it came from, on a device such as `cpu` or `cuda:1`.

        Raises `InputError` for a backend or device that is not there, before anything is read, and for what is damaged.
        """
        on = device_named(device)
        chosen = choose_backend(backend, on)
        experiment = self.experiment
        content = read_checkpoint(self.checkpoint_path)
        check_kind(content, kind_of(experiment.problem), self.checkpoint_path, _RESTORE)
        with damages(self.checkpoint_path):
            model = experiment.problem.open(content["content"], experiment.look, chosen, content["loop"]["step"])
        try:
            prefix = "renderer."
            of_renderer = {k[len(prefix) :]: v for k, v in content["problem"].items() if k.startswith(prefix)}
            model.renderer.load_state_dict(of_renderer)
        except UNFIT as error:
            what = f"the checkpoint does not fit config.toml ({in_short(error)})"
            raise InputError(what, self.checkpoint_path, _RESTORE) from None
        model.renderer.to(on).eval()
        return model


_RESTORE = "restore the config.toml that it was trained with"


def _names_of_runs(folder: Path) -> str:
    """Names of the runs in a folder."""
    return ", ".join(sorted(path.parent.name for path in folder.glob("*/config.toml"))[:20])
