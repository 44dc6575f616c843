"""A sequential network of optical flow: counts of events go in bin by bin, a flow map comes out for each bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from efields.errors import InputError
from efields.motion.networks.cells import CELLS, State
from efields.ranges import Range, Seed, check_ranges

States = tuple[State, ...]
"""The counts of the bins before, then the state of every level, finest first."""


@dataclass(frozen=True)
class Config:
    """An encoder and decoder with memory at every level (after LSTM-FlowNet, Ponghiran et al., ICCV 2023)."""

    kind: Literal["conv_gru", "conv_lstm", "lif"] = "conv_gru"
    """Cells of the memory: gated recurrent units, long short-term memory or spiking neurons."""
    channels: Annotated[tuple[int, ...], Range(1, 4096)] = (12, 24, 48)
    """Channels of each level; each level halves the resolution."""
    bin_us: Annotated[int, Range(1, 10**9)] = 10_000
    """Duration of the bins that the network is trained with, in microseconds."""
    earlier_bins: Annotated[int, Range(0, 100)] = 2
    """Number of earlier bins whose counts are kept in the state and fed in with the current one."""
    seed: Seed = 0
    """Seed of the weights before training."""

    def __post_init__(self) -> None:
        if self.kind not in CELLS:
            raise InputError(f"unknown flow network '{self.kind}'", do=f"known: {', '.join(CELLS)}")
        if not self.channels:
            raise InputError("channels = ()", "flow network", "give the channels of one level or more")
        check_ranges(self)

    def build(self) -> FlowNetwork:
        """The network with weights as drawn from `seed`; the generator of the process is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return FlowNetwork(self)


class FlowNetwork(nn.Module):
    """Flow of each bin from ON and OFF counts of that bin and a state that holds what came before.

    The state is carried over any number of bins, so a recording fed in pieces gives what it gives at once.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.down, self.cells, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        inputs = 2 * (1 + config.earlier_bins)
        for channels in config.channels:
            self.down.append(nn.Conv2d(inputs, channels, 3, stride=2, padding=1))
            self.cells.append(CELLS[config.kind](channels, channels))
            inputs = channels
        for channels in reversed(config.channels[:-1]):
            self.up.append(nn.Conv2d(inputs + channels, channels, 3, padding=1))
            inputs = channels
        self.head = nn.Conv2d(inputs, 2, 3, padding=1)
        nn.init.constant_(self.head.get_parameter("bias"), 0.0)

    def forward(
        self, counts: Float[Tensor, "b 2 h w"], state: States | None = None
    ) -> tuple[Float[Tensor, "b 2 h w"], States]:
        """Flow (x, y) in pixels a bin at every pixel, and the state for the next bin; counts are ON, then OFF."""
        coarse, state = self.coarse(counts, state)
        height, width = counts.shape[2:]
        full = interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        return full[:, :, :height, :width], state

    def coarse(
        self, counts: Float[Tensor, "b 2 h w"], state: States | None = None
    ) -> tuple[Float[Tensor, "b 2 h2 w2"], States]:
        """As `forward`, on a map of half the resolution: its pixel (i, j) lies at (2 i + 0.5, 2 j + 0.5)."""
        height, width = counts.shape[2:]
        step = 2 ** len(self.config.channels)
        # Logarithms keep hot pixels from drowning their surroundings.
        x = torch.log1p(pad(counts, (0, -width % step, 0, -height % step)))
        before = (torch.zeros_like(x),) * self.config.earlier_bins if state is None else state[0]
        seen = (x, *before)
        levels: list[Tensor] = []
        states: list[State] = [seen[:-1]]
        x = torch.cat(seen, dim=1)
        for number, (down, cell) in enumerate(zip(self.down, self.cells, strict=True)):
            x = down(x) if self.config.kind == "lif" else torch.relu(down(x))
            x, carried = cell(x, None if state is None else state[number + 1])
            levels.append(x)
            states.append(carried)
        for up, finer in zip(self.up, reversed(levels[:-1]), strict=True):
            x = interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = torch.relu(up(torch.cat([x, finer], dim=1)))
        flow = self.head(x)
        return flow[:, :, : -(-height // 2), : -(-width // 2)], tuple(states)


def detached(state: States) -> States:
    """The state without the way back to the bins before: where backpropagation through time is cut."""
    return tuple(tuple(part.detach() for part in level) for level in state)
