"""Strict parsing of what clients send: a message, or one line that says what is wrong with it; never an exception."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Union

from efields.server import protocol
from efields.server.protocol import FROM_CLIENT, LEAST_SIDE, MAX_MESSAGE_BYTES, MOST_SIDE, ClientMessage

MOST_ID = 2**53
"""Largest integer that JavaScript counts to."""
FARTHEST = 1e9
"""Numbers beyond it are refused."""


@dataclass(frozen=True)
class Wrong:
    """An invalid message."""

    text: str
    """What is wrong, on one line."""


class _Refused(ValueError):
    """Carries the line out of the depth of a message."""


def read_message(message: str | bytes) -> ClientMessage | Wrong:
    """The message of a client."""
    if isinstance(message, bytes):
        return Wrong("a binary message; this server takes JSON text")
    if len(message) > MAX_MESSAGE_BYTES:
        return Wrong(f"a message of {len(message)} characters; the most is {MAX_MESSAGE_BYTES}")
    try:
        table = json.loads(message)
    except (ValueError, RecursionError):
        return Wrong("a message that is not JSON")
    if not isinstance(table, dict):
        return Wrong("a message that is not a JSON object")
    name = table.pop("type", None)
    if not isinstance(name, str) or name not in FROM_CLIENT:
        return Wrong(f"a message of unknown type {_shown(name)}; known are {', '.join(FROM_CLIENT)}")
    try:
        found = _object(FROM_CLIENT[name], table, name)
        _check(found)
    except _Refused as refused:
        return Wrong(str(refused))
    return found


def _check(message: Any) -> None:
    """What types alone do not say."""
    if isinstance(message, (protocol.View, protocol.Change, protocol.Ack)) and not 0 <= message.id <= MOST_ID:
        raise _Refused("id is a count from 0")
    if not isinstance(message, protocol.View):
        return
    length = math.hypot(*message.quaternion)
    if abs(length - 1) > 1e-3:
        raise _Refused(f"view.quaternion has length {length:.4g}, not 1")
    if not 0.01 <= message.fov_y <= 3.1:
        raise _Refused(f"view.fov_y is {message.fov_y:.4g}; it must be 0.01 to 3.1 radians")
    tone = message.tone
    for key in ("offset", "scale"):
        if len(getattr(tone, key)) not in (1, 3):
            raise _Refused(f"view.tone.{key} takes 1 or 3 numbers")
    if not 0.1 <= tone.gamma <= 10:
        raise _Refused(f"view.tone.gamma is {tone.gamma:.4g}; it must be 0.1 to 10")
    if message.wipe is not None and not 0 <= message.wipe.at <= 1:
        raise _Refused(f"view.wipe.at is {message.wipe.at:.4g}; it must be 0 to 1")
    if message.crop is not None and any(low >= high for low, high in zip(*message.crop, strict=True)):
        raise _Refused("view.crop is an empty box")


@lru_cache
def _fields(kind: type) -> dict[str, tuple[Any, str]]:
    """Type and its text of every field of a message."""
    hints = typing.get_type_hints(kind)
    return {field.name: (hints[field.name], str(field.type)) for field in dataclasses.fields(kind)}


def _object(kind: type, table: Any, where: str) -> Any:
    if not isinstance(table, dict):
        raise _Refused(f"{where} is not an object")
    fields = _fields(kind)
    for key in fields:
        if key not in table:
            raise _Refused(f"{where} has no '{key}'")
    for key in table:
        if key not in fields:
            raise _Refused(f"{where} has an unknown key {_shown(key)}")
    values = {}
    for key, (hint, text) in fields.items():
        values[key] = _value(hint, table[key], f"{where}.{key}")
        if text == "Side" and not LEAST_SIDE <= values[key] <= MOST_SIDE:
            raise _Refused(f"{where}.{key} is {_shown(values[key])}; it must be {LEAST_SIDE} to {MOST_SIDE}")
    return kind(**values)


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return None if value is None else _value(next(part for part in inner if part is not type(None)), value, where)
    if origin is Literal:
        if not isinstance(value, str) or value not in inner:
            raise _Refused(f"{where} is {_shown(value)}; known are {', '.join(inner)}")
        return value
    if origin is tuple:
        each = inner[:1] * len(value) if isinstance(value, list) and inner[-1] is Ellipsis else inner
        if not isinstance(value, list) or len(value) != len(each) or len(value) > 8:
            raise _Refused(f"{where} is not a list of {'numbers' if each is not inner else len(inner)}")
        return tuple(
            _value(part, item, f"{where}[{k}]") for k, (part, item) in enumerate(zip(each, value, strict=True))
        )
    if dataclasses.is_dataclass(hint):
        return _object(typing.cast(type, hint), value, where)
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint is bool:
        if not isinstance(value, bool):
            raise _Refused(f"{where} is not true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Refused(f"{where} is not a number")
    if hint is int:
        if not isinstance(value, int):
            raise _Refused(f"{where} is not a whole number")
        return value
    # Compared before it is converted: an integer of a thousand digits has no float.
    if not (-FARTHEST <= value <= FARTHEST):
        raise _Refused(f"{where} is not a finite number of reasonable size")
    return float(value)


def _shown(value: Any) -> str:
    """A value in a few characters, whatever it is."""
    text = repr(value) if isinstance(value, (str, int, float, bool, type(None))) and value == value else "that"
    text = text.encode("ascii", "replace").decode()
    return text if len(text) <= 40 else text[:37] + "..."
