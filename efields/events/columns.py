"""Columns of events as a file holds them: unchecked, in file order, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt16

CHUNK = 1 << 20
"""Events that a reader hands over at a time, about: 13 MB, and long enough for NumPy to be fast."""


@dataclass(frozen=True, eq=False)
class EventColumns:
    """Some events of a file, in its order: nothing about them has been checked yet. Unpacks into its four columns."""

    x: UInt16[np.ndarray, " n"]
    """Column of each event in pixels."""
    y: UInt16[np.ndarray, " n"]
    """Row of each event in pixels, 0 at the top."""
    t_us: Int64[np.ndarray, " n"]
    """Absolute time of each event in microseconds; counters that wrap are unwrapped."""
    polarity: Bool[np.ndarray, " n"]
    """True where the intensity rose."""

    @property
    def count(self) -> int:
        """Number of events."""
        return len(self.t_us)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.x, self.y, self.t_us, self.polarity))

    def take(self, index: np.ndarray | slice) -> EventColumns:
        """The events with these indices, of a boolean mask or of a slice."""
        return EventColumns(*(column[index] for column in self))

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, t_us: np.ndarray, polarity: np.ndarray) -> EventColumns:
        """Columns of the right types, copied where they are not; values must fit them."""
        return cls(
            x.astype(np.uint16, copy=False),
            y.astype(np.uint16, copy=False),
            t_us.astype(np.int64, copy=False),
            polarity.astype(bool, copy=False),
        )

    @classmethod
    def concat(cls, parts: list[EventColumns]) -> EventColumns:
        """The events of several chunks, one after the other."""
        if not parts:
            return cls.of(*np.zeros((4, 0), dtype=np.int64))
        if len(parts) == 1:
            return parts[0]
        joined = cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        placed = [part.on_pixel for part in parts if isinstance(part, PlacedColumns)]
        return PlacedColumns.at(joined, np.concatenate(placed)) if len(placed) == len(parts) else joined


@dataclass(frozen=True, eq=False)
class PlacedColumns(EventColumns):
    """Events whose places are known more finely than in whole pixels, as those of rectified recordings are.

    What makes other columns of them (filters, changes of the raster) leaves them with the nearest pixel alone.
    """

    on_pixel: Float32[np.ndarray, "n 2"]
    """Place of each event less the centre of its pixel: right and down, -0.5 to 0.5 pixels."""

    @classmethod
    def at(cls, columns: EventColumns, on_pixel: Float32[np.ndarray, "n 2"]) -> PlacedColumns:
        """The same events at these places on their pixels."""
        return cls(*columns, on_pixel=on_pixel)

    def take(self, index: np.ndarray | slice) -> PlacedColumns:
        """The events with these indices, of a boolean mask or of a slice."""
        return PlacedColumns.at(EventColumns(*self).take(index), self.on_pixel[index])


def in_chunks(columns: EventColumns, size: int = CHUNK) -> Iterator[EventColumns]:
    """Slices of at most `size` events, as views; none where there are no events."""
    for first in range(0, columns.count, size):
        yield columns.take(slice(first, first + size))
