"""`python -m efields.server.typescript > viewer/src/protocol.gen.ts`: the messages as TypeScript."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from typing import Any, Literal, Union

from efields.server import protocol

HEAD = """\
// Generated from efields/server/protocol.py; do not edit. To write it anew:
// python -m efields.server.typescript > viewer/src/protocol.gen.ts
"""


def typescript() -> str:
    """The whole file."""
    named = (protocol.FROM_CLIENT, protocol.TO_CLIENT, protocol.HEADERS)
    parts = [HEAD, f'export const SUBPROTOCOL = "{protocol.SUBPROTOCOL}";']
    parts += [f"export const {name} = {getattr(protocol, name)};" for name in ("LEAST_SIDE", "MOST_SIDE")]
    parts += ["", *(_interface(kind, None) for kind in protocol.PARTS)]
    for names in named:
        parts += [_interface(kind, name) for name, kind in names.items()]
    for title, names in zip(("ClientMessage", "ServerMessage", "BinaryHeader"), named, strict=True):
        parts.append(f"export type {title} = {' | '.join(_name(kind) for kind in names.values())};")
    return "\n".join(parts) + "\n"


def _name(kind: type) -> str:
    """Messages are told apart from the viewer's own View, Tone and Training."""
    return kind.__name__ if kind.__name__.endswith("Header") else f"{kind.__name__}Message"


def _interface(kind: type, name: str | None) -> str:
    hints = typing.get_type_hints(kind)
    lines = [f"/** {(kind.__doc__ or '').strip()} */", f"export interface {_name(kind)} {{"]
    if name is not None:
        lines.append(f'  type: "{name}";')
    lines += [f"  {field.name}: {_type(hints[field.name])};" for field in dataclasses.fields(kind)]
    return "\n".join([*lines, "}", ""])


def _type(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " | ".join("null" if part is type(None) else _type(part) for part in inner)
    if origin is Literal:
        return " | ".join(f'"{word}"' for word in inner)
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return f"readonly {_type(inner[0])}[]"
        return f"readonly [{', '.join(map(_type, inner))}]"
    if origin is dict:
        return f"Record<string, {_type(inner[1])}>"
    if dataclasses.is_dataclass(hint):
        return _name(typing.cast(type, hint))
    return {int: "number", float: "number", str: "string", bool: "boolean"}.get(hint, "unknown")


if __name__ == "__main__":
    sys.stdout.write(typescript())
