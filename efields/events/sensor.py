"""The contrast sensor: how a count of events becomes a change of log intensity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np

from efields.ranges import NotNegative, Range, check_ranges

if TYPE_CHECKING:
    from torch import Tensor

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of linear R, G, B in the luminance that a grey sensor sees (Rec. 709)."""
Count = TypeVar("Count", float, np.ndarray, "Tensor")


@dataclass(frozen=True)
class Sensor:
    """Contrast thresholds and refractory period of an event camera, as calibrated or assumed.

    Raises `InputError` for thresholds that are not positive, and for a negative refractory period or mismatch.
    """

    c_pos: Annotated[float, Range(above=0, most=1e6)] = 0.25
    """Increase of natural-log intensity that triggers an ON event, > 0."""
    c_neg: Annotated[float, Range(above=0, most=1e6)] = 0.25
    """Decrease of natural-log intensity that triggers an OFF event, > 0."""
    refractory_us: NotNegative = 0.0
    """Dead time of a pixel after each of its events, in microseconds."""
    threshold_sigma: NotNegative = 0.0
    """Standard deviation of the thresholds from pixel to pixel, in log intensity."""

    __post_init__ = check_ranges

    @property
    def c_mean(self) -> float:
        """Mean of the two thresholds, by which losses are normalised."""
        return 0.5 * (self.c_pos + self.c_neg)

    def log_change(self, n_pos: Count, n_neg: Count) -> Count:
        """Change of log intensity that these counts report: `c_pos * n_pos - c_neg * n_neg`."""
        return self.c_pos * n_pos - self.c_neg * n_neg
