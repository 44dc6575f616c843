"""What every writer promises, checked for each file of efields/writers and for one outside of efields."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from efields import writers
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.events.side_streams import SideStreams
from efields.formats.about import About
from efields.plugins import VARIABLE
from efields.writers import kinds, writer, writer_for

per_kind = pytest.mark.parametrize("kind", kinds())
OUTSIDE = """
SUFFIX, STORES_SIZE = ".rows", True

def write(events, path, about):
    lines = [f"{t} {x} {y}" for chunk in events for t, x, y in zip(chunk.t_us, chunk.x, chunk.y)]
    path.write_text(f"{about.width} {about.height}\\n" + "\\n".join(lines))
    return len(lines)
"""


def chunks() -> Iterator[EventColumns]:
    """Six events in two chunks."""
    for first in (0, 3):
        at = np.arange(first, first + 3)
        yield EventColumns.of(at, at, 10 * at, at % 2 == 0)


def test_every_file_is_a_writer() -> None:
    assert list(kinds()) == sorted(p.stem for p in Path(writers.__path__[0]).glob("*.py") if not p.stem.startswith("_"))


@per_kind
def test_a_writer_says_its_ending_and_whether_it_stores_the_size(kind: str) -> None:
    module = writer(kind)
    assert module.SUFFIX == "" or module.SUFFIX.startswith(".")
    assert isinstance(module.STORES_SIZE, bool)
    assert list(inspect.signature(module.write).parameters) == ["events", "path", "about"]
    assert module.write.__doc__


@per_kind
def test_a_writer_gives_the_number_of_its_events_and_leaves_nothing_half_written(kind: str, tmp_path: Path) -> None:
    about = About(8, 6, SideStreams(), None)
    out = tmp_path / f"out{writer(kind).SUFFIX}"
    assert writer(kind).write(chunks(), out, about) == 6
    assert [path.name for path in tmp_path.iterdir()] == [out.name]

    def broken() -> Iterator[EventColumns]:
        yield next(chunks())
        raise InputError("is damaged", "in the middle")

    other = tmp_path / f"other{writer(kind).SUFFIX}"
    with pytest.raises(InputError, match="is damaged"):
        writer(kind).write(broken(), other, about)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_writer_outside_of_efields_is_named_by_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows_of_a_stranger").mkdir()
    (tmp_path / "rows_of_a_stranger" / "rows.py").write_text(OUTSIDE)
    (tmp_path / "rows_of_a_stranger" / "empty.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(InputError, match="--plugins"):
        writer("rows_of_a_stranger.rows")
    monkeypatch.setenv(VARIABLE, "1")
    with pytest.raises(InputError, match="is no writer"):
        writer("rows_of_a_stranger.empty")
    name, module = writer_for(tmp_path / "a.rows", "rows_of_a_stranger.rows")
    assert (name, module.write(chunks(), tmp_path / "a.rows", About(8, 6))) == ("rows_of_a_stranger.rows", 6)
    assert (tmp_path / "a.rows").read_text().startswith("8 6\n0 0 0\n")
    for part in ("rows_of_a_stranger", "rows_of_a_stranger.rows", "rows_of_a_stranger.empty"):
        sys.modules.pop(part, None)
