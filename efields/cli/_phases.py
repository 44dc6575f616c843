"""One progress over all phases of a command, by time: percent done, and an honest time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from efields.cli._progress import Report, progress

PARTS = 100_000
"""What the whole command counts as in the progress."""


class Phases:
    """Tells a report how far a command is that goes through phases of known order.

    The phase that runs is judged by its own speed, those to come by guesses in seconds.
    """

    def __init__(self, report: Report, guesses: Mapping[str, float]) -> None:
        self._report, self._left = report, dict(guesses)
        self._began = time.monotonic()
        self._shown = 0

    def phase(self, name: str) -> Callable[[int, int], None]:
        """Begin a phase; gives what is called with the parts that are done and all of them."""
        names = list(self._left)
        for earlier in names[: names.index(name)]:
            self._left[earlier] = 0.0
        began, guess = time.monotonic(), self._left[name]

        def tell(done: int, total: int) -> None:
            spent = time.monotonic() - began
            self._left[name] = spent * (total - done) / done if done > 0 else max(guess - spent, 0.0)
            self._tell(name)

        tell(0, 1)
        return tell

    def _tell(self, name: str) -> None:
        spent, left = time.monotonic() - self._began, sum(self._left.values())
        part = int(PARTS * spent / (spent + left)) if spent + left > 0 else 0
        self._shown = min(max(self._shown, part), PARTS - 1)
        self._report(self._shown, PARTS, name)

    def done(self) -> None:
        """Say that everything is done."""
        self._report(PARTS, PARTS)


@contextmanager
def phases(title: str, quiet: bool, guesses: Mapping[str, float]) -> Iterator[Phases]:
    """Show one progress in percent over the phases of a command, with guesses of their seconds in their order."""
    with progress(title, quiet, percent=True) as report:
        shown = Phases(report, guesses)
        yield shown
        shown.done()
