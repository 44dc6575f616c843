"""Events in HDF5: one dataset a column, read a block of rows at a time, each block checked.

The usual layout is DSEC's: `events/{x,y,t,p}`, or the four at the root, and maybe `t_offset`, a number of microseconds
that is added to every time. `xs ys ts ps` are taken too.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from efields.errors import InputError
from efields.events.columns import EventColumns, PlacedColumns
from efields.events.stream import far_time
from efields.formats.columns.found import signed
from efields.formats.columns.fractional_pixels import are_fractional, nearest_pixels
from efields.formats.columns.time_precision import Unwrapped, check_some_time_passes, precision_notes
from efields.formats.columns.time_unit import FEW, UNITS, TimeUnit, said_unit, unit_of
from efields.formats.damages import Damages
from efields.formats.hdf5.file import FAULTS, attribute, blocks, holds, is_dataset, opened_hdf5, usable_rows

_NAMES = (("x", "y", "t", "p"), ("xs", "ys", "ts", "ps"))
_LATEST_US = 1 << 61
_LOOKED_AT = 100_000


@dataclass(frozen=True)
class EventDatasets:
    """Where the events of an HDF5 file are."""

    x: str
    """Name of the dataset of columns."""
    y: str
    """Of rows."""
    t: str
    """Of times."""
    p: str
    """Of polarities."""
    offset_us: int = 0
    """Microseconds that are added to the times."""
    size: tuple[int, int] = (0, 0)
    """Columns and rows of the sensor, where an attribute says so."""
    in_us: bool = False
    """Whether an offset or an index beside the times says that they are microseconds."""
    fractional: bool = False
    """Whether events lie between pixels."""


def holds_events(path: Path) -> bool:
    """Whether `path` is an HDF5 file with one dataset for each of x, y, t and p; never raises."""
    return any(holds(path, *(f"{group}{name}" for name in names)) for group in ("events/", "") for names in _NAMES)


def find_events(path: Path) -> EventDatasets:
    """Where the events are. Raises `InputError` when there are none, or not as columns of numbers."""
    with opened_hdf5(path) as file:
        for group in ("events/", ""):
            for names in _NAMES:
                found = [f"{group}{name}" for name in names]
                if all(is_dataset(file, name) for name in found):
                    for name in found:
                        _check_column(file[name], name, path)
                    x, y, t, polarity = found
                    offset_us, size = _about_events(file, group, path)
                    in_us = any(is_dataset(file, name) for name in ("t_offset", f"{group}t_offset", "ms_to_idx"))
                    in_us &= file[t].dtype.kind != "f"
                    fractional = _are_fractional([file[x], file[y]], path)
                    return EventDatasets(x, y, t, polarity, offset_us, size, in_us, fractional)
        held = ", ".join(list(file)[:8]) or "nothing"
    raise InputError(
        f"contains no events/x, y, t, p (it contains {held})", path, "give the file that contains the events"
    )


def _are_fractional(columns: list[Any], path: Path) -> bool:
    if any(column.dtype.kind != "f" for column in columns):
        return False
    rows = min(_LOOKED_AT, usable_rows(columns, path, Damages(path, salvage=True)))
    with contextlib.suppress(*FAULTS):  # what cannot be read is reported where it is read
        return are_fractional([column[:rows] for column in columns])
    return False


def _check_column(dataset: Any, name: str, path: Path) -> None:
    if dataset.ndim != 1 or dataset.dtype.kind not in "iufb":
        raise InputError(f"'{name}' is not a column of numbers ({dataset.dtype}, {dataset.shape})", path)


def _about_events(file: Any, group: str, path: Path) -> tuple[int, tuple[int, int]]:
    """Time offset in microseconds and the size of the sensor (0, 0 where the file does not say)."""
    offset = 0
    for name in ("t_offset", f"{group}t_offset"):
        if is_dataset(file, name):
            if file[name].size != 1 or file[name].dtype.kind not in "iu":
                raise InputError(f"'{name}' is not one whole number", path, "write microseconds")
            offset = int(np.ravel(file[name][()])[0])
            break
    if abs(offset) > _LATEST_US:
        raise InputError(f"t_offset is {offset}", path, "write microseconds")
    said = attribute(file, "sensor_resolution", path)  # rows, columns
    size = np.ravel(() if said is None else said)[::-1]
    if is_dataset(file, "width") and is_dataset(file, "height"):
        size = np.array([file[name][()] for name in ("width", "height") if file[name].size == 1]).ravel()
    if len(size) == 2 and size.dtype.kind in "iu" and 0 < size.min() <= size.max() <= 1 << 16:
        return offset, (int(size[0]), int(size[1]))
    return offset, (0, 0)


def found_unit(path: Path, found: EventDatasets) -> tuple[TimeUnit, tuple[str, ...]]:
    """The unit of the times by their values where nothing beside them says it, and notes.

    Raises `InputError` where the values leave it open, or have lost what they said.
    """
    if found.in_us:
        return "us", ()
    with opened_hdf5(path) as file:
        times = file[found.t]
        head = times[: min(_LOOKED_AT, usable_rows([times], path, Damages(path, salvage=True)))]
    head = Unwrapped().where_they_turn(head)
    check_some_time_passes(head, path)
    few_floats = head.dtype.kind == "f" and len(head) < FEW
    unit: Any = "s" if few_floats else unit_of(head, path)
    return unit, (said_unit(unit, head), *precision_notes(head, unit))


def decode_events(
    path: Path, found: EventDatasets, *, unit: TimeUnit = "auto", start_s: float = 0.0, stop_s: float = math.inf
) -> Callable[[Damages], Iterator[EventColumns]]:
    """Passes over the events from `start_s` (included) to `stop_s` (left out), seconds after the first event."""

    def decode(damages: Damages) -> Iterator[EventColumns]:
        with opened_hdf5(path) as file:
            times, *others = (file[name] for name in (found.t, found.x, found.y, found.p))
            clock, signs = Clock(damages, found.offset_us, unit, start_s, stop_s), Signs(damages)
            for row, (t,) in blocks([times], usable_rows([times, *others], path, damages), damages):
                t_us, inside = clock.microseconds(t, row)
                if not inside.any():
                    continue
                first, last = int(np.argmax(inside)), len(t) - int(np.argmax(inside[::-1]))
                for at, (x, y, p) in blocks(others, row + last, damages, row + first):
                    here = slice(at - row, at - row + len(x))
                    on_pixel = None
                    if found.fractional:
                        x, y, on_pixel = nearest_pixels(x, y)
                    yield checked_columns(x, y, t_us[here], p, inside[here], signs, at, on_pixel)

    return decode


def checked_columns(
    x: np.ndarray,
    y: np.ndarray,
    t_us: Int64[np.ndarray, " n"],
    p: np.ndarray,
    inside: Bool[np.ndarray, " n"],
    signs: Signs,
    row: int,
    on_pixel: np.ndarray | None = None,
) -> EventColumns:
    """Columns of the events `inside` that have whole pixels and a polarity; the others are a damage."""
    good = inside.copy()
    for column in (x, y):
        good &= _whole_pixels(column)
    bad = inside & ~good
    if bad.any():
        signs.damages.found(
            "an event has a coordinate that is not a whole pixel from 0 to 65535",
            row=row + int(np.argmax(bad)),
            lost_events=int(np.count_nonzero(bad)),
            do="give raw pixels, or drop such events with --salvage",
        )
    polarity, known = signs.polarity(p, good, row)
    if bad.any():
        x, y = np.where(good, x, 0), np.where(good, y, 0)
    columns = EventColumns.of(x, y, t_us, polarity)
    if on_pixel is not None:
        columns = PlacedColumns.at(columns, on_pixel)
    kept = good & known
    return columns if kept.all() else columns.take(kept)


def _whole_pixels(column: np.ndarray) -> Bool[np.ndarray, " n"]:
    if column.dtype.kind == "u" and column.dtype.itemsize <= 2:
        return np.ones(len(column), dtype=bool)
    with np.errstate(invalid="ignore"):
        inside = (column >= 0) & (column < 1 << 16)
        return inside if column.dtype.kind != "f" else inside & (column == np.floor(column))


class Signs:
    """Polarities as bool: {0, 1}, {-1, 1} or bool, one of them throughout a file."""

    def __init__(self, damages: Damages) -> None:
        self.damages, self._low = damages, 0.0

    def polarity(
        self, p: np.ndarray, wanted: Bool[np.ndarray, " n"], row: int
    ) -> tuple[Bool[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """ON, and whether the polarity is known; of the events `wanted`, unknown ones are a damage."""
        p = signed(p)
        rose = np.asarray(p == 1)
        if p.dtype == np.bool_ or (rose | (p == self._low)).all():
            return rose, np.ones(len(p), dtype=bool)
        if self._low == 0 and not ((p == 0) & wanted).any():
            self._low = -1.0
        known = rose | (p == self._low)
        bad = wanted & ~known
        if bad.any():
            self.damages.found(
                "a polarity is not one of 0 and 1, or of -1 and 1",
                row=row + int(np.argmax(bad)),
                lost_events=int(np.count_nonzero(bad)),
            )
        return rose, known


class Clock:
    """Times as absolute microseconds, block after block: units, offset, the wrap of 32 bits, the part wanted."""

    def __init__(self, damages: Damages, offset_us: int, unit: TimeUnit, start_s: float, stop_s: float) -> None:
        self.damages, self.offset_us, self.unit = damages, offset_us, unit
        self._window_s, self._counter = (start_s, stop_s), Unwrapped()
        self._first_us: int | None = None

    def microseconds(self, t: np.ndarray, row: int) -> tuple[Int64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """Absolute times, and whether each is sound and in the part wanted; times that are not numbers are a damage."""
        unit = self.unit if self.unit != "auto" else "s" if t.dtype.kind == "f" else "us"
        if t.dtype.kind == "f" or unit in ("s", "ms"):
            with np.errstate(over="ignore", invalid="ignore"):
                scaled = np.rint(t.astype(np.float64) * 10.0 ** UNITS[unit])
                sound = np.abs(scaled) < _LATEST_US
            t_us = np.where(sound, scaled, 0.0).astype(np.int64)
        else:
            sound = np.ones(len(t), dtype=bool)
            if t.dtype.itemsize == 8:
                sound = (t < _LATEST_US) & (t > -_LATEST_US if t.dtype.kind == "i" else True)
            t_us = self._counter.where_they_turn(t).astype(np.int64)
            t_us = (t_us + 500) // 1000 if unit == "ns" else t_us
        t_us += self.offset_us
        if not sound.all():
            self.damages.found(
                _unsound(t[np.argmin(sound)], unit, self.damages.salvage),
                row=row + int(np.argmin(sound)),
                lost_events=int(np.count_nonzero(~sound)),
                do="check the unit of the times, or drop such events with --salvage",
            )
        if self._window_s == (0.0, math.inf) or not sound.any():
            return t_us, sound
        if self._first_us is None:
            self._first_us = int(t_us[np.argmax(sound)])
        start, stop = (self._first_us + s * 1e6 for s in self._window_s)
        return t_us, sound & ((t_us >= start) & (t_us < stop))


def _unsound(t: np.generic, unit: str, salvage: bool) -> str:
    """What to call a time that is none; the number itself unless many are counted together."""
    if salvage or not np.isfinite(t):
        return "a time is not a number of microseconds"
    return far_time(int(int(t) * 10 ** UNITS[unit]))
