"""Which loaders may read a path: by the first bytes and names that each states in its source, before any import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from efields.formats.opening import first_bytes

HEAD_BYTES = 1 << 13
"""Bytes of a file that `BEGINS` looks at."""
_SIGNS = re.compile(r"^(BEGINS|HOLDS) = (.+?)\n(?=\S|$)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Signs:
    """Conditions under which a loader is asked about a path; a loader that states none is always asked."""

    begins: bytes | None
    """Regular expression of how its files begin; empty: in any way; None: it reads no lone file."""
    holds: tuple[str, ...]
    """Patterns of names, of which its folders hold at least one; empty: it reads no folder."""

    def allow(self, path: Path, head: bytes) -> bool:
        """Whether a folder, or a file with these first bytes, may be one of the loader's."""
        if path.is_dir():
            return any(next(path.glob(name), None) is not None for name in self.holds)
        return self.begins is not None and re.match(self.begins, head) is not None


@cache
def signs_in(source: Path) -> Signs:
    """The signs that a loader's source states as `BEGINS` and `HOLDS`."""
    said = {found[1]: ast.literal_eval(found[2]) for found in _SIGNS.finditer(source.read_text(encoding="utf-8"))}
    return Signs(said.get("BEGINS", None if said else b""), tuple(said.get("HOLDS", () if said else ("*",))))


def candidates(path: Path, sources: Iterable[Path]) -> Iterator[tuple[str, ...]]:
    """Kinds that may read a path: those that know how it begins, then those whose files begin in any way.

    Where one of the first recognises the file, the second need not be asked.
    """
    head = first_bytes(path, HEAD_BYTES)
    allowed = [(source.stem, signs_in(source)) for source in sources if signs_in(source).allow(path, head)]
    yield tuple(kind for kind, signs in allowed if path.is_dir() or signs.begins)
    yield tuple(kind for kind, signs in allowed if not (path.is_dir() or signs.begins))
