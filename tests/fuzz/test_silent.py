"""The comparison with the truth that `tests.fuzz.silent` counts by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efields.events.columns import EventColumns
from efields.loaders import load
from tests.fuzz.known import FILES, known_events
from tests.fuzz.mutate import DAMAGES
from tests.fuzz.silent import cause, columns_of, difference, fuzz

TRUTH = known_events(40, 30, count=50)


def altered(place: int, **values: int) -> EventColumns:
    columns = EventColumns(*(column.copy() for column in TRUTH))
    for name, value in values.items():
        getattr(columns, name)[place] = value
    return columns


def joined(*parts: slice) -> EventColumns:
    return EventColumns.concat([TRUTH.take(part) for part in parts])


@pytest.mark.parametrize(
    ("read", "counts", "why"),
    [
        (altered(7, x=39), (0, 1, 0), "place"),
        (altered(7, t_us=5), (0, 1, 0), "time"),
        (joined(slice(30)), (20, 0, 0), "cut at the end"),
        (joined(slice(30), slice(33, None)), (3, 0, 0), "missing"),
        (joined(slice(30), slice(28, None)), (0, 0, 2), "added"),
    ],
)
def test_what_differs_is_counted_once(read: EventColumns, counts: tuple[int, int, int], why: str) -> None:
    assert difference(TRUTH, read) == counts
    assert cause(TRUTH, read) == why


@pytest.mark.parametrize("name", FILES)
def test_an_intact_file_gives_the_events_that_it_was_made_of(name: str, tmp_path: Path) -> None:
    known = FILES[name](tmp_path)
    assert difference(known.events, columns_of(load(known.path, **known.options))) == (0, 0, 0)


def test_each_kind_of_damage_is_tried_and_every_file_counted(tmp_path: Path) -> None:
    table = fuzz("aedat3", 2 * len(DAMAGES), 20.0, 0, tmp_path)
    assert all(told.files == 2 for told in table.values())
    assert all(told.refused + told.equal + told.noted + told.silent == 2 for told in table.values())
    assert np.sum([told.refused for told in table.values()]) >= len(DAMAGES) // 2
