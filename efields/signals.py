"""Ctrl-C and the system's requests to end: an exception in every command, a flag where work must not be interrupted.

All handling of signals is here.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

REQUESTS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
"""Requests to end, beside Ctrl-C: from another process, of a terminal that closes, of a console of Windows."""


class Stopped(KeyboardInterrupt):
    """The process was asked to end by a signal; as Ctrl-C, it passes every `except Exception`."""

    def __init__(self, number: int, said: str = "stopped") -> None:
        super().__init__(f"signal {number}")
        self.number, self.said = number, said


@contextlib.contextmanager
def saying(words: str) -> Iterator[None]:
    """A request to end that comes in the block says `words` to the user."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Stopped(exit_code(stop) - 128, words) from stop


def said(stop: KeyboardInterrupt) -> str:
    """What the user is told of this end."""
    return stop.said if isinstance(stop, Stopped) else "stopped"


def exit_code(stop: KeyboardInterrupt) -> int:
    """What a shell says of a process that this signal ended: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


class StopFlag:
    """Whether somebody asked to end."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.number: int = signal.SIGINT
        """The signal that asked."""

    def is_set(self) -> bool:
        """Whether one has come."""
        return self._event.is_set()

    def set(self, number: int = signal.SIGINT) -> None:
        """Ask to end."""
        self.number = number
        self._event.set()


@contextlib.contextmanager
def as_exceptions() -> Iterator[None]:
    """While the block runs, a request to end raises `Stopped`, so that nothing half-written is left behind."""

    def stop(number: int) -> None:
        raise Stopped(number)

    with _handled(REQUESTS, stop):
        yield


@contextlib.contextmanager
def as_flag() -> Iterator[StopFlag]:
    """While the block runs, Ctrl-C or a request to end sets the flag; a second one acts as outside of the block."""
    flag = StopFlag()
    with _handled((signal.SIGINT, *REQUESTS), flag.set):
        yield flag


@contextlib.contextmanager
def _handled(numbers: tuple[int, ...], on_signal: Callable[[int], None]) -> Iterator[None]:
    """Call `on_signal` at the first of these signals, then handle all as before; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    # What `nohup` has made ignored stays so; shells let all that they start in the background ignore Ctrl-C, which
    # means the terminal's and not that of `kill -INT`.
    left_alone = {number for number in REQUESTS if before.get(number) is signal.SIG_IGN}
    before = {number: to for number, to in before.items() if to is not None and number not in left_alone}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, _frame: Any) -> None:
        restore()
        on_signal(number)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
