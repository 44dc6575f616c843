"""What one step compares: intervals of events and pixels of frames, drawn by the shares of the draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from efields.draws import Draw, DrawConfig, Drawn, Source
from efields.errors import InputError
from efields.events import scratch
from efields.events.intervals import Intervals

_GIVE_BACK_EVERY = 2
"""Steps; reading at random, a batch maps some 200 MB, as the system maps the neighbours of what is read."""

Batch = dict[str, Drawn]
"""What was drawn, by the names of the draws."""


@dataclass(frozen=True)
class BatchDraws:
    """The draws of a problem; each batch is a function of the number of rays and a generator alone."""

    source: Source
    """What they draw from."""
    draws: Mapping[str, Draw]
    """The draws by name."""
    share: Mapping[str, float]
    """Their parts of the rays."""
    known_direction: Bool[np.ndarray, " p"] | None
    """Whether the lens distortion of each pixel of the event camera can be undone; None when all can."""

    @staticmethod
    def build(
        source: Source, configs: Mapping[str, DrawConfig], known_direction: Bool[np.ndarray, " p"] | None = None
    ) -> BatchDraws:
        """The draws of a source, in the order of their names; raises `InputError` for none, and for what they lack."""
        if not configs:
            raise InputError("no loss compares anything with the recording", do="add one, such as event_interval")
        names = sorted(configs)
        draws = {name: configs[name].build(source) for name in names}
        return BatchDraws(source, draws, {name: float(configs[name].share) for name in names}, known_direction)

    def draw(self, rays: int, rng: np.random.Generator) -> Batch:
        """A batch of about `rays` rays."""
        total = sum(self.share.values())
        batch: Batch = {}
        for name, draw in self.draws.items():
            part = rays * self.share[name] / total if len(self.draws) > 1 else rays
            drawn = draw(max(int(part / draw.rays_each), 1), rng)
            if isinstance(drawn, Intervals) and self.known_direction is not None:
                drawn = drawn.take(np.flatnonzero(self.known_direction[drawn.pixel]))
            batch[name] = drawn
        return batch

    def after_step(self, step: int) -> None:
        """Now and then give back what reading here and there in a recording larger than memory has mapped."""
        events = self.source.events
        if events is not None and step % _GIVE_BACK_EVERY == 0 and len(events.stream) > scratch.IN_MEMORY:
            stream, index = events.stream, events.index
            scratch.give_back(stream.x, stream.y, stream.t_us, stream.polarity, index.t_us, index.cum_pos)
