"""What training and commands that open a run compute on: `--threads`, `--backend`, `--device`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from efields.machine import set_threads
from efields.ranges import Threads

if TYPE_CHECKING:
    from efields.config import Experiment
    from efields.render.model import Model
    from efields.train import Run


def machine_of(experiment: Experiment) -> Machine:
    """What an experiment trains on."""
    return Machine(experiment.threads, experiment.backend, experiment.device)


@dataclass(frozen=True)
class Machine:
    """What a command that opens a run computes on, wherever the run was trained."""

    threads: Threads = 0
    """CPU threads; 0: all cores."""
    backend: str = "auto"
    """Implementation that renders: auto, or a name that `efields doctor` lists."""
    device: str = "cpu"
    """Device that renders: cpu, cuda, or cuda:1 for the second GPU."""

    def set_up(self) -> None:
        """Set the threads, before torch is loaded. Raises `InputError` where the backend or the device is not there."""
        set_threads(self.threads)
        from efields.backends import choose_backend
        from efields.devices import device_named

        choose_backend(self.backend, device_named(self.device))

    def model_of(self, run: Run) -> Model:
        """The trained field of a run, on this."""
        return run.load_model(self.backend, self.device)


@dataclass(frozen=True)
class MachineGiven:
    """What training and its scores compute on, in place of what the config says."""

    threads: Threads | None = None
    """CPU threads; 0: all cores. A run repeats bit for bit with the same number of them."""
    backend: str | None = None
    """Implementation to use: auto, or a name that `efields doctor` lists."""
    device: str | None = None
    """Device for training and scoring: cpu, cuda, or cuda:1 for the second GPU."""

    def settings(self) -> dict[str, Any]:
        """Those of an experiment that were given."""
        return {name: value for name, value in vars(self).items() if value is not None}
