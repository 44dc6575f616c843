"""Training of flow networks on recordings alone: sharpness as the loss, truncated backpropagation through time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from efields.backends import choose_backend
from efields.backends.reference import Backend
from efields.errors import InputError
from efields.events.stream import EventStream
from efields.motion.networks.bins import counts_of
from efields.motion.networks.network import FlowNetwork, States, detached
from efields.motion.networks.sharpness import BinnedEvents, roughness, sequence_sharpness
from efields.ranges import NotNegative, Pixels, Positive, Range, Seed, Share, Steps, check_ranges

OnStep = Callable[[int, float], None]
"""Called after every step with its number from 1 and its loss."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a flow network is trained."""

    steps: Steps = 600
    """Optimiser steps; each takes `bins` bins of `batch` sequences."""
    batch: Annotated[int, Range(1, 10**4)] = 16
    """Sequences trained on at once: many small ones show more motions than few large ones."""
    side: Pixels = 32
    """Side of the square that is cut from each sequence, in pixels."""
    bins: Annotated[int, Range(1, 1000)] = 6
    """Bins over which events are carried and backpropagation through time reaches."""
    learning_rate: Annotated[float, Range(above=0, most=1e3)] = 2e-3
    """Learning rate of Adam at its highest; it falls to a twentieth along a cosine."""
    warmup_steps: Annotated[int, Range(0, 10**9)] = 20
    """Steps over which the learning rate rises."""
    smoothness: NotNegative = 1.0
    """Weight of the differences of flow between neighbours, against the ratio of sharpness."""
    shared_until: Share = 0.4
    """Share of the steps in which events are carried by the mean flow of their bin alone; its weight then falls to zero
    over as many steps. One flow for all events cannot make them run together, and its gradient is far less noisy."""
    longest_gradient: Positive = 1.0
    """Norm to which gradients are cut."""
    seed: Seed = 0
    """Seed of the order of sequences and of flips."""

    __post_init__ = check_ranges


@dataclass(frozen=True)
class Cut:
    """A square of a recording and a symmetry of the square grid, under which flow stays flow."""

    left: int = 0
    """First column."""
    top: int = 0
    """First row."""
    flip_x: bool = False
    """Left becomes right."""
    flip_y: bool = False
    """Top becomes bottom."""
    swap: bool = False
    """Then x and y change places."""


class SequenceFeed:
    """Hands out consecutive pieces of randomly chosen, cut and turned recordings."""

    def __init__(self, recordings: Sequence[EventStream], config: TrainingConfig, bin_us: int) -> None:
        self.size = config.side
        if min(min(r.width, r.height) for r in recordings) < self.size:
            raise InputError(f"recordings smaller than {self.size} pixels", "flow network training", "cut less")
        self._recordings, self._config, self._bin_us = recordings, config, bin_us
        self.pieces = min(int(r.t_us[-1] - r.t_us[0]) for r in recordings) // (bin_us * config.bins)
        if self.pieces < 1:
            raise InputError("recordings shorter than the bins of one step", "flow network training")
        self._rng = np.random.default_rng(config.seed)
        self._chosen: list[tuple[EventStream, Cut]] = []
        self._piece = self.pieces

    def next(self) -> tuple[Float[Tensor, "k b 2 s s"], BinnedEvents, bool]:
        """Counts of every bin, the events themselves, and whether the sequences are new: then states start again."""
        new = self._piece >= self.pieces
        if new:
            self._chosen = [self._draw() for _ in range(self._config.batch)]
            self._piece = 0
        columns = [self._columns(number) for number in range(len(self._chosen))]
        self._piece += 1
        return *self._together(columns), new

    def _draw(self) -> tuple[EventStream, Cut]:
        recording = self._recordings[int(self._rng.integers(len(self._recordings)))]
        left, top = (int(self._rng.integers(s - self.size + 1)) for s in (recording.width, recording.height))
        return recording, Cut(left, top, *map(bool, self._rng.random(3) < 0.5))

    def _columns(self, number: int) -> tuple[np.ndarray, ...]:
        """x, y, time in bins and polarity of the present piece of a sequence, cut and turned."""
        recording, cut = self._chosen[number]
        length = self._bin_us * self._config.bins
        start = int(recording.t_us[0]) + self._piece * length
        part = recording.between(start, start + length)
        x, y = part.x.astype(np.int64) - cut.left, part.y.astype(np.int64) - cut.top
        inside = (x >= 0) & (x < self.size) & (y >= 0) & (y < self.size)
        x, y = x[inside], y[inside]
        x = self.size - 1 - x if cut.flip_x else x
        y = self.size - 1 - y if cut.flip_y else y
        x, y = (y, x) if cut.swap else (x, y)
        return x, y, (part.t_us[inside] - start) / self._bin_us, part.polarity[inside]

    def _together(self, columns: list[tuple[np.ndarray, ...]]) -> tuple[Float[Tensor, "k b 2 s s"], BinnedEvents]:
        bins, size = self._config.bins, self.size
        counts = torch.stack([
            torch.stack([counts_of(x[t.astype(int) == k], y[t.astype(int) == k], p[t.astype(int) == k], size, size)
                         for x, y, t, p in columns])
            for k in range(bins)
        ])  # fmt: skip
        x, y, time, on = (np.concatenate([c[i] for c in columns]) for i in range(4))
        sequence = np.repeat(np.arange(len(columns)), [len(c[0]) for c in columns])
        order = np.argsort(time.astype(int), kind="stable")
        first = np.searchsorted(time[order].astype(int), np.arange(bins + 1))
        # Spread over their pixels: events at pixels' centres are at their sharpest unmoved, a barrier around zero flow.
        place = np.stack([x, y], axis=1)[order] + self._rng.uniform(-0.5, 0.5, (len(x), 2))
        return counts, BinnedEvents(
            place=torch.from_numpy(place.astype(np.float32)),
            time=torch.from_numpy(time[order].astype(np.float32)),
            on=torch.from_numpy(on[order]),
            sequence=torch.from_numpy(sequence[order]),
            first=tuple(int(index) for index in first),
        )


def train_flow_network(
    network: FlowNetwork,
    recordings: Sequence[EventStream],
    config: TrainingConfig,
    on_step: OnStep | None = None,
) -> list[float]:
    """Train a network in place on recordings; the loss of every step.

    The loss is the multi-reference sharpness of the events of `bins` bins plus a smoothness term; no true flow enters.
    States are carried from step to step within a sequence, without their gradients. Raises `InputError` for recordings
    that are smaller than the cut or shorter than a step.
    """
    backend = choose_backend("auto")
    feed = SequenceFeed(recordings, config, network.config.bin_us)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    state: States | None = None
    losses: list[float] = []
    network.train().requires_grad_(True)
    for step in range(1, config.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, config)
        counts, events, new = feed.next()
        local = local_share(step, config)
        loss, state = piece_loss(network, counts, events, None if new else state, config, backend, local)
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), config.longest_gradient)
        if torch.isfinite(norm):
            optimiser.step()
        state = detached(state)
        losses.append(float(loss.detach()))
        if on_step is not None:
            on_step(step, losses[-1])
    network.eval().requires_grad_(False)
    return losses


def piece_loss(
    network: FlowNetwork,
    counts: Float[Tensor, "k b 2 s s"],
    events: BinnedEvents,
    state: States | None,
    config: TrainingConfig,
    backend: Backend,
    local: float = 1.0,
) -> tuple[Float[Tensor, ""], States]:
    """Loss of one piece of a batch of sequences, and the state after it.

    Events are carried by `local` times the flow at their place and 1 - `local` times the mean flow of their bin.
    """
    maps = []
    for bin_counts in counts:
        flow, state = network.coarse(bin_counts, state)
        maps.append(flow)
    assert state is not None
    flow = torch.stack(maps)
    size = (counts.shape[3], counts.shape[4])
    carrying = local * flow + (1 - local) * flow.mean(dim=(3, 4), keepdim=True)
    return sequence_sharpness(events, carrying, size, backend) + config.smoothness * roughness(flow), state


def local_share(step: int, config: TrainingConfig) -> float:
    """How much of the flow that carries events is their own place's: 0 at first, then a rise to 1."""
    until = config.shared_until * config.steps
    return 1.0 if until <= 0 else min(max(step / until - 1, 0.0), 1.0)


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Learning rate of a step: a linear rise, then a cosine down to a twentieth."""
    rise = min(step / max(config.warmup_steps, 1), 1.0)
    fall = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / config.steps))
    return config.learning_rate * rise * fall
