"""A writer of the `.dots` files of `outside.dots`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from outside.dots import MAGIC

from efields.atomic import replacing
from efields.events.columns import EventColumns
from efields.writers import About

SUFFIX = ".dots"
STORES_SIZE = True


def write(events: Iterator[EventColumns], path: Path, about: About) -> int:
    """Write the events; gives their number."""
    every = EventColumns.concat(list(events))
    columns = np.stack([np.asarray(c, dtype=np.int64) for c in (every.x, every.y, every.t_us, every.polarity)])
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(MAGIC + json.dumps({"width": about.width, "height": about.height}).encode() + b"\n")
        np.save(file, columns)
    return every.count
