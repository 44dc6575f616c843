"""Detects which column of a table is x, y, time and polarity: from names, else from the values.

x stands before y: the values cannot tell them apart, and every known layout has them so. What else the values leave
open is an error that lists what it could be, for the user to say which.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64

from efields.errors import InputError
from efields.formats.columns.time_unit import UNIT_WORDS
from efields.formats.damages import Damages

NAMES = {
    "t": ("t", "ts", "time", "times", "timestamp", "timestamps", "stamp"),
    "x": ("x", "xs", "col", "column", "xaddr", "addrx", "xpos", "posx"),
    "y": ("y", "ys", "row", "yaddr", "addry", "ypos", "posy"),
    "p": ("p", "ps", "pol", "pols", "polarity", "polarities", "on", "sign"),
}
"""What columns are called."""
LAYOUTS = ("t x y p", "x y t p", "x y p t", "t p x y", "p x y t", "p t x y")
"""Orders in use, x before y."""
_MOST = 0.8
"""Share of rows that must hold what a column is for."""


def named(word: str) -> tuple[str, str] | None:
    """Column ("t", "x", "y", "p") and unit ("" where it says none) that a name means; None for other names."""
    parts = [part for part in re.split(r"[^a-zµ]+", word.strip().strip("\"'").lower()) if part]
    unit = ""
    if len(parts) > 1 and parts[-1] in UNIT_WORDS:
        unit = UNIT_WORDS[parts.pop()]
    name = "".join(part for part in parts if part not in ("event", "events", "pixel", "coord", "coordinate"))
    for column, names in NAMES.items():
        if name in names:
            return column, unit if column == "t" else ""
    return None


def checked_columns(columns: str, count: int, path: Path) -> tuple[str, ...]:
    """The option `columns` as names. Raises `InputError` unless it has t, x, y and p once, and `count` words."""
    words = tuple(columns.replace(",", " ").split())
    if sorted(word for word in words if word != "-") != sorted("txyp"):
        raise InputError(f"columns is '{columns}'", path, "give each of t x y p once, and '-' for columns to leave out")
    if len(words) != count:
        raise InputError(f"has {count} columns, not the {len(words)} of '{columns}'", path, "name every column")
    return words


def possible_orders(
    sample: Float64[np.ndarray, "n k"], pointed: tuple[bool, ...] = (False,) * 4, *, fractional: bool = False
) -> list[str]:
    """Orders of four columns that these values, in file order, allow; some rows may be damaged.

    Where several do, those are given whose time is not whole, or rises, and which hold for the most rows. `pointed`:
    which columns are written with a decimal point, as only times that are not whole need be (0.000000 too is one).
    `fractional`: pixels need not be whole.
    """
    if sample.ndim != 2 or sample.shape[1] != 4 or len(sample) == 0:
        return []
    finite = np.isfinite(sample).all(axis=1)
    if finite.mean() < _MOST:
        return []
    sample = sample[finite]
    whole = sample == np.rint(sample)
    pixel = ((whole | fractional) & (sample >= -0.5) & (sample <= 0xFFFF)).mean(axis=0)
    sign = np.maximum(np.isin(sample, (0, 1)).mean(axis=0), np.isin(sample, (-1, 1)).mean(axis=0))
    falls = np.count_nonzero(np.diff(sample, axis=0) < 0, axis=0)
    orders = []
    for order in LAYOUTS:
        at = {name: i for i, name in enumerate(order.split())}
        holds = min(pixel[at["x"]], pixel[at["y"]], sign[at["p"]])
        if holds >= _MOST and falls[at["t"]] <= (1 - _MOST) * len(sample):
            t = sample[:, at["t"]]
            not_whole = pointed[at["t"]] or not whole[:, at["t"]].all()
            orders.append((not_whole, bool(np.median(t[-3:]) > np.median(t[:3])), holds, order))
    best = max((rank[:3] for rank in orders), default=None)
    return [order for *rank, order in orders if tuple(rank) == best]


def order_of(
    sample: Float64[np.ndarray, "n k"], path: Path, pointed: tuple[bool, ...] = (False,) * 4
) -> tuple[str, ...]:
    """The one order of the columns; `pointed` as in `possible_orders`.

    Raises `InputError` listing what it could be.
    """
    if sample.ndim != 2 or sample.shape[1] != 4:
        held = sample.shape[-1] if sample.ndim else 0
        raise InputError(f"has {held} columns without names", path, "name them: --option columns='t x y p - -'")
    orders = possible_orders(sample, pointed) or possible_orders(sample, pointed, fractional=True)
    if len(orders) == 1:
        return tuple(orders[0].split())
    if orders:
        raise InputError(
            f"columns could be any of: {', '.join(orders)}", path, f"choose with --option columns='{orders[0]}'"
        )
    raise InputError(
        "contains no columns that could be x, y, time and polarity", path, f"known orders: {', '.join(LAYOUTS)}"
    )


def signed(values: np.ndarray) -> np.ndarray:
    """The values, -1 in place of the largest of a type without sign, which is what such a type makes of it."""
    if values.dtype.kind != "u" or not (wrapped := values == np.iinfo(values.dtype).max).any():
        return values
    return np.where(wrapped, -1, values.astype(np.int64))


class Polarities:
    """Polarities of one file from {0, 1} or {-1, 1}, checked over all its parts."""

    def __init__(self, damages: Damages) -> None:
        self._damages = damages
        self._fell: int | None = None

    def of(self, values: np.ndarray, row: int) -> tuple[Bool[np.ndarray, " n"], Bool[np.ndarray, " n"] | None]:
        """Which rose, and which are known, None for all; `row` is that of the first. Others are a damage."""
        values = signed(values)
        rose = values == 1
        if self._fell is None:
            down = values[(values == 0) | (values == -1)]
            self._fell = int(down[0]) if len(down) else None
        fell = False if self._fell is None else values == self._fell
        known = rose | fell
        if known.all():
            return rose, None
        if not self._damages.salvage:
            held = {1, *np.unique(values).tolist()} | (set() if self._fell is None else {self._fell})
            listed = ", ".join(f"{value:g}" for value in sorted(held)[:5]) + (", ..." if len(held) > 5 else "")
            first = int(np.argmin(known))
            raise InputError(
                f"polarity has the values {listed} (in row {row + first:,}, {values[first]:g})",
                self._damages.path,
                "give {0, 1} or {-1, 1}, or drop others with --salvage",
            )
        self._damages.found("a polarity is neither up nor down", lost_events=int(np.count_nonzero(~known)))
        return rose, known
