"""Feed damaged files to a reader: `python -m tests.fuzz.run KIND --count 20000 --seconds 300`.

A reader may load the file or refuse it by an `InputError` of one line that names it. Anything else is a failure:
another exception, more than `SLOW_S` seconds, more memory than `MEMORY` bytes above what the process had.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from efields.errors import InputError
from efields.formats.damages import Damages
from efields.loaders import kinds, load, loader, open_events
from tests.contracts.samples import LOADERS
from tests.fuzz.mutate import mutated

SLOW_S = 5
MEMORY = 2 << 30


@dataclasses.dataclass
class Outcome:
    """What became of the damaged files."""

    loaded: int = 0
    refused: int = 0
    failures: list[str] = dataclasses.field(default_factory=list)

    @property
    def files(self) -> int:
        return self.loaded + self.refused + len(self.failures)


class Slow(BaseException):
    """Raised by the alarm; no reader catches it."""


def fuzz(kind: str, count: int, seconds: float, seed: int, folder: Path) -> Outcome:
    """Load up to `count` damaged samples of a kind, for at most so many seconds."""
    sample = LOADERS[kind](folder / "sample")
    files = [sample] if sample.is_file() else sorted(path for path in sample.rglob("*") if path.is_file())
    intact = {path: path.read_bytes() for path in files}
    rng, outcome = np.random.default_rng(seed), Outcome()
    salvages = "salvage" in {field.name for field in dataclasses.fields(loader(kind).Config)}
    until = time.monotonic() + seconds
    while outcome.files < count and time.monotonic() < until and len(outcome.failures) < 20:
        path = files[int(rng.integers(len(files)))]
        damaged = mutated(intact[path], rng)
        path.write_bytes(damaged)
        options = {"salvage": True} if salvages and rng.random() < 0.5 else {}
        _one(kind, sample, options, rng.random() < 0.5, outcome, f"seed {seed}, file {outcome.files}, {path.name}")
        path.write_bytes(intact[path])
    return outcome


def _one(kind: str, sample: Path, options: dict[str, bool], one_pass: bool, outcome: Outcome, where: str) -> None:
    try:
        with watched():
            if one_pass:
                file = open_events(sample, kind, **options)
                for _ in file.events(Damages(file.path, bool(options))):
                    pass
                file.side_streams(Damages(file.path, bool(options)))
            else:
                load(sample, kind, **options)
        outcome.loaded += 1
    except InputError as error:
        if "\n" in str(error) or str(sample.parent) not in str(error):
            outcome.failures.append(f"{where}: not one line that names the file: {error}")
        else:
            outcome.refused += 1
    except Slow:
        outcome.failures.append(f"{where}: more than {SLOW_S} s")
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        lines = traceback.format_exception(error)
        outcome.failures.append(f"{where} {options}: {lines[-1].strip()} in {lines[-2].strip()[:200]}")


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Raises `Slow` when the block takes more than `SLOW_S` seconds, once `guarded` was called."""
    signal.setitimer(signal.ITIMER_REAL, SLOW_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def guarded() -> None:
    """Let slow readers be stopped, greedy ones run out of memory, and chatty ones be silent."""

    def on_alarm(_number: int, _frame: object) -> None:
        raise Slow

    signal.signal(signal.SIGALRM, on_alarm)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=[])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for kind in args.kinds or kinds():  # loads what readers import, before memory is limited
        with tempfile.TemporaryDirectory() as folder:
            load(LOADERS[kind](Path(folder) / "sample"), kind)
    guarded()
    failed = 0
    for kind in args.kinds or kinds():
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            outcome = fuzz(kind, args.count, args.seconds, args.seed, Path(folder))
        print(
            f"{kind:<16}{outcome.files:>7} files: {outcome.loaded} loaded, {outcome.refused} refused, "
            f"{len(outcome.failures)} failures, {time.monotonic() - began:.0f} s",
            flush=True,
        )
        for failure in outcome.failures:
            print(f"    {failure}")
        failed += len(outcome.failures)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
