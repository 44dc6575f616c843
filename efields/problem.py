"""What the training loop asks of a problem, whatever it optimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from efields.render.renderer import Renderer


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
class ParameterGroup:
    """Parameters that share a learning rate."""

    name: str
    """What they are, for logs."""
    parameters: list[torch.nn.Parameter]
    """The parameters."""
    factor: float | None
    """Their learning rate over the base rate; None takes `TrainConfig.weights_factor`."""
    sparse: bool = False
    """Whether numbers without a gradient are left alone by a step, moments included (rows of a table)."""


def field_groups(renderer: Renderer) -> list[ParameterGroup]:
    """Table, perceptrons and background of the field that a renderer holds."""
    factors = {"table": 1.0, "weights": None}
    groups = [
        ParameterGroup(name, parameters, factors.get(name), sparse=name == "table")
        for name, parameters in renderer.field.parameter_groups().items()
    ]
    return [*groups, ParameterGroup("background", [renderer.background_raw], 1.0)]


class Problem(Protocol):
    """A thing to optimise: draws a batch, turns it into loss terms, and tidies up after each step."""

    def draw(self, rays: int, rng: np.random.Generator) -> Any:
        """A batch that needs about `rays` rays."""
        ...

    def terms(self, batch: Any, generator: torch.Generator) -> Terms:
        """The weighted loss terms of a batch."""
        ...

    def after_step(self, step: int, generator: torch.Generator) -> None:
        """Whatever must follow optimiser step number `step`, counted from 1."""
        ...

    def parameter_groups(self) -> list[ParameterGroup]:
        """All learned parameters."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """All state that a checkpoint keeps."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any:
        """Take back the state of a checkpoint."""
        ...

    def train(self, mode: bool = True) -> Any:
        """Switch to training mode."""
        ...
