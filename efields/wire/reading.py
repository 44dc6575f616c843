"""Strict reading of JSON into dataclasses: the dataclass, or one line that says what is wrong and where."""

from __future__ import annotations

import dataclasses
import math
import sys
import types
import typing
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union

from efields.ranges import Range

T = TypeVar("T")


@dataclass(frozen=True)
class Rules:
    """How strict reading is."""

    unknown_keys: bool = True
    """Whether keys that the dataclass does not have are passed over."""
    longest: int | None = None
    """Entries of a list at most."""
    farthest: float = sys.float_info.max
    """Numbers beyond it are refused."""


class Refused(ValueError):
    """Its text is the line that says what is wrong."""


def read(kind: type[T], table: Any, where: str, rules: Rules) -> T:
    """The dataclass of a JSON object; `where` names it, empty for a whole document. Raises `Refused`."""
    if not isinstance(table, dict):
        raise Refused(f"{where or 'the document'} is not an object")
    known = fields_of(kind)
    if not rules.unknown_keys:
        for key in table:
            if key not in known:
                raise Refused(f"{where or 'the document'} has an unknown key {shown(key)}")
    values = {}
    for key, (field, hint) in known.items():
        if key in table:
            # A field that may be absent is not null instead.
            values[key] = _value(_present(hint) if field.default is None else hint, table[key], _at(where, key), rules)
        elif field.default is dataclasses.MISSING:
            raise Refused(f"{where or 'the document'} has no '{key}'")
    return kind(**values)


@lru_cache
def fields_of(kind: type) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    """Every field of a dataclass with its type, marks and all."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: (field, hints[field.name]) for field in dataclasses.fields(kind)}


def parts_of(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without its marks, and the marks."""
    if typing.get_origin(hint) is Annotated:
        plain, *marks = typing.get_args(hint)
        return plain, tuple(marks)
    return hint, ()


def choices_of(hint: Any) -> tuple[Any, ...]:
    """The types of a union, None left out; the type itself where it is none."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        return tuple(part for part in typing.get_args(hint) if part is not type(None))
    return (hint,)


def takes_none(hint: Any) -> bool:
    """Whether a type is a union with None."""
    return type(None) in typing.get_args(hint) and typing.get_origin(hint) in (Union, types.UnionType)


def tag_of(kind: Any) -> str:
    """The `kind` by which a dataclass is told from the others of a union."""
    return typing.get_args(fields_of(kind)["kind"][1])[0]


def shown(value: Any) -> str:
    """A value in a few characters, whatever it is."""
    text = repr(value) if isinstance(value, (str, int, float, bool, type(None))) and value == value else "that"
    text = text.encode("ascii", "replace").decode()
    return text if len(text) <= 40 else text[:37] + "..."


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _present(hint: Any) -> Any:
    return Union[choices_of(hint)]  # noqa: UP007 - of a tuple of types


def _value(hint: Any, value: Any, where: str, rules: Rules) -> Any:
    plain, marks = parts_of(hint)
    if takes_none(plain) and value is None:
        return None
    found = _unmarked(_choice(choices_of(plain), value, where), value, where, rules)
    for mark in marks:
        if isinstance(mark, Range):
            said = "" if found in mark else f"is {shown(found)}; it must be {_ends(mark)}"
        else:
            said = mark.problem(found)
        if said:
            raise Refused(f"{where} {said}")
    return found


def _ends(allowed: Range) -> str:
    both = not math.isinf(allowed.least) and not math.isinf(allowed.most)
    return f"{allowed.least:.10g} to {allowed.most:.10g}" if both else allowed.words


def _choice(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    """The type of a union that a value is of: a list, an object by its `kind`, or what is left."""
    if len(choices) == 1:
        return choices[0]
    lists = [hint for hint in choices if typing.get_origin(parts_of(hint)[0]) is tuple]
    objects = {tag_of(hint): hint for hint in choices if dataclasses.is_dataclass(hint)}
    if isinstance(value, list) and lists:
        return lists[0]
    if not objects:
        return next(hint for hint in choices if hint not in lists)
    if not isinstance(value, dict):
        raise Refused(f"{where} is not an object")
    if not isinstance(value.get("kind"), str) or value["kind"] not in objects:
        raise Refused(f"{where}.kind is {shown(value.get('kind'))}; known are {', '.join(objects)}")
    return objects[value["kind"]]


def _unmarked(hint: Any, value: Any, where: str, rules: Rules) -> Any:
    plain, marks = parts_of(hint)
    if marks:  # a marked type within a union
        return _value(hint, value, where, rules)
    origin, inner = typing.get_origin(plain), typing.get_args(plain)
    if origin is Literal:
        if not isinstance(value, str) or value not in inner:
            raise Refused(f"{where} is {shown(value)}; known are {', '.join(inner)}")
        return value
    if origin is tuple:
        return _entries(inner, value, where, rules)
    if origin is dict:
        if not isinstance(value, dict):
            raise Refused(f"{where} is not an object")
        return value
    if dataclasses.is_dataclass(plain):
        return read(typing.cast(type, plain), value, where, rules)
    return _plain(plain, value, where, rules)


def _entries(inner: tuple[Any, ...], value: Any, where: str, rules: Rules) -> tuple[Any, ...]:
    many = inner[-1] is Ellipsis
    each = inner[:1] * len(value) if isinstance(value, list) and many else inner
    too_long = isinstance(value, list) and rules.longest is not None and len(value) > rules.longest
    if not isinstance(value, list) or len(value) != len(each) or too_long:
        what = (
            f"{len(inner)}" if not many else "numbers" if choices_of(parts_of(inner[0])[0])[0] is float else "entries"
        )
        raise Refused(f"{where} is not a list of {what}")
    return tuple(
        _value(part, item, f"{where}[{k}]", rules) for k, (part, item) in enumerate(zip(each, value, strict=True))
    )


def _plain(hint: Any, value: Any, where: str, rules: Rules) -> Any:
    if hint is Any:
        return value
    if hint in (bool, str):
        if not isinstance(value, hint):
            raise Refused(f"{where} is not {'true or false' if hint is bool else 'a text'}")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused(f"{where} is not a number")
    if hint is int:
        if not isinstance(value, int):
            raise Refused(f"{where} is not a whole number")
        return value
    # Compared before it is converted: an integer of a thousand digits has no float.
    if not (-rules.farthest <= value <= rules.farthest):
        raise Refused(f"{where} is not a finite number of reasonable size")
    return float(value)
