"""One module per format that events can be written to: the folder is the registry.

A writer module has `SUFFIX`, the file suffix that selects it (`efields convert a.raw b.aedat4`), `STORES_SIZE`, whether
the format stores the size of the sensor, and `write(events, path, about)`, which takes sorted chunks of events
and writes a whole file or none. Adding a format is adding a file here.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from efields.errors import InputError
from efields.formats.about import About
from efields.settings import did_you_mean

__all__ = ["About", "kinds", "writer", "writer_for"]


def kinds() -> tuple[str, ...]:
    """Names of all writers, in alphabetical order; imports none of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def writer(kind: str) -> ModuleType:
    """The module of one kind. Raises `InputError` for an unknown kind."""
    if kind not in kinds():
        raise InputError(f"no writer '{kind}'", do=did_you_mean(kind, kinds()))
    return importlib.import_module(f"{__name__}.{kind}")


def writer_for(out: Path, to: str | None) -> tuple[str, ModuleType]:
    """Name and module of the writer: the one asked for, else by the ending of the file.

    Raises `InputError` for an ending that no writer has, or several have.
    """
    if to is not None:
        return to, writer(to)
    modules = {kind: writer(kind) for kind in kinds()}
    suffix = "" if out.is_dir() else out.suffix.lower()
    found = [kind for kind, module in modules.items() if suffix == module.SUFFIX]
    if "evt3" in found:  # of those that share .raw, the one that present cameras write
        found = ["evt3"]
    if len(found) == 1:
        return found[0], modules[found[0]]
    if found:
        raise InputError(f"'{suffix}' could be any of: {', '.join(found)}", out, f"choose with --to {found[0]}")
    known = ", ".join(sorted({module.SUFFIX for module in modules.values() if module.SUFFIX}))
    raise InputError(f"no format is called '{suffix}'", out, f"use one of {known}, or no ending for a recording folder")
