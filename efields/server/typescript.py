"""`python -m efields.server.typescript > viewer/src/protocol.gen.ts`: the messages as TypeScript."""

from __future__ import annotations

import sys

from efields.server import protocol
from efields.wire.typescript import interface

HEAD = """\
// Generated from efields/server/protocol.py; do not edit. To write it again:
// python -m efields.server.typescript > viewer/src/protocol.gen.ts
"""


def typescript() -> str:
    """The whole file."""
    named = (protocol.FROM_CLIENT, protocol.TO_CLIENT, protocol.HEADERS)
    parts = [HEAD, f'export const SUBPROTOCOL = "{protocol.SUBPROTOCOL}";']
    parts += [f"export const {name} = {getattr(protocol, name)};" for name in ("LEAST_SIDE", "MOST_SIDE")]
    parts += ["", *(interface(kind, _name) for kind in protocol.PARTS)]
    for names in named:
        parts += [interface(kind, _name, tag) for tag, kind in names.items()]
    for title, names in zip(("ClientMessage", "ServerMessage", "BinaryHeader"), named, strict=True):
        parts.append(f"export type {title} = {' | '.join(_name(kind) for kind in names.values())};")
    return "\n".join(parts) + "\n"


def _name(kind: type) -> str:
    """Messages are told apart from the viewer's own View, Tone and Training."""
    return kind.__name__ if kind.__name__.endswith("Header") else f"{kind.__name__}Message"


if __name__ == "__main__":
    sys.stdout.write(typescript())
