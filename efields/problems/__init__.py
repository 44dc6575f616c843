"""What is optimised against what; each file has one `Config` whose `build` makes a problem for the training loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from efields.backends.reference import Backend
from efields.draws import DrawConfig
from efields.geometry import camera_motion
from efields.losses import LossConfig
from efields.parameters import ParameterGroup
from efields.recordings.recording import Recording, Views
from efields.render.model import Model
from efields.render.renderer import LookConfig


@dataclass(frozen=True)
class Terms:
    """The outcome of one forward pass."""

    losses: dict[str, Tensor]
    """Weighted loss terms by name; their sum is minimised."""
    rays: int
    """Rays that were rendered."""
    samples: int
    """Field samples that were taken."""


@dataclass(frozen=True)
class Setup:
    """Everything that a problem is built from, except its own settings."""

    recording: Recording
    """What was recorded."""
    frames: Views | None
    """The frames that may be trained on."""
    losses: Mapping[str, LossConfig]
    """The losses by name."""
    draws: Mapping[str, DrawConfig]
    """The draws that the losses ask for, by name."""
    look: LookConfig
    """Field, sampling and background."""
    motion: camera_motion.Config
    """Whether poses are corrected."""
    backend: Backend
    """What computes."""
    generator: torch.Generator
    """Draws initial weights."""


class Problem(Protocol):
    """An `nn.Module` that the loop steps: draws a batch, turns it into loss terms, and tidies up after each step.

    What `draw` gives is passed to `terms` and to nothing else, so each problem has a kind of batch of its own.
    """

    notes: tuple[str, ...]
    """Sentences about what was found in the recording, for training.json."""

    def draw(self, rays: int, rng: np.random.Generator) -> Any:
        """A batch that needs about `rays` rays; the generator differs between ranks."""
        ...

    def terms(self, batch: Any, generator: torch.Generator) -> Terms:
        """The weighted loss terms of a batch; the generator differs between ranks."""
        ...

    def after_step(self, step: int, generator: torch.Generator) -> None:
        """Whatever must follow optimiser step number `step`, counted from 1; the generator is equal on all ranks."""
        ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """All learned parameters."""
        ...

    def content(self) -> dict[str, Any]:
        """Plain values and tensors, beside `state_dict()`, by which `ProblemConfig.open` makes its model again."""
        ...

    def model(self, step: int) -> Model:
        """The model for viewing during training; shares the parameters."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint keeps: tensors of finite numbers; the renderer's names begin with `renderer.`."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any:
        """Take back the numbers of a checkpoint."""
        ...

    def train(self, mode: bool = True) -> Any:
        """Switch to training mode, or back."""
        ...

    def to(self, device: str) -> Any:
        """Move all numbers to a device, and return the problem."""
        ...


class ProblemConfig(Protocol):
    """Settings of a problem: a frozen dataclass, the `[problem]` table of a config."""

    @property
    def frames(self) -> bool:
        """Whether frames are trained on; those that are, are not held out."""
        ...

    @property
    def default_losses(self) -> tuple[str, ...]:
        """Losses of an experiment that names none; empty for a problem that compares by itself."""
        ...

    def build(self, setup: Setup) -> Problem:
        """The problem on a recording; raises `InputError` for what the recording or the settings lack."""
        ...

    def resumed(self, content: Mapping[str, Any]) -> ProblemConfig:
        """The settings for going on from `Problem.content()`: what was found then is not sought again.

        Raises `InputError` where they contradict it.
        """
        ...

    def open(self, content: Mapping[str, Any], look: LookConfig, backend: Backend, step: int) -> Model:
        """The model of `Problem.content()`, whose renderer's numbers are not loaded yet."""
        ...
