"""Flags for reading a recording whose files leave something open: the same in every command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro

from efields.errors import InputError
from efields.ranges import Pixels

TimeUnit = Literal["s", "ms", "us", "ns"]
"""What --time-unit takes."""


@dataclass(frozen=True)
class Reading:
    """How to read a recording whose files leave something open."""

    kind: str | None = None
    """Loader to use, if the files do not determine it."""
    salvage: bool = False
    """Read the intact part of a damaged file, and report what was lost."""
    width: Pixels | None = None
    """Width of the sensor in pixels, if the file does not say."""
    height: Pixels | None = None
    """Height of the sensor in pixels, if the file does not say."""
    time_unit: TimeUnit | None = None
    """Unit of the events' times, if the file does not say."""
    option: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """An option of the loader, `name=value`, such as columns='t x y p'; may be repeated."""


def loader_options(kind: str | None, reading: Reading) -> dict[str, Any]:
    """What the flags say to the loader of that kind; `salvage` only where it is one of its options.

    Raises `InputError` for a word that is not `name=value`.
    """
    from efields.loaders import loader

    options = dict(map(_assignment, reading.option))
    given = (("width", reading.width), ("height", reading.height), ("time_unit", reading.time_unit))
    if reading.time_unit and kind is not None and "time_unit" not in loader(kind).Config.__dataclass_fields__:
        do = f"leave it out: the format of '{kind}' defines its unit"
        raise InputError(f"--time-unit is '{reading.time_unit}'", do=do)
    options |= {name: value for name, value in given if value is not None}
    if reading.salvage and (kind is None or hasattr(loader(kind).Config, "salvage")):
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
