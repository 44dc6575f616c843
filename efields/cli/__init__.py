"""The `efields` command: every file of this folder without a leading underscore is a verb.

A verb is a module with a docstring (its first line is the summary in `efields --help`), a frozen dataclass `Args` that
tyro turns into flags, and `run(args) -> int`, the exit code. Verbs import what is heavy inside `run`.
"""

from __future__ import annotations

import ast
import dataclasses
import errno
import importlib
import json
import logging
import math
import sys
import time
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path

from efields import signals
from efields.cli._flags import parsed
from efields.errors import InputError
from efields.plugins import allowing
from efields.settings import did_you_mean

STARTED: ContextVar[float] = ContextVar("STARTED")
"""When the command that runs was called, by the monotonic clock; `seconds_so_far` counts from then."""

LONGEST_WORD = 20_000
"""Characters of an argument: no path, list of numbers or option is longer."""
# The order in which a newcomer meets the verbs; others follow by name.
_FIRST = ("demo", "simulate", "info", "convert", "train", "evaluate", "render", "report", "doctor")


def verbs() -> dict[str, str]:
    """Each verb with its one-line summary, read without importing it."""
    names = [path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_")]
    ordered = sorted(names, key=lambda name: (_FIRST.index(name) if name in _FIRST else len(_FIRST), name))
    return {name: _summary(Path(__file__).with_name(f"{name}.py")) for name in ordered}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code: 0 done, 1 failed, 2 wrong input, 130 (143, 129) interrupted."""
    STARTED.set(time.monotonic())
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if words[0] in ("-V", "--version"):
        print(f"efields {importlib.import_module('efields').__version__}")
        return 0
    known = verbs()
    if len(longest := max(words, key=len)) > LONGEST_WORD:
        return _complain(f"an argument of {len(longest):,} characters: {longest}; no option takes such a long text")
    if words[0] not in known:
        return _complain(f"unknown command '{words[0]}'; {did_you_mean(words[0], known)}")
    return _run(words[0], words[1:], debug)


def _run(verb: str, words: list[str], debug: bool) -> int:
    """Parse the words of one verb, run it, and turn what it raises into an exit code."""
    _log_to_stderr(debug)
    try:
        module = importlib.import_module(f"efields.cli.{verb}")
        with signals.as_exceptions():
            args = parsed(verb, words)
            with allowing(also=getattr(args, "plugins", False)):
                return int(module.run(args))
    except SystemExit as stop:  # tyro has printed help (0) or what is wrong with the flags (2)
        return stop.code if isinstance(stop.code, int) else 2
    except KeyboardInterrupt as stop:
        return _complain(signals.said(stop), code=signals.exit_code(stop))
    except InputError as error:
        if debug:
            raise
        return _complain(str(error))
    except BrokenPipeError:  # the reader of our output has gone, as in `efields info x | head`
        sys.stdout = None
        return 0
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if debug or not (full or error.filename):
            raise
        what = "no space left" if full else str(error.strerror or error)
        do = "free some space and repeat the command" if full else "--debug shows more"
        return _complain(str(InputError(what, error.filename or "the disk", do)))


def seconds_so_far() -> float:
    """Wall time of the command that runs."""
    return time.monotonic() - STARTED.get()


def say(line: str) -> None:
    """Tell the user something beside the output."""
    print(f"efields: {line}", file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """Print one JSON value for use by scripts; dataclasses and paths are taken as they are, NaN becomes null."""
    print(json.dumps(_plain(value), indent=2, allow_nan=False))


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # a numpy or torch number or array
        return _plain(value.tolist())  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _summary(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", 1)[0].rstrip(".")


def _help() -> str:
    listed = verbs()
    width = max(map(len, listed), default=0) + 2
    lines = [f"  {name:<{width}}{summary}" for name, summary in listed.items()]
    return "\n".join(
        [
            "usage: efields COMMAND [options]",
            "",
            "From event-camera recordings to radiance fields.",
            "",
            *lines,
            "",
            "efields COMMAND --help lists the options of a command. --debug shows tracebacks, --version the version.",
        ]
    )


def _complain(line: str, code: int = 2) -> int:
    say(str(InputError(line)))  # cut where it is longer than anybody reads
    return code


def _log_to_stderr(debug: bool) -> None:
    """Show the package's warnings, one line each; with debug, everything it says."""
    logger = logging.getLogger("efields")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("efields: %(message)s"))
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    logger.propagate = False
