"""Flickering lamps and screens cause events; this detects them in the signed event rate of the whole sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from efields.events.stream import EventStream

_BIN_US = 1000
_LONGEST_BINS = 8192
SLOWEST_HZ = 40.0
"""Slower oscillations may be motion."""


@dataclass(frozen=True)
class Flicker:
    """An oscillation of the light."""

    hz: float
    """Its frequency."""
    share: float
    """Amplitude of the oscillation of (ON - OFF) over the mean rate of all events: 1 where all events come of it."""


def flicker(events: EventStream, least_share: float = 0.3) -> Flicker | None:
    """The strongest oscillation of ON minus OFF events above `SLOWEST_HZ`, in the first 8 s; None below `least_share`.

    All pixels see a lamp at once, so their ON and OFF events come in turns for the whole sensor; motion makes both at
    the same time. Looks for a line in the spectrum of the signed rate that stands far above its neighbours.
    """
    since = np.asarray(events.t_us[: np.searchsorted(events.t_us, events.t_us[0] + _LONGEST_BINS * _BIN_US)])
    since = since - since[0]
    bins = int(since[-1] // _BIN_US)
    if bins < 60:
        return None
    inside = since < bins * _BIN_US
    signed = np.where(events.polarity[: len(since)], 1.0, -1.0)[inside]
    rate = np.bincount(since[inside] // _BIN_US, weights=signed, minlength=bins)
    window = np.hanning(bins)
    spectrum = np.abs(np.fft.rfft((rate - rate.mean()) * window)) / window.sum()
    hz = np.fft.rfftfreq(bins, _BIN_US * 1e-6)
    high = np.flatnonzero(hz >= SLOWEST_HZ)
    if len(high) < 8:
        return None
    peak = high[np.argmax(spectrum[high])]
    share = 2 * spectrum[peak] / max(np.count_nonzero(inside) / bins, 1e-9)
    if share < least_share or spectrum[peak] < 6 * np.median(spectrum[high]):
        return None
    return Flicker(float(hz[peak]), float(min(share, 1.0)))
