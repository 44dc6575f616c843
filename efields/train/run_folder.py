"""The folder of a training: no other process trains in it, and no existing run is lost unasked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from efields.errors import InputError
from efields.locks import Busy
from efields.train.checkpoint import read_checkpoint
from efields.train.run import Run

RUNS = Path("runs")


@contextmanager
def run_folder(config: Path, named: Path | None, *, resume: bool, overwrite: bool) -> Iterator[Run]:
    """Lock the folder of a training: the one that was named, else one after the config's name.

    Without a name, an existing run is left alone and the next free name is used; a config of a run folder
    names that folder. Raises `InputError` for a run that is there and shall neither be resumed nor overwritten, one
    that another process trains in, and nothing to resume.
    """
    path = named or (config.parent if config.name == "config.toml" else RUNS / config.stem)
    if resume and overwrite:
        raise InputError("--resume and --overwrite exclude each other", do="choose whether to keep the existing run")
    if not (resume or overwrite or named is not None):
        with _next_run(path) as run:
            yield run
        return
    run = Run(path)
    if resume and not run.checkpoint_path.exists():
        raise InputError("has no checkpoint to continue from", path, "train without --resume")
    with run.held_for_training():
        if not (resume or overwrite) and (run.holds_results or run.config_path.exists()):
            do = "continue it with --resume, replace it with --overwrite, or give another folder"
            raise InputError("a run exists there already", path, do)
        yield run


@contextmanager
def _next_run(path: Path) -> Iterator[Run]:
    """Hold the run folder `path`, or the first of `path-2`, `path-3`, ... where no run is and nobody trains."""
    for number in itertools.count(1):
        run = Run(path if number == 1 else path.with_name(f"{path.name}-{number}"))
        with ExitStack() as held:
            try:
                if not run.holds_results:
                    held.enter_context(run.held_for_training())
            except Busy:
                continue
            if run.holds_results:  # also when it was finished just now
                continue
            yield run
            return


def finished(run: Run, steps: int, asked: int | None) -> int | None:
    """The steps that are done when a run shall go on to no more `steps` than these; None where some are left to train.

    Raises `InputError` when fewer steps were `asked` for on the command line than are done.
    """
    done = read_checkpoint(run.checkpoint_path)["loop"]["step"]
    if asked is not None and asked < done:
        raise InputError(f"--steps {asked}, but {done} steps are done already", run.path, f"give more than {done}")
    return done if done >= steps else None
