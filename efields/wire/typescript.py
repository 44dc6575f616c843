"""The same dataclasses in TypeScript: their types, and readers made of the functions of viewer/src/scene/check.ts."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import math
import textwrap
import typing
from collections.abc import Callable
from typing import Any, Literal

from efields.ranges import Range
from efields.wire.marks import BlobName, Channels, Corners, Entries, InOrder, UnitLength
from efields.wire.reading import choices_of, fields_of, parts_of, tag_of, takes_none

Name = Callable[[type], str]
"""What a dataclass is called in TypeScript."""
PLAIN = {int: "number", float: "number", str: "string", bool: "boolean"}
MARKS = {Channels: "perChannel", InOrder: "inOrder", UnitLength: "unitLength", Corners: "corners", BlobName: "blobName"}


def interface(kind: type, name: Name, tag: str | None = None) -> str:
    """The interface of a dataclass with its docstrings; `tag` becomes its `type`."""
    docs = docs_of(kind)
    lines = [f"/** {(kind.__doc__ or '').strip()} */", f"export interface {name(kind)} {{"]
    if tag is not None:
        lines.append(f'  type: "{tag}";')
    for key, (field, hint) in fields_of(kind).items():
        absent = field.default is None
        shape = " | ".join(_type(part, name) for part in choices_of(hint)) if absent else _type(hint, name)
        lines += [f"  /** {docs[key]} */"] if key in docs else []
        lines.append(f"  {key}{'?' if absent else ''}: {shape};")
    return "\n".join([*lines, "}", ""])


def reader(kind: type, name: Name) -> str:
    """A constant that reads a JSON value as the dataclass, or throws one sentence."""
    lines = [f"const read{name(kind)} = check.record<{name(kind)}>({{"]
    for key, (field, hint) in fields_of(kind).items():
        if field.default is None:
            call = f"check.optional({_union(choices_of(hint), name)})"
        elif field.default is dataclasses.MISSING:
            call = _reader(hint, name)
        else:
            call = f"check.otherwise({_reader(hint, name)}, {json.dumps(field.default)})"
        lines.append(f"  {key}: {call},")
    return "\n".join([*lines, "});", ""])


def docs_of(kind: type) -> dict[str, str]:
    """The docstrings under the fields of a dataclass, each on one line."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(body, ast.ClassDef)
    docs = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            docs[ast.unparse(field.target)] = " ".join(str(after.value.value).split())
    return docs


def _type(hint: Any, name: Name) -> str:
    plain, _ = parts_of(hint)
    origin, inner = typing.get_origin(plain), typing.get_args(plain)
    if takes_none(plain) or len(choices_of(plain)) > 1:
        return " | ".join([*(_type(part, name) for part in choices_of(plain)), *["null"] * takes_none(plain)])
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in inner)
    if origin is tuple:
        if inner[-1] is not Ellipsis:
            return f"readonly [{', '.join(_type(part, name) for part in inner)}]"
        item = _type(inner[0], name)
        return f"readonly {item if item.isidentifier() else f'({item})'}[]"
    if origin is dict:
        return f"Record<string, {_type(inner[1], name)}>"
    if dataclasses.is_dataclass(plain):
        return name(typing.cast(type, plain))
    return PLAIN.get(plain, "unknown")


def _reader(hint: Any, name: Name) -> str:
    plain, marks = parts_of(hint)
    if takes_none(plain):
        return f"check.nullable({_marked(_union(choices_of(plain), name), marks)})"
    if len(choices_of(plain)) > 1:
        return _marked(_union(choices_of(plain), name), marks)
    origin, inner = typing.get_origin(plain), typing.get_args(plain)
    if plain in (int, float):
        allowed = next((mark for mark in marks if isinstance(mark, Range)), Range())
        return f"check.{'whole' if plain is int else 'number'}({_range(allowed)})"
    if origin is Literal:
        return f"check.oneOf({', '.join(map(json.dumps, inner))})"
    if origin is tuple and inner[-1] is not Ellipsis:
        return _marked(f"check.tuple({', '.join(_reader(part, name) for part in inner)})", marks)
    if origin is tuple:
        ends = next((mark for mark in marks if isinstance(mark, Entries)), Entries())
        count = "" if ends == Entries() else f", {ends.least}" + ("" if ends.most is None else f", {ends.most}")
        return _marked(f"check.list({_reader(inner[0], name)}{count})", marks)
    if origin is dict:
        return "check.anyRecord"
    if dataclasses.is_dataclass(plain):
        return f"read{name(typing.cast(type, plain))}"
    return _marked({str: "check.text", bool: "check.flag"}[plain], marks)


def _union(choices: tuple[Any, ...], name: Name) -> str:
    """A list, an object by its `kind`, or what is left."""
    if len(choices) == 1:
        return _reader(choices[0], name)
    lists = [hint for hint in choices if typing.get_origin(parts_of(hint)[0]) is tuple]
    objects = [hint for hint in choices if dataclasses.is_dataclass(hint)]
    if objects:
        kinds = ", ".join(f"{tag_of(hint)}: {_reader(hint, name)}" for hint in objects)
        other = f"check.byKind({{ {kinds} }})"
    else:
        other = next(_reader(hint, name) for hint in choices if hint not in lists)
    return f"check.listOr({_reader(lists[0], name)}, {other})" if lists else other


def _marked(call: str, marks: tuple[Any, ...]) -> str:
    for mark in marks:
        if type(mark) in MARKS:
            more = f", {mark.within}" if isinstance(mark, UnitLength) else ""
            call = f"check.{MARKS[type(mark)]}({call}{more})"
    return call


def _range(allowed: Range) -> str:
    ends = {key: getattr(allowed, key) for key in ("least", "most", "above", "below")}
    said = ", ".join(f"{key}: {end:.17g}" for key, end in ends.items() if not math.isinf(end))
    return f"{{ {said} }}" if said else ""
