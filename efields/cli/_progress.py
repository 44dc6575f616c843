"""How a long job shows where it is: a live bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from efields.train import Progress

PLAIN_INTERVAL_S = 10.0


class Report(Protocol):
    """What a job calls as it goes on."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Say that `done` of `total` parts are done (a total of 0: nobody knows how many), with a few words."""
        ...


@contextmanager
def progress(title: str, quiet: bool = False, percent: bool = False) -> Iterator[Report]:
    """Show the progress of one job under `title` on standard error while the block runs; nothing when quiet.

    In `percent` where the numbers of parts mean nothing to a person.
    """
    if quiet:
        yield _ignore
    elif sys.stderr.isatty():
        with _live(title, percent) as report:
            yield report
    else:
        yield _Lines(title, percent)


@contextmanager
def stages(quiet: bool = False) -> Iterator[Callable[..., None]]:
    """Gives what a job of several stages calls with the stage, the parts that are done, all of them, and a note."""
    with ExitStack() as bars:
        shown: dict[str, Report] = {}

        def on_progress(stage: str, done: int, total: int, note: str = "") -> None:
            if stage not in shown:
                bars.close()  # one bar at a time
                shown[stage] = bars.enter_context(progress(stage, quiet))
            shown[stage](done, total, note)

        yield on_progress


class TrainingReport:
    """Turns the progress of training into a report that keeps the newest held-out number in sight."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._heldout = ""

    def __call__(self, now: Progress) -> None:
        """Show one step."""
        if now.psnr_heldout is not None:
            self._heldout = f"  held out {now.psnr_heldout:.2f} dB"
        note = f"loss {now.loss:.4f}  {now.rays_per_s:,.0f} rays/s{self._heldout}"
        self._report(now.step, now.steps, note)


def duration(seconds: float) -> str:
    """Seconds as a person says them: 8 s, 3 min 05 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _ignore(done: int, total: int, note: str = "") -> None:
    """Show nothing."""


class _Pace:
    """Time left, from the speed since the first call, which need not be at zero: a job may be resumed."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def left_s(self, done: int, total: int) -> float | None:
        """Seconds left, None while nothing can be said."""
        if total == 0:
            return None
        now = time.monotonic()
        if self._first is None or done < self._first[1]:
            self._first = (now, done)
        began, at = self._first
        return (now - began) / (done - at) * (total - done) if done > at else None


class _Lines:
    """Plain lines at most every `PLAIN_INTERVAL_S`, and the last one."""

    def __init__(self, title: str, percent: bool) -> None:
        self._percent = percent
        self._title, self._pace, self._shown = title, _Pace(), time.monotonic() - PLAIN_INTERVAL_S
        self._complete = False

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Print a line if it is time for one."""
        left = self._pace.left_s(done, total)
        finished = 0 < total <= done and not self._complete
        if not finished and time.monotonic() - self._shown < PLAIN_INTERVAL_S:
            return
        self._shown, self._complete = time.monotonic(), 0 < total <= done
        ahead = "" if left is None or done >= total else f"  {duration(left)} left"
        amount = f"{100 * done // total} %" if self._percent and total else f"{done}/{total}" if total else f"{done}"
        print("  ".join(filter(None, (f"{self._title} {amount}{ahead}", note))), file=sys.stderr, flush=True)


@contextmanager
def _live(title: str, percent: bool) -> Iterator[Report]:
    """A bar with the time gone, the time left and a note."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn() if percent else MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[note]}"),
    )
    pace = _Pace()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=None, left="", note="")

        def report(done: int, total: int, note: str = "") -> None:
            left = pace.left_s(done, total)
            ahead = "" if left is None or done >= total else f"{duration(left)} left"
            bar.update(task, completed=done, total=total or None, left=ahead, note=note)

        yield report
