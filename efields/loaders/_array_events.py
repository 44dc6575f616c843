"""Events in named arrays (.npz, .npy, .mat, HDF5): their rows as events, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from efields.events.columns import EventColumns, PlacedColumns
from efields.events.stream import far_time
from efields.formats.arrays.places import ArrayOptions, ArraySource, ColumnPlace, find_places, head_of, where
from efields.formats.columns.found import Polarities
from efields.formats.columns.fractional_pixels import NOTE, are_fractional, nearest_pixels
from efields.formats.columns.time_precision import Unwrapped, check_some_time_passes, precision_notes
from efields.formats.columns.time_unit import UNITS, WORDS_OF_UNIT, TimeUnit, said_unit, unit_of
from efields.formats.damages import Damages
from efields.recordings.event_file import EventFile
from efields.recordings.sensor_size import checked_size, with_assumed_size


def open_arrays(
    sources: list[ArraySource], path: Path, format: str, options: ArrayOptions, size: tuple[int, int] = (0, 0)
) -> EventFile:
    """Open the events among named arrays; `size` is what the file says of the sensor.

    Raises `InputError` when they are not there, or what they are is left open.
    """
    checked_size(options.width, options.height, path)
    places, named_unit = find_places(sources, path, options)
    unit, said = chosen_unit(options.time_unit, named_unit, head_of(places["t"], Damages(path)), path)
    note = f"Columns found: {', '.join(f'{name} in {where(place)}' for name, place in places.items())}"
    opened = EventFile(
        format=format,
        path=path,
        width=options.width or size[0],
        height=options.height or size[1],
        decode=lambda damages: decode_places(places, UNITS[unit], options.first_pixel, damages),
        notes=(f"{note}, times in {WORDS_OF_UNIT[unit]}.", *said, *((NOTE,) if lie_between_pixels(places) else ())),
    )
    return opened if opened.width and opened.height else with_assumed_size(replace(opened, width=0, height=0))


def chosen_unit(told: TimeUnit, named_unit: str, head: np.ndarray, path: Path) -> tuple[str, tuple[str, ...]]:
    """The unit of the times by the option, their name or their first values, and notes.

    Raises `InputError` where the values leave it open, or have lost what they said.
    """
    head = Unwrapped().where_they_turn(head)
    check_some_time_passes(head, path)
    if told != "auto" or named_unit:
        unit = told if told != "auto" else named_unit
        return unit, precision_notes(head, unit)
    unit = unit_of(head, path)
    return unit, (said_unit(unit, head), *precision_notes(head, unit))


def decode_places(
    places: dict[str, ColumnPlace], power: int, first_pixel: int, damages: Damages
) -> Iterator[EventColumns]:
    """The events at these places, times in 10**power microseconds, in chunks."""
    sources = {id(place.source): place.source for place in places.values()}
    polarities, counter = Polarities(damages), Unwrapped()
    fractional = lie_between_pixels(places)
    readers = [source.chunks(damages) for source in sources.values()]
    row = 0
    while True:
        chunk = [part for reader in readers if (part := next(reader, None)) is not None]
        if len(chunk) < len(readers):  # each was read, so that each has compared its end with the file's
            return
        rows = dict(zip(sources, chunk, strict=True))
        count = min(len(part) for part in chunk)  # of a damaged array less may be left
        held = {name: np.asarray(place.of(rows[id(place.source)][:count])) for name, place in places.items()}
        on_pixel = None
        if first_pixel:
            held |= {name: held[name] - first_pixel for name in "xy"}
        if fractional:
            held["x"], held["y"], on_pixel = nearest_pixels(held["x"], held["y"])
        good = _whole(held["x"]) & _whole(held["y"])
        held["t"] = counter.where_they_turn(held["t"])
        good &= _timed(held["t"], power, row, damages)
        if not good.all():
            damages.found(
                "a pixel is not a whole number from 0 to 65535, or a time is not finite",
                row=row + int(np.argmin(good)),
                lost_events=int(np.count_nonzero(~good)),
                do="check the order of the columns, or leave such events out with --salvage",
            )
            held = {name: column[good] for name, column in held.items()}
            on_pixel = None if on_pixel is None else on_pixel[good]
        rose, known = polarities.of(held["p"], row)
        columns = EventColumns.of(held["x"], held["y"], _microseconds(held["t"], power), rose)
        if on_pixel is not None:
            columns = PlacedColumns.at(columns, on_pixel)
        yield columns if known is None else columns.take(known)
        row += count


def lie_between_pixels(places: dict[str, ColumnPlace]) -> bool:
    """Whether the events at these places are those of a rectified recording."""
    return are_fractional([head_of(places[name], Damages(Path(), salvage=True)) for name in "xy"])


def _whole(pixels: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (pixels >= 0) & (pixels <= 0xFFFF) & (pixels == np.rint(pixels))


def _timed(t: np.ndarray, power: int, row: int, damages: Damages) -> np.ndarray:
    """Which times fit. One that is a number far beyond is an error of its own, unless salvaging."""
    fits = _fits(t, power)
    if not fits.all() and not damages.salvage and np.isfinite(far := t[np.argmin(fits)]):
        what = far_time(int(far) * 10**power if power >= 0 else int(far) // 10**-power)
        damages.found(what, row=row + int(np.argmin(fits)), do="check the unit of the times (--time-unit)")
    return fits


def _fits(t: np.ndarray, power: int) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.abs(t.astype(np.float64)) < 2.0**62 * 10.0 ** min(-power, 0)


def _microseconds(t: np.ndarray, power: int) -> np.ndarray:
    """Times as whole microseconds, rounded; exact where they are whole numbers."""
    if t.dtype.kind == "f":
        return np.rint(t.astype(np.float64) * 10.0**power).astype(np.int64)
    t = t.astype(np.int64)
    return t * 10**power if power >= 0 else (t + 10**-power // 2) // 10**-power
