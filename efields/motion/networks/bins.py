"""Counts of ON and OFF events in consecutive bins of time: what a sequential flow network is fed with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from efields.errors import InputError
from efields.events.stream import EventStream


def bin_count(events: EventStream, bin_us: int) -> int:
    """Bins from the first event to the last, which lies in the last bin. Raises `InputError` for none or no events."""
    if bin_us < 1:
        raise InputError(f"bins of {bin_us} us", "flow network", "give 1 us or more")
    if len(events) == 0:
        raise InputError("no events", "flow network", "choose a part of the recording that holds events")
    return int((events.t_us[-1] - events.t_us[0]) // bin_us) + 1


def counts_of(
    x: Integer[np.ndarray, " n"],
    y: Integer[np.ndarray, " n"],
    polarity: Bool[np.ndarray, " n"],
    height: int,
    width: int,
) -> Float[Tensor, "2 height width"]:
    """How many ON (first) and OFF events each pixel has."""
    pixel = (np.where(polarity, 0, height) + y.astype(np.int64)) * width + x
    counts = np.bincount(pixel, minlength=2 * height * width).astype(np.float32)
    return torch.from_numpy(counts.reshape(2, height, width))


def event_counts(events: EventStream, bin_us: int) -> Iterator[Float[Tensor, "2 h w"]]:
    """Counts of bin after bin, the first of which starts at the first event; bins without events are zeros."""
    start = int(events.t_us[0]) if len(events) else 0
    for number in range(bin_count(events, bin_us)):
        part = events.between(start + number * bin_us, start + (number + 1) * bin_us)
        yield counts_of(part.x, part.y, part.polarity, events.height, events.width)
