"""TOML tables fill frozen dataclasses strictly: an unknown key or a wrong type is an error that names the right one."""

from __future__ import annotations

import dataclasses
import difflib
import sys
import types
import typing
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from efields.errors import InputError
from efields.ranges import OutOfRange, check_value
from efields.text import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")

MOST_TOML = 1 << 24
"""Bytes of a file of settings; a larger one is something else."""


def did_you_mean(word: str, known: typing.Iterable[str]) -> str:
    """What to do about an unknown word: the nearest known one, else the list of all."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(names) or 'none'}"


def neighbour_or(path: str | Path, do: str) -> str:
    """What to do about a path where nothing is: the path that it nearly names, else `do`."""
    missing = Path(path).expanduser()
    if missing.exists():
        return do
    rest: list[str] = []
    while missing.name and not missing.parent.exists():
        rest.insert(0, missing.name)
        missing = missing.parent
    try:
        there = [entry.name for entry in missing.parent.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return do
    for near in difflib.get_close_matches(missing.name, there, n=3, cutoff=0.6):
        # Two short names are alike by their endings alone.
        alike = difflib.SequenceMatcher(None, missing.stem, Path(near).stem).ratio() >= 0.6
        if alike and (meant := missing.with_name(near).joinpath(*rest)).exists():
            return f"did you mean '{meant}'?"
    return do


def read_toml(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises `InputError` when the file is missing or is not TOML.
    """
    source = Path(path)
    try:
        if source.is_file() and source.stat().st_size > MOST_TOML:
            raise InputError(f"is larger than {MOST_TOML >> 20} MB", source, "give a file of settings")
        return tomllib.loads(read_text(source))
    except FileNotFoundError:
        raise InputError("no such file", source, neighbour_or(source, "give the path of a .toml file")) from None
    except OSError as error:
        raise InputError(f"cannot be read as TOML ({error})", source) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"is not valid TOML ({error})", source, "fix that line") from None
    except (ValueError, RecursionError):
        raise InputError("contains an absurd number or nesting", source, "write the intended value") from None


def fill(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Build the dataclass `cls` from a table, strictly.

    `where` names the table in errors. Raises `InputError` for an unknown or missing key, a value of another type, or a
    number outside its `Range`.
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls, include_extras=True)
    for key in table:
        if key not in fields:
            raise InputError(f"unknown key '{key}'", where, did_you_mean(key, fields))
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in table:
            raise InputError(f"missing key '{name}'", where, f"add a line '{name} = ...'")
    values = {key: _convert(value, hints[key], inside(where, key)) for key, value in table.items()}
    try:
        return cls(**values)
    except ValueError as error:
        raise InputError(str(error), where) from None
    except InputError as error:
        raise InputError(error.what, error.where or where, error.do) from None


def inside(where: str, key: str) -> str:
    """Where a key stands, for errors: `a.toml: train` in a file, `a.toml: train.steps` in a table of it."""
    return f"{where}: {key}" if where.endswith(".toml") else f"{where}.{key}"


def _convert(value: Any, hint: Any, where: str) -> Any:
    """One TOML value as the annotated type, its numbers in their ranges."""
    if typing.get_origin(hint) is typing.Annotated:
        taken = _convert(value, typing.get_args(hint)[0], where)
        check_value(taken, hint, where)
        return taken
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_union(value, args, where)
    if origin is typing.Literal:
        if value not in args:
            raise InputError(f"'{value}' is not allowed", where, did_you_mean(str(value), [str(a) for a in args]))
        return value
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise InputError("is a table, not a value", where, f"write it as [{where.split('.')[-1]}]")
        return fill(hint, value, where)
    if origin in (tuple, list):
        if not isinstance(value, list | tuple):
            raise InputError(f"takes a list, not {value!r}", where)
        if origin is tuple and args and args[-1] is not Ellipsis and len(args) != len(value):
            raise InputError(f"takes {len(args)} numbers, not {len(value)}", where)
        kinds = [args[0]] * len(value) if origin is list or args[-1] is Ellipsis else list(args)
        items = [_convert(v, k, f"{where}[{i}]") for i, (v, k) in enumerate(zip(value, kinds, strict=True))]
        return origin(items)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise InputError("is a table, not a value", where)
        return {key: _convert(item, args[1], f"{where}.{key}") for key, item in value.items()}
    return _convert_scalar(value, hint, where)


def _convert_union(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    kinds = tuple(k for k in kinds if k is not type(None))
    for position, kind in enumerate(kinds):
        try:
            return _convert(value, kind, where)
        except OutOfRange:
            raise
        except InputError:
            if position == len(kinds) - 1:
                raise
    return value


def _convert_scalar(value: Any, hint: Any, where: str) -> Any:
    if hint in (Any, object):
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise InputError("is too large a number", where) from None
    if isinstance(value, str) and any(unicodedata.category(c) == "Cc" and c not in "\n\t" for c in value):
        raise InputError("contains control characters", where, "write it again")
    if hint is Path and isinstance(value, str):
        return Path(value)
    if isinstance(hint, type) and isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool):
        return value
    wanted = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}
    name = getattr(hint, "__name__", str(hint))
    raise InputError(f"takes {wanted.get(name, name)}, not {value!r}", where)


def to_table(settings: Any) -> dict[str, Any]:
    """The dataclass as a plain table that TOML can hold: tuples as lists, paths as text, None left out."""

    def plain(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return to_table(value)
        if isinstance(value, Mapping):
            return {k: plain(v) for k, v in value.items() if v is not None}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        return str(value) if isinstance(value, Path) else value

    pairs = ((f.name, getattr(settings, f.name)) for f in dataclasses.fields(settings))
    return {name: plain(value) for name, value in pairs if value is not None}
