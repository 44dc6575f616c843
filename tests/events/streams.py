"""Random streams for the tests of this folder."""

from __future__ import annotations

import numpy as np

from efields.events.stream import EventStream


def random_stream(seed: int, n: int = 400, width: int = 7, height: int = 5, span_us: int = 3000) -> EventStream:
    """Few pixels and short times, so that pixels repeat and some times coincide; starts far from zero."""
    rng = np.random.default_rng(seed)
    return EventStream.from_arrays(
        x=rng.integers(0, width, n),
        y=rng.integers(0, height, n),
        t_us=np.sort(rng.integers(0, span_us, n)) + 1_600_000_000_000_000,
        polarity=rng.integers(0, 2, n),
        width=width,
        height=height,
    )
