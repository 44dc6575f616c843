"""Ranges of numbers, which stand beside the option: `level: Annotated[int, Range(1, 32)] = 16`, or `seed: Seed = 0`.

They are checked for every table of TOML (`efields.settings.fill`), for every command's flags (`efields.cli`), and where
a dataclass says `__post_init__ = check_ranges`. Ranges that many options share have names.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any

from efields.errors import InputError


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers that an option takes; NaN is never one, infinity only where it is allowed."""

    least: float = -math.inf
    """Smallest number that is in it."""
    most: float = math.inf
    """Largest number that is in it."""
    _: dataclasses.KW_ONLY
    above: float = -math.inf
    """Number that all in it are larger than."""
    below: float = math.inf
    """Number that all in it are smaller than."""
    infinite: bool = False
    """Whether infinity is in it too, for no end."""

    def __contains__(self, number: float) -> bool:
        if number in (math.inf, -math.inf):
            return self.infinite and number == math.inf
        high_enough = self.least <= number and (self.above < number or self.above == -math.inf)
        return high_enough and number <= self.most and (number < self.below or self.below == math.inf)

    @property
    def words(self) -> str:
        """What to give, in plain words, such as `1 or more` or `a number above 0, up to 0.9`."""
        least, most, above, below = (_written(end) for end in (self.least, self.most, self.above, self.below))
        if least and most:
            said = f"a number from {least} to {most}"
        elif least:
            said = f"{least} or more" + (f", below {below}" if below else "")
        elif above:
            said = f"a number above {above}" + (f", up to {most}" if most else f", below {below}" if below else "")
        else:
            said = f"{most} or less" if most else f"a number below {below}" if below else "a finite number"
        return said + ", or inf" * self.infinite


Seed = Annotated[int, Range(0, 2**63 - 1)]
"""What starts random draws."""
Threads = Annotated[int, Range(0, 4096)]
"""CPU threads; 0: all cores."""
Steps = Annotated[int, Range(1, 10**9)]
"""Steps of an optimiser."""
Pixels = Annotated[int, Range(1, 65536)]
"""Columns or rows of a sensor or picture."""
PixelsOrUnknown = Annotated[int, Range(0, 65536)]
"""Columns or rows of a sensor; 0 where the file tells."""
EveryNth = Annotated[int, Range(1, 10**9)]
"""One of how many is taken."""
Port = Annotated[int, Range(0, 65535)]
"""Port of a web page; 0 takes any that is free."""
Finite = Annotated[float, Range(-1e12, 1e12)]
"""Any number that arithmetic can go on with, such as seconds from the start."""
Positive = Annotated[float, Range(above=0, most=1e12)]
"""A number above zero, such as a rate or a duration."""
NotNegative = Annotated[float, Range(0, 1e12)]
"""Zero or more, such as a weight or a noise level."""
Threshold = Annotated[float, Range(above=0, most=100)]
"""A contrast threshold, in log intensity."""
Microseconds = Annotated[float, Range(0, 1e9)]
"""A short time, such as a refractory period."""
Share = Annotated[float, Range(0, 1)]
"""A part of a whole."""


class OutOfRange(InputError):
    """A number outside the `Range` of its option: `name` is the option's, as the dataclass calls it."""

    def __init__(self, name: str, value: float, allowed: Range) -> None:
        self.name, self.value, self.allowed = name, value, allowed
        super().__init__(f"{name} = {_written(value) or value}", do=f"give {allowed.words}")


def check_ranges(settings: Any) -> None:
    """Check every number of a dataclass, and of those inside it; serves as a `__post_init__` too.

    Raises `OutOfRange` with the name of the first that is outside its `Range`, such as `train.steps` or `target[1]`.
    """
    for name, value, allowed in _numbers_of(settings, ""):
        if value not in allowed:
            raise OutOfRange(name, value, allowed)


def check_value(value: Any, hint: Any, name: str) -> None:
    """Check the numbers in a value of the annotated type; raises `OutOfRange` with the name."""
    for place, number, allowed in _numbers(value, hint, name, None):
        if number not in allowed:
            raise OutOfRange(place, number, allowed)


def _numbers_of(settings: Any, before: str) -> Iterator[tuple[str, float, Range]]:
    for name, hint in _hints(type(settings)).items():
        yield from _numbers(getattr(settings, name), hint, f"{before}{name}", None)


def _numbers(value: Any, hint: Any, name: str, allowed: Range | None) -> Iterator[tuple[str, float, Range]]:
    """Name, number and range of every number in a value that has one."""
    if typing.get_origin(hint) is typing.Annotated:
        hint, *marks = typing.get_args(hint)
        allowed = next((mark for mark in marks if isinstance(mark, Range)), allowed)
    parts = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        yield from next(filter(None, (list(_numbers(value, part, name, allowed)) for part in parts)), ())
    elif dataclasses.is_dataclass(value):
        yield from _numbers_of(value, f"{name}.")
    elif isinstance(value, tuple | list):
        each = len(parts) == len(value) and Ellipsis not in parts
        for at, item in enumerate(value):
            yield from _numbers(item, parts[at] if each else parts[0] if parts else Any, f"{name}[{at}]", allowed)
    elif isinstance(value, numbers.Real) and not isinstance(value, bool) and allowed is not None:
        yield name, typing.cast(float, value), allowed


@functools.cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _written(number: float) -> str:
    """The number as a user writes it; nothing for an end that is open."""
    if isinstance(number, int):
        digits = str(number)
        return digits if len(digits) < 25 else f"{digits[:6]}... ({len(digits)} digits)"
    return "" if math.isinf(number) else f"{number:.10g}"
