"""A disk that is full: one line, and nothing half-written, whichever library writes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from efields import writers
from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.export.films import mp4
from efields.export.video import film
from efields.writers import About

resource = pytest.importorskip("resource")


def events() -> Iterator[EventColumns]:
    rng = np.random.default_rng(0)
    for k in range(4):
        x, y = (rng.integers(0, 200, 5000).astype(np.uint16) for _ in range(2))
        yield EventColumns(x, y, np.sort(rng.integers(0, 10**6, 5000)) + k * 10**6, rng.random(5000) < 0.5)


def pictures(out: Path, make: Callable) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), dtype=np.uint8)
    with make(out, 10.0) as write:
        for picture in noise:
            write(picture)


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file may grow beyond 3000 bytes."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("kind", writers.kinds())
def test_every_writer_of_events(kind: str, tmp_path: Path, no_room: None) -> None:
    writer = writers.writer(kind)
    with pytest.raises(InputError, match=r"cannot be written \(File too large\); free some space"):
        writer.write(events(), tmp_path / f"out{writer.SUFFIX}", About(200, 200))
    assert list(tmp_path.iterdir()) == []


def test_films(tmp_path: Path, no_room: None) -> None:
    with pytest.raises(InputError, match="the video cannot be written"):
        pictures(tmp_path / "film.mp4", mp4)
    with pytest.raises(InputError, match="cannot be written"):
        pictures(tmp_path / "pictures", film)
    assert list(tmp_path.iterdir()) == []


def test_a_film_has_all_its_pictures(tmp_path: Path) -> None:
    import imageio.v3 as iio

    pictures(tmp_path / "film.mp4", mp4)
    assert iio.imread(tmp_path / "film.mp4").shape == (30, 64, 64, 3)
    with pytest.raises(InputError, match="no images"), mp4(tmp_path / "empty.mp4", 10.0):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
