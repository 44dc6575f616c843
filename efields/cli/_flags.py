"""The words of a command as its `Args`: tyro reads them, and numbers that are invalid or out of range give one line."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import re
import typing
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from efields.errors import InputError
from efields.ranges import OutOfRange, check_ranges

_NUMBERS = {int: "a whole number", float: "a number"}


def parsed(verb: str, words: Sequence[str]) -> Any:
    """The words of a verb as its `Args`, every number in its range.

    Raises `InputError` for what is no number or not in its range, and `SystemExit` when tyro has said what else is
    wrong, or has printed the help.
    """
    module = importlib.import_module(f"efields.cli.{verb}")
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            args = _read(module, verb, words)
        check_ranges(args)
    except OutOfRange as error:
        flag = _flag(error.name.split(".")[-1].split("[")[0])
        raise InputError(f"{flag} {error.value}", do=f"give {error.allowed.words}") from None
    except SystemExit as stop:
        if stop.code != 2:
            raise
        _tell_number(module.Args, words, said.getvalue())
        return _read(module, verb, words)  # again, for tyro's own words on the terminal
    return args


def _read(module: Any, verb: str, words: Sequence[str]) -> Any:
    import tyro

    return tyro.cli(
        module.Args,
        prog=f"efields {verb}",
        description=(module.__doc__ or "").strip(),
        args=words,
        config=(tyro.conf.FlagCreatePairsOff,),
    )


def _tell_number(args: type[Any], words: Sequence[str], said: str) -> None:
    """Raise `InputError` where tyro's words are about an option that takes a number, and got something else."""
    found = re.search(r"Error parsing (--[\w-]+)", said)
    wanted = None if found is None else dict(_number_options(args)).get(found[1])
    if found is None or wanted is None:
        return
    flag = found[1]
    given = [word.partition("=")[2] for word in words if word.startswith(f"{flag}=")]
    given += [after for word, after in pairwise(words) if word == flag]
    if given:
        raise InputError(f"{flag} {given[-1]}", do=f"give {wanted}")


def _number_options(cls: type[Any]) -> Iterator[tuple[str, str]]:
    """Flag and kind of number of each option that takes one."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            yield from _number_options(hint)
        parts = (hint, *typing.get_args(hint))
        chosen = [f", or {word}" for part in parts for word in typing.get_args(part) if isinstance(word, str)]
        for part in parts:
            if part in _NUMBERS:
                yield _flag(field.name), _NUMBERS[part] + "".join(chosen)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
