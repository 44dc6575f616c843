"""Requests to end: exceptions that leave nothing half-written, flags that cut no step, and what is ignored stays so."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from efields import atomic
from efields.signals import REQUESTS, Stopped, as_exceptions, as_flag, exit_code


@pytest.mark.parametrize("number", REQUESTS)
def test_a_request_while_writing_leaves_what_was_there(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "whole").touch()

    def write() -> None:
        with as_exceptions(), atomic.replacing(folder) as part:
            part.mkdir()
            (part / "half").touch()
            signal.raise_signal(number)

    with pytest.raises(Stopped) as stop:
        write()
    assert exit_code(stop.value) == 128 + number
    assert [path.name for path in tmp_path.iterdir()] == ["frames"] and (folder / "whole").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, *REQUESTS])
def test_the_first_sets_the_flag_and_the_second_acts_as_outside(number: signal.Signals) -> None:
    before = signal.getsignal(number)

    def work() -> None:
        with as_exceptions(), as_flag() as flag:
            assert not flag.is_set()
            signal.raise_signal(number)
            assert flag.is_set() and flag.number == number
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt) as stop:
        work()
    assert exit_code(stop.value) == 128 + number
    assert signal.getsignal(number) is before


def test_what_nohup_ignores_stays_ignored() -> None:
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None:
        pytest.skip("no SIGHUP on this system")
    before = signal.signal(hangup, signal.SIG_IGN)
    try:
        with as_exceptions(), as_flag() as flag:
            signal.raise_signal(hangup)
            assert not flag.is_set()
    finally:
        signal.signal(hangup, before)


def test_what_a_shell_started_in_the_background_is_stopped_by_an_interrupt() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with as_flag() as flag:
            signal.raise_signal(signal.SIGINT)
            assert flag.is_set()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
