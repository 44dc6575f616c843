"""Options of a loader as commands take them: `--salvage`, `--width`, `--height`, `--time-unit`, `--option`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from efields.errors import InputError

TimeUnit = Literal["s", "ms", "us", "ns"]
"""What --time-unit takes."""


def loader_options(
    kind: str | None,
    words: Iterable[str],
    *,
    salvage: bool = False,
    width: int | None = None,
    height: int | None = None,
    time_unit: str | None = None,
) -> dict[str, Any]:
    """What the flags say to the loader of that kind; `salvage` only where it is one of its options.

    Raises `InputError` for a word that is not `name=value`.
    """
    from efields.loaders import loader

    options = dict(map(_assignment, words))
    given = ("width", width), ("height", height), ("time_unit", time_unit)
    if time_unit is not None and kind is not None and "time_unit" not in loader(kind).Config.__dataclass_fields__:
        raise InputError(f"--time-unit is '{time_unit}'", do=f"leave it out: the format of '{kind}' says its unit")
    options |= {name: value for name, value in given if value is not None}
    if salvage and (kind is None or hasattr(loader(kind).Config, "salvage")):
        options["salvage"] = True
    return options


def _assignment(word: str) -> tuple[str, Any]:
    """Name and value of `name=value`: a number or true and false where it reads like one, else a text."""
    name, equals, text = word.partition("=")
    if not (name and equals):
        raise InputError(f"--option is '{word}'", do="give name=value, such as --option salvage=true")
    if text in ("true", "false"):
        return name, text == "true"
    for number in (int, float):
        try:
            return name, number(text)
        except ValueError:
            continue
    return name, text
