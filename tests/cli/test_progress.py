"""Progress: durations as a person says them, and plain lines that do not flood a log."""

from __future__ import annotations

import pytest

from efields.cli import _progress


@pytest.mark.parametrize(
    ("seconds", "said"), [(7.6, "8 s"), (59.9, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (-1, "0 s")]
)
def test_durations(seconds: float, said: str) -> None:
    assert _progress.duration(seconds) == said


def test_plain_lines_are_few_and_end_with_the_last(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(i * 0.5 for i in range(10_000))
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    with _progress.progress("rendering") as report:
        for done in range(1, 101):
            report(done, 100, "note")
    lines = capsys.readouterr().err.splitlines()
    assert 3 < len(lines) < 40
    assert lines[0].startswith("rendering 1/100")
    assert lines[-1] == "rendering 100/100  note"
    assert any(" left  note" in line for line in lines)


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with _progress.progress("rendering", quiet=True) as report:
        report(1, 1)
    assert capsys.readouterr() == ("", "")


def test_stages_are_told_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    with _progress.stages() as on_progress:
        on_progress("frames", 1, 1)
        on_progress("events", 0, 0)
        on_progress("events", 7, 7, "done")
    assert capsys.readouterr().err.splitlines() == ["frames 1/1", "events 0", "events 7/7  done"]
