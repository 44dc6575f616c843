"""Strict parsing of what clients send: a message, or one line that says what is wrong with it; never an exception."""

from __future__ import annotations

import json
from dataclasses import dataclass

from efields.server.protocol import FROM_CLIENT, MAX_MESSAGE_BYTES, ClientMessage
from efields.wire.reading import Refused, Rules, read, shown

RULES = Rules(unknown_keys=False, longest=8, farthest=1e9)
"""A client is a stranger: nothing that is not known, no long lists, no absurd numbers."""


@dataclass(frozen=True)
class Wrong:
    """An invalid message."""

    text: str
    """What is wrong, on one line."""


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
        return Wrong(f"a message of unknown type {shown(name)}; known are {', '.join(FROM_CLIENT)}")
    try:
        return read(FROM_CLIENT[name], table, name, RULES)
    except Refused as refused:
        return Wrong(str(refused))
