"""One progress over all phases: it never falls, and the time left is right."""

from __future__ import annotations

import pytest

from efields.cli import _phases, _progress


class Clock:
    """A clock that moves when told."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def test_percent_and_time_left_over_all_phases(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(_phases, "time", clock)
    monkeypatch.setattr(_progress, "time", clock)
    with _phases.phases("flow", False, {"estimating": 20.0, "maps": 80.0}) as shown:
        tell = shown.phase("estimating")
        for done in range(1, 5):
            # It takes twice as long as was guessed.
            clock.now += 10.0
            tell(done, 4)
        tell = shown.phase("maps")
        for done in range(1, 101):
            clock.now += 0.8
            tell(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "flow 0 %  estimating"
    percents = [int(line.split()[1]) for line in lines]
    assert percents == sorted(percents) and percents[-1] == 100
    # 40 s of 120 s are gone: a third, and 80 s are left.
    assert any(line.startswith("flow 33 %  1 min 20 s left  estimating") for line in lines)
    ahead = [line for line in lines if line.endswith("left  maps")]
    assert len(ahead) > 5 and not any("100 %" in line for line in ahead)
