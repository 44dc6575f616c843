"""Files that are made of known events, so that what a reader makes of a damaged copy can be compared with the truth.

Each module here holds a dict `FILES`: a name to what writes such a file into a folder and returns its path and the
events in it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from efields.events.columns import EventColumns


class Known(NamedTuple):
    """A file and what is in it."""

    path: Path
    """The file."""
    events: EventColumns
    """Its events, in order of time."""
    options: dict[str, Any]
    """Options of its loader, where it needs some."""


def known_events(width: int, height: int, count: int = 3000, seed: int = 0, start_us: int = 1_000_000) -> EventColumns:
    """Events as a moving edge makes them, some 20,000 a second: many of a time lie side by side in a row."""
    rng = np.random.default_rng(seed)
    run = rng.integers(1, 6, count)
    first = np.repeat(np.cumsum(run) - run, run)[:count]
    which = np.repeat(np.arange(count), run)[:count]
    t_us = start_us + np.cumsum(rng.integers(20, 250, count))[which]
    x = rng.integers(0, width - 6, count)[which] + np.arange(count) - first
    y, on = rng.integers(0, height, count)[which], rng.integers(0, 2, count)[which]
    return EventColumns.of(x, y, t_us, on)


FILES: dict[str, Callable[[Path], Known]] = {}
for _module in pkgutil.iter_modules(__path__):
    FILES |= importlib.import_module(f"{__name__}.{_module.name}").FILES
