"""One pass over the events of a recording, of any length, in constant memory: the statistics of `efields info`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from efields.events.clock import Clock
from efields.events.columns import EventColumns

_BINS = 4096
"""Most bins of the rate curve; when a recording needs more, each becomes twice as long."""


@dataclass
class Survey:
    """Numbers that grow as chunks are added."""

    width: int
    """Columns of the sensor in pixels."""
    height: int
    """Rows of the sensor in pixels."""
    events: int = 0
    """Events so far."""
    positive: int = 0
    """ON events so far."""
    first_us: int = 0
    """Time of the earliest event, absolute microseconds."""
    last_us: int = 0
    """Time of the latest event, absolute microseconds."""
    bin_us: int = 1000
    """Length of a bin of the rate curve in microseconds."""
    counts: Int64[np.ndarray, "h w"] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    """Events of each pixel."""
    clock: Clock = field(default_factory=Clock)
    """What looks at the order of the times."""
    _rate: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts = np.zeros((self.height, self.width), np.int64)

    def add(self, chunk: EventColumns) -> None:
        """Count the events of a chunk, which lie inside the sensor."""
        if chunk.count == 0:
            return
        pixel = chunk.y.astype(np.int64) * self.width + chunk.x
        self.counts += np.bincount(pixel, minlength=self.counts.size).reshape(self.counts.shape)
        self.positive += int(np.count_nonzero(chunk.polarity))
        self._add_times(np.asarray(chunk.t_us))
        self.events += chunk.count

    def _add_times(self, t_us: Int64[np.ndarray, " n"]) -> None:
        self.clock.add(t_us)
        low, high = int(t_us.min()), int(t_us.max())
        self.first_us = min(self.first_us, low) if self.events else low
        self.last_us = max(self.last_us, high) if self.events else high
        self._add_rate(t_us)

    def _add_rate(self, t_us: Int64[np.ndarray, " n"]) -> None:
        while self.last_us // self.bin_us - self.first_us // self.bin_us >= _BINS:
            self.bin_us *= 2
            halved: dict[int, int] = {}
            for number, count in self._rate.items():
                halved[number // 2] = halved.get(number // 2, 0) + count
            self._rate = halved
        numbers, counts = np.unique(t_us // self.bin_us, return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            self._rate[number] = self._rate.get(number, 0) + count

    @property
    def duration_s(self) -> float:
        """Seconds from the earliest event to the latest."""
        return (self.last_us - self.first_us) * 1e-6

    @property
    def rate_hz(self) -> float:
        """Mean events a second; 0 where the recording has no duration."""
        return self.events / self.duration_s if self.duration_s > 0 else 0.0

    @property
    def positive_share(self) -> float:
        """Share of ON events; NaN where there are none at all."""
        return self.positive / self.events if self.events else float("nan")

    def rate_curve(self, points: int = 60) -> tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
        """Middle of each of `points` spans of time, seconds from the first event, and events a second in it."""
        edges = np.linspace(0, max(self.duration_s, 1e-6), points + 1)
        numbers = np.fromiter(self._rate.keys(), np.float64, len(self._rate))
        counts = np.fromiter(self._rate.values(), np.float64, len(self._rate))
        middle = np.clip(((numbers + 0.5) * self.bin_us - self.first_us) * 1e-6, 0, edges[-1])
        summed, _ = np.histogram(middle, bins=edges, weights=counts)
        return 0.5 * (edges[1:] + edges[:-1]), summed / np.diff(edges)
