"""`python -m efields.export.typescript > viewer/src/scene/document.gen.ts`: the scene document as TypeScript."""

from __future__ import annotations

import sys

from efields.export import contract
from efields.wire.typescript import interface, reader

HEAD = """\
// Generated from efields/export/contract.py; do not edit. To write it again:
// python -m efields.export.typescript > viewer/src/scene/document.gen.ts

import * as check from "./check.ts";
"""


def typescript() -> str:
    """The whole file."""
    parts = [
        HEAD,
        f'export const FORMAT = "{contract.FORMAT}";',
        f"export const MAJOR = {contract.SCHEMA_VERSION[0]};",
        "",
    ]
    for kind in contract.PARTS:
        parts += [interface(kind, _name), reader(kind, _name)]
    parts.append(f"export {{ read{_name(contract.SceneDocument)} }};\n")
    return "\n".join(parts)


def _name(kind: type) -> str:
    return kind.__name__


if __name__ == "__main__":
    sys.stdout.write(typescript())
