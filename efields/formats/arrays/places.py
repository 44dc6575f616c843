"""Finds x, y, time and polarity among named arrays: by their names, by the fields of a table, or by the values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.events.columns import CHUNK
from efields.formats.columns.found import checked_columns, named, order_of, signed
from efields.formats.columns.time_unit import TimeUnit
from efields.formats.damages import Damages

TABLES = ("events", "event", "data", "td", "ev", "cd", "arr_0")
"""What tables of events are called, in lower case."""
PAIRS = ("position", "positions", "xy", "coords", "coordinates", "pixel", "pixels")
"""What arrays of x and y together are called."""


@dataclass(frozen=True)
class ArraySource:
    """An array that is read in chunks of rows, its rows along the first axis."""

    name: str
    """Its name in the file, such as "TD.x"."""
    shape: tuple[int, ...]
    """Rows first."""
    dtype: np.dtype
    """Type of a value, or of the fields of a row."""
    chunks: Callable[[Damages], Iterator[np.ndarray]]
    """All rows, `CHUNK` at a time."""


def held_source(name: str, array: np.ndarray) -> ArraySource:
    """A source of rows that are in memory, or memory-mapped; a single row or column counts as a list."""
    if array.ndim == 0 or (array.ndim == 2 and 1 in array.shape and array.dtype.names is None):
        array = array.reshape(-1)
    elif array.ndim == 2 and array.shape[0] in (4, 5, 6) and array.shape[1] > array.shape[0]:
        array = array.T  # a row of the table for each column

    def chunks(_: Damages) -> Iterator[np.ndarray]:
        for first in range(0, len(array), CHUNK):
            yield array[first : first + CHUNK]

    return ArraySource(name, array.shape, array.dtype, chunks)


@dataclass(frozen=True)
class ColumnPlace:
    """Where one column of the events is."""

    source: ArraySource
    """The array that holds it."""
    field: int | str | None = None
    """Column or field of that array; None: all of it."""

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The column in a chunk of rows."""
        if self.field is None:
            return rows
        return rows[self.field] if isinstance(self.field, str) else rows[:, self.field]


@dataclass(frozen=True)
class ArrayOptions:
    """Options for arrays of events."""

    key: str = ""
    """Name of the array or struct; empty: detected."""
    columns: str = ""
    """Order of the columns of a table; empty: detected."""
    time_unit: TimeUnit = "auto"
    """Unit of time; "auto": detected."""
    width: int = 0
    """Width of the sensor in pixels; 0: detected."""
    height: int = 0
    """Height of the sensor in pixels; 0: detected."""
    first_pixel: int = 0
    """Number of the first pixel."""


def could_be_events(names: list[str]) -> bool:
    """Whether arrays of these names could hold events."""
    short = [name.rsplit(".", 1)[-1] for name in names]
    columns = {found[0] for name in short if (found := named(name))}
    pair = any(name.lower() in PAIRS for name in short)
    return (
        columns == set("txyp")
        or (pair and {"t", "p"} <= columns)
        or any(name.rsplit("/", 1)[-1].lower() in TABLES for name in short)
    )


def find_places(sources: list[ArraySource], path: Path, options: ArrayOptions) -> tuple[dict[str, ColumnPlace], str]:
    """Where t, x, y and p are, and the unit of time that names say."""
    if options.key:
        chosen = [s for s in sources if s.name == options.key or s.name.startswith(f"{options.key}.")]
        if not chosen:
            raise InputError(f"contains no '{options.key}'", path, f"it contains {_listed(sources)}")
    else:
        chosen = sources
    found = [*_by_name(chosen), *_tables(chosen, path, options)]
    if len(found) > 1:
        keys = ", ".join(label for label, _, _ in found)
        raise InputError(f"contains events more than once: {keys}", path, "choose one with --option key=NAME")
    if not found:
        raise InputError(
            "contains no arrays x, y, t and p of equal length, and no table of events",
            path,
            f"it contains {_listed(sources)}; choose a table with --option key=NAME, and its columns with --option "
            "columns='t x y p'",
        )
    _, places, unit = found[0]
    return places, unit


def _by_name(sources: list[ArraySource]) -> list[tuple[str, dict[str, ColumnPlace], str]]:
    """Groups of arrays (those of one struct) that are called x, y, t and p and have one length."""
    groups: dict[str, list[tuple[str, ColumnPlace, str]]] = {}
    for source in sources:
        prefix, _, short = source.name.rpartition(".")
        meaning = named(short)
        if meaning and len(source.shape) == 1 and source.dtype.names is None and source.dtype.kind in "iufb":
            groups.setdefault(prefix, []).append((meaning[0], ColumnPlace(source), meaning[1]))
        elif short.lower() in PAIRS and len(source.shape) == 2 and source.shape[1] == 2 and source.dtype.kind in "iuf":
            pair = [(name, ColumnPlace(source, i), "") for i, name in enumerate("xy")]
            groups.setdefault(prefix, []).extend(pair)
    found = []
    for prefix, group in groups.items():
        names = sorted(name for name, _, _ in group)
        if names == sorted("txyp") and len({place.source.shape[0] for _, place, _ in group}) == 1:
            unit = "".join(unit for _, _, unit in group)
            places = {name: next(place for other, place, _ in group if other == name) for name in "txyp"}
            found.append((prefix or "x y t p", places, unit))
    return found


def _tables(
    sources: list[ArraySource], path: Path, options: ArrayOptions
) -> list[tuple[str, dict[str, ColumnPlace], str]]:
    """Arrays whose fields are named so, and tables of numbers with a known name or the one there is."""
    found = []
    plain = []
    for source in sources:
        if source.dtype.names is not None and len(source.shape) == 1:
            meanings = [(named(name), name) for name in source.dtype.names]
            fields = {meaning[0]: (name, meaning[1]) for meaning, name in meanings if meaning}
            if options.columns:
                order = checked_columns(options.columns, len(source.dtype.names), path)
                fields = {
                    name: (field, "") for name, field in zip(order, source.dtype.names, strict=True) if name != "-"
                }
            if set(fields) == set("txyp"):
                places = {name: ColumnPlace(source, fields[name][0]) for name in "txyp"}
                found.append((source.name, places, fields["t"][1]))
        elif len(source.shape) == 2 and source.shape[1] >= 4 and source.dtype.kind in "iuf":
            plain.append(source)
    if not options.key:
        known = [source for source in plain if source.name.rsplit(".", 1)[-1].lower() in TABLES]
        plain = known or [source for source in plain if source.shape[1] == 4]
    for source in plain:
        if options.columns:
            order = checked_columns(options.columns, source.shape[1], path)
        else:
            order = order_of(signed(head_of(ColumnPlace(source), Damages(path))).astype(np.float64), path)
        places = {name: ColumnPlace(source, order.index(name)) for name in "txyp"}
        found.append((source.name, places, ""))
    return found


def head_of(place: ColumnPlace, damages: Damages) -> np.ndarray:
    """The first rows, which follow each other in time."""
    salvaging = Damages(damages.path, salvage=True)  # damage further on is for the decoder to report
    for rows in place.source.chunks(salvaging):
        return np.asarray(place.of(rows[:100_000]))
    return np.zeros((0, *place.source.shape[1:]), dtype=np.float64)


def where(place: ColumnPlace) -> str:
    """A column's place in words."""
    field = "" if place.field is None else f"[{place.field}]"
    return f"'{place.source.name}'{field}"


def _listed(sources: list[ArraySource]) -> str:
    names = [f"'{s.name}' ({' x '.join(map(str, s.shape))} {_type_of(s.dtype)})" for s in sources]
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") if names else "nothing"


def _type_of(dtype: np.dtype) -> str:
    return str(dtype) if dtype.names is None else f"of {', '.join(dtype.names[:8])}"
