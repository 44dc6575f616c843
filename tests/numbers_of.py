"""Which numbers a type holds, and whether each has a `Range`: what the tests of commands and configs go by."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

from efields.ranges import Range


def _marks(hint: Any, marked: bool = False) -> Iterator[bool]:
    """Of every number in the type, whether it has a range; those of a dataclass inside are its own affair."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        yield from _marks(parts[0], marked or any(isinstance(part, Range) for part in parts[1:]))
    elif hint in (int, float):
        yield marked
    elif origin is not typing.Literal and not dataclasses.is_dataclass(hint):
        for part in parts:
            yield from _marks(part, marked)


def takes_numbers(hint: Any) -> bool:
    """Whether a value of the type can hold a number that is not one of a few."""
    return any(True for _ in _marks(hint))


def numbers_without_range(hint: Any) -> bool:
    """Whether any number in it has no range."""
    return not all(_marks(hint))
