"""The generators of a training: one that must differ between ranks and one that must be equal on all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Randomness:
    """Where every random number of a training comes from."""

    batches: np.random.Generator
    """Draws batches; differs between ranks, or they would all look at the same rays."""
    own: torch.Generator
    """Draws the jitter of rays, and what losses draw; differs between ranks."""
    shared: torch.Generator
    """Draws the points at which samplers look at the field; equal on all ranks, or their grids would part."""

    @staticmethod
    def seeded(seed: int, rank: int = 0, ranks: int = 1) -> Randomness:
        """The generators of one rank of a training; alone, one generator serves for both kinds of draws."""
        if ranks == 1:
            both = torch.Generator().manual_seed(seed)
            return Randomness(np.random.default_rng(seed), both, both)
        # Seeds far apart, whatever the seed: neighbours of `seed` are what other trainings take.
        own = int(np.random.SeedSequence([seed, ranks, rank]).generate_state(1, np.uint64)[0] >> 1)
        batches = np.random.default_rng([seed, ranks, rank])
        return Randomness(batches, torch.Generator().manual_seed(own), torch.Generator().manual_seed(seed))

    def content(self) -> dict[str, Any]:
        """Their states, for a checkpoint."""
        return {
            # The bit generator's state holds integers of 128 bits, which only text keeps.
            "rng": json.dumps(self.batches.bit_generator.state),
            "generator": self.own.get_state(),
            "shared_generator": self.shared.get_state(),
        }

    def restore(self, content: Mapping[str, Any]) -> None:
        """Bring the generators to where `content` was taken; version 1 had one state for both of torch's."""
        self.batches.bit_generator.state = json.loads(content["rng"])
        self.shared.set_state(content.get("shared_generator", content["generator"]))
        self.own.set_state(content["generator"])
