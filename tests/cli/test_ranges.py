"""Every number that a command takes has a range beside it, and what is outside ends in one line before any work."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from efields import cli
from efields.errors import InputError
from tests.numbers_of import numbers_without_range, takes_numbers

VERBS = tuple(cli.verbs())
TRIED = ("nan", "inf", "-inf", "0", "-1", "1e30", "1" + "0" * 30)
# The least words with which each command starts.
NEEDED = {
    "bench": ["kernels"], "convert": ["a", "b"], "demo": [], "doctor": [], "egomotion": ["a"], "evaluate": ["a"],
    "export": ["a"], "flow": ["a"], "info": ["a"], "render": ["a"], "report": ["a"], "simulate": ["a"], "train": ["a"],
    "view": ["a"],
}  # fmt: skip


def options_of(verb: str) -> Iterator[tuple[str, Any, str]]:
    """Name, type and flag of every option of a command, those of nested settings too."""

    def below(cls: type[Any]) -> Iterator[tuple[str, Any, str]]:
        hints = typing.get_type_hints(cls, include_extras=True)
        for field in dataclasses.fields(cls):
            inner = typing.get_args(hints[field.name])[:1] or (hints[field.name],)
            if dataclasses.is_dataclass(inner[0]):
                yield from below(typing.cast("type[Any]", inner[0]))
            else:
                yield field.name, hints[field.name], "--" + field.name.replace("_", "-")

    yield from below(importlib.import_module(f"efields.cli.{verb}").Args)


@pytest.mark.parametrize("verb", VERBS)
def test_every_number_has_a_range(verb: str) -> None:
    assert [name for name, hint, _ in options_of(verb) if numbers_without_range(hint)] == []


def parsed(verb: str, word: str) -> str:
    """What is said about a word after those that the command needs; nothing where it is taken."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            cli.parsed(verb, [*NEEDED.get(verb, []), word])
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("verb", VERBS)
def test_every_number_is_taken_in_its_range_or_told_before_the_command_runs(verb: str) -> None:
    for _, hint, flag in options_of(verb):
        for value in TRIED if takes_numbers(hint) else ():
            said = parsed(verb, f"{flag}={value}")
            assert flag in said if said else value in ("0", "-1"), f"{verb} {flag}={value}: {said or 'is taken'}"


def test_the_check_sees_an_option_without_a_range() -> None:
    assert numbers_without_range(int | None) and numbers_without_range(tuple[float, ...])
    assert not numbers_without_range(typing.Literal[0, 90]) and not numbers_without_range(Path | None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("egomotion none --window-events 0", "--window-events 0; give a number from 1 to 100000000"),
        ("flow none --window-events -5", "--window-events -5; give a number from 1 to 100000000"),
        ("flow none --start nan", "--start nan; give a number from 0 to 1e+12"),
        ("egomotion none --window-px -1", "--window-px -1.0; give a number from 0 to 10000"),
        ("egomotion none --seconds-per-window -1", "--seconds-per-window -1.0; give a number above 0, up to 1000000"),
        ("egomotion none --pivot nan", "--pivot nan; give a number from 0 to 10"),
        ("convert none out.npz --hot-rate-hz nan", "--hot-rate-hz nan; give a number above 0, up to 1e+12"),
        ("train none --seed -1", "--seed -1; give a number from 0 to 9223372036854775807"),
        ("train none --seed 1.5", "--seed 1.5; give a whole number"),
        ("train none --steps=nan", "--steps nan; give a whole number"),
        ("egomotion none --pivot near", "--pivot near; give a number, or auto"),
        ("simulate none --c-pos x", "--c-pos x; give a number"),
        ("train none --threads 1000000000", "--threads 1000000000; give a number from 0 to 4096"),
        ("view none --port 70000", "--port 70000; give a number from 0 to 65535"),
        ("simulate none --refractory-us inf", "--refractory-us inf; give a number from 0 to 1000000000"),
    ],
)
def test_what_is_told_at_the_command_line(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words.split()) == 2
    assert capsys.readouterr().err == f"efields: {said}\n"
