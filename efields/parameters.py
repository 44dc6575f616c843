"""Groups of learned parameters, as fields, backgrounds, samplers, camera motions and problems hand them to the loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate."""

    name: str
    """What they are, for logs."""
    parameters: Sequence[nn.Parameter]
    """The parameters."""
    factor: float | None
    """Their learning rate over the base rate; None takes `TrainConfig.weights_factor`."""
    sparse: bool = False
    """Whether numbers without a gradient are left alone by a step, moments included (rows of a table)."""
