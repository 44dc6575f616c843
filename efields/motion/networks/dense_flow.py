"""Temporally dense flow from a sequential network: one map per bin, evaluated at any time and position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, Real

from efields.errors import InputError
from efields.events.stream import EventStream
from efields.motion.carried import carried
from efields.motion.networks.bins import bin_count, event_counts
from efields.motion.networks.network import FlowNetwork

_MOST_BYTES = 8 << 30


@dataclass(frozen=True, eq=False)
class DenseFlow:
    """Flow on the sensor's own pixels, lens distortion included."""

    maps: Float32[np.ndarray, "m h2 w2 2"]
    """Flow (x right, y down) of each bin in pixels a second, at half the sensor's resolution."""
    start_us: int
    """Absolute time of the first bin's start in microseconds."""
    bin_us: int
    """Duration of a bin in microseconds."""
    width: int
    """Columns of the sensor in pixels."""
    height: int
    """Rows of the sensor in pixels."""

    def at(self, t_us: float | Real[np.ndarray, " n"], pixel: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Flow in pixels a second at absolute times and places (x, y): linear between bins' middles and in space.

        Before the first middle, after the last and beyond the image's edge the nearest value holds; zero for NaN.
        """
        place = np.asarray(pixel, dtype=np.float64).reshape(-1, 2)
        known = np.isfinite(place[:, 0]) & np.isfinite(place[:, 1])
        place = np.where(known[:, None], place, 0.0)
        times = np.broadcast_to(np.asarray(t_us, dtype=np.float64), len(place))
        axes = ((times - self.start_us) / self.bin_us - 0.5, (place[:, 1] - 0.5) / 2, (place[:, 0] - 0.5) / 2)
        low, share = [], []
        for value, size in zip(axes, self.maps.shape[:3], strict=True):
            value = np.clip(value, 0.0, size - 1.0)
            first = np.minimum(value.astype(np.int64), max(size - 2, 0))
            low.append(first)
            share.append(value - first)
        out = np.zeros((len(place), 2))
        for corner in range(8):
            index, weight = [], np.ones(len(place))
            for axis in range(3):
                far = (corner >> axis) & 1
                index.append(np.minimum(low[axis] + far, self.maps.shape[axis] - 1))
                weight = weight * (share[axis] if far else 1 - share[axis])
            out += weight[:, None] * self.maps[index[0], index[1], index[2]]
        return out * known[:, None]

    def displacement(self, t0_us: int, t1_us: int, pixel: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """How far what is at `pixel` at `t0_us` moves until `t1_us`, in pixels, along its trajectory (midpoint rule).

        Steps last a bin or less.
        """
        return carried(self.at, t0_us, t1_us, pixel, self.bin_us)


def network_flow(events: EventStream, network: FlowNetwork, bin_us: int = 10_000) -> DenseFlow:
    """Flow of a recording, bin after bin with the state carried over (causal: no bin sees a later one).

    Takes 2 MB of memory a second and 50,000 pixels at bins of 10 ms. Raises `InputError` for no events, no time in a
    bin and more maps than memory should hold.
    """
    count = bin_count(events, bin_us)
    size = count * -(-events.height // 2) * -(-events.width // 2) * 8
    if size > _MOST_BYTES:
        raise InputError(f"{count} flow maps would take {size / 2**30:.0f} GiB", do="give a part of the recording")
    maps = np.stack([*_maps(events, network, bin_us)])
    return DenseFlow(maps, int(events.t_us[0]), bin_us, events.width, events.height)


def _maps(events: EventStream, network: FlowNetwork, bin_us: int) -> Iterator[Float32[np.ndarray, "h2 w2 2"]]:
    """The map of each bin, in pixels a second."""
    state = None
    device = next(network.parameters()).device
    for counts in event_counts(events, bin_us):
        with torch.no_grad():
            flow, state = network.coarse(counts[None].to(device), state)
        yield (flow[0].permute(1, 2, 0) * (1e6 / bin_us)).cpu().numpy()
