"""A loader: the `.dots` files that `outside.dots_writer` writes, one JSON line and then an array of numpy's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.geometry.boxes import Box
from efields.ranges import Positive
from efields.recordings.recording import Recording

MAGIC = b"dots 1\n"


def matches(path: Path) -> bool:
    """Whether the file begins as these do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


@dataclass(frozen=True)
class Config:
    """Options of the loader."""

    half: Positive = 0.9
    """Half an edge of the box that holds the scene, world units."""

    def load(self, path: Path) -> Recording:
        """The events; camera and poses are supplied. Raises `InputError` for another file."""
        if not matches(path):
            raise InputError("is no file of dots", path, "give one that outside.dots_writer wrote")
        with path.open("rb") as file:
            file.read(len(MAGIC))
            size = json.loads(file.readline())
            x, y, t_us, polarity = np.load(file)
        events = EventStream(
            x.astype(np.uint16), y.astype(np.uint16), t_us, polarity.astype(bool), size["width"], size["height"]
        )
        box = Box((-self.half,) * 3, (self.half,) * 3)
        return Recording(events, camera=None, sensor=Sensor(0.2, 0.2), box=box, name=path.stem, path=path)
