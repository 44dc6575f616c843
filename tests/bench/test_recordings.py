"""The benches of recordings: rows that are true, whatever the clock says."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from efields import cli
from efields.bench.decoding import measure_decoding
from efields.bench.large import measure_large
from efields.errors import InputError
from efields.events import scratch
from tests.contracts.samples import LOADERS


def test_decoding_counts_every_event(tmp_path: Path) -> None:
    path = LOADERS["text"](tmp_path / "sample")
    (row,) = measure_decoding([path], 1)
    assert (row.file, row.events, row.runs) == (path.name, 40, 1)
    assert row.mevents_s > 0


def test_a_large_recording_goes_through_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIELDS_SCRATCH", str(tmp_path))
    monkeypatch.setattr(scratch, "IN_MEMORY", 50_000)
    rows = measure_large(200_000, "reference", steps=1)
    assert [row.what for row in rows] == ["write", "info", "load", "index and build", "1 training steps"]
    assert all(row.events == 200_000 and row.seconds > 0 for row in rows)
    assert rows[0].seconds_1e9 == pytest.approx(rows[0].seconds * 5000)
    assert rows[-1].seconds_1e9 is None


def test_a_disk_that_is_too_small_is_told_with_the_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIELDS_SCRATCH", str(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2_000_000_000))
    with pytest.raises(InputError, match="100,000,000 events take about 3 GB, and 2 GB are free; give fewer --events"):
        measure_large(100_000_000, "reference")
    assert list(tmp_path.iterdir()) == []


def test_the_words_need_what_they_measure(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "recordings"]) == 2
    assert "has no files" in capsys.readouterr().err
    assert cli.main(["bench", "large", "--events", "3"]) == 2
    assert "--events 3; give a number from 1000" in capsys.readouterr().err
