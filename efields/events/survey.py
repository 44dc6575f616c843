"""One pass over the events of a recording, of any length, in constant memory: what `efields info` tells of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int64

from efields.events.columns import EventColumns

_BINS = 4096
"""Most bins of the rate curve; when a recording needs more, each becomes twice as long."""
GAP_US = 50_000
"""A sensor silent for longer than this, and for 20 times its mean pause, has a gap."""


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
    backwards: int = 0
    """Events earlier than the one before them in the file."""
    furthest_back_us: int = 0
    """How far the furthest of them lies behind the latest event before it, microseconds."""
    first_us: int = 0
    """Time of the earliest event, absolute microseconds."""
    last_us: int = 0
    """Time of the latest event, absolute microseconds."""
    bin_us: int = 1000
    """Length of a bin of the rate curve in microseconds."""
    counts: Int64[np.ndarray, "h w"] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    """Events of each pixel."""
    pauses: list[tuple[int, int]] = field(default_factory=list)
    """Pauses of the whole sensor beyond `GAP_US`, in file order: start and end, absolute microseconds; 1000 at most."""
    _rate: dict[int, int] = field(default_factory=dict)
    _latest: int = 0

    def __post_init__(self) -> None:
        self.counts = np.zeros((self.height, self.width), np.int64)

    def add(self, chunk: EventColumns) -> None:
        """Count the events of a chunk, which lie inside of the sensor."""
        if chunk.count == 0:
            return
        pixel = chunk.y.astype(np.int64) * self.width + chunk.x
        self.counts += np.bincount(pixel, minlength=self.counts.size).reshape(self.counts.shape)
        self.positive += int(np.count_nonzero(chunk.polarity))
        self._add_times(np.asarray(chunk.t_us))
        self.events += chunk.count

    def _add_times(self, t_us: Int64[np.ndarray, " n"]) -> None:
        first = int(t_us[0])
        self.backwards += int(np.count_nonzero(np.diff(t_us, prepend=self._latest if self.events else first) < 0))
        # The latest time before each event: behind it an event is late, far before it the sensor was silent.
        before = np.maximum.accumulate(np.concatenate([[self.last_us if self.events else first], t_us]))[:-1]
        self.furthest_back_us = max(self.furthest_back_us, int((before - t_us).max()))
        for at in np.flatnonzero(t_us - before > GAP_US)[: 1000 - len(self.pauses)]:
            self.pauses.append((int(before[at]), int(t_us[at])))
        self._latest = int(t_us[-1])
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

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """Pauses beyond 20 mean pauses too, absolute microseconds: where a recording probably lost events."""
        usual = 1e6 / self.rate_hz if self.rate_hz > 0 else 0.0
        return [(start, end) for start, end in self.pauses if end - start > 20 * usual]

    def rate_curve(self, points: int = 60) -> tuple[np.ndarray, np.ndarray]:
        """Middle of each of `points` spans of time, seconds from the first event, and events a second in it."""
        edges = np.linspace(0, max(self.duration_s, 1e-6), points + 1)
        numbers = np.fromiter(self._rate.keys(), np.float64, len(self._rate))
        counts = np.fromiter(self._rate.values(), np.float64, len(self._rate))
        middle = np.clip(((numbers + 0.5) * self.bin_us - self.first_us) * 1e-6, 0, edges[-1])
        summed, _ = np.histogram(middle, bins=edges, weights=counts)
        return 0.5 * (edges[1:] + edges[:-1]), summed / np.diff(edges)
