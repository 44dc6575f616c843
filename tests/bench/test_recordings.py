"""The benches of recordings: rows that are true, whatever the clock says."""

from __future__ import annotations

from pathlib import Path

import pytest

from efields import cli, scratch
from efields.bench.decoding import measure_decoding
from efields.bench.large import measure_large
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


def test_the_words_need_what_they_measure(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "recordings"]) == 2
    assert "names no files" in capsys.readouterr().err
    assert cli.main(["bench", "large", "--events", "3"]) == 2
    assert "--events 3; give a number from 1000" in capsys.readouterr().err
