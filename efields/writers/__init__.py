"""One module per format that events can be written to: the folder is the registry.

A writer module has `SUFFIX`, the file suffix that selects it (`efields convert a.raw b.aedat4`), `STORES_SIZE`, whether
the format stores the size of the sensor, and `write(events, path, about)`, which takes sorted chunks of events
and writes a whole file or none. Adding a format is adding a file here.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from efields.errors import InputError
from efields.formats.about import About
from efields.settings import did_you_mean

__all__ = ["About", "kinds", "writer"]


def kinds() -> tuple[str, ...]:
    """Names of all writers, in alphabetical order; imports none of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def writer(kind: str) -> ModuleType:
    """The module of one kind. Raises `InputError` for an unknown kind."""
    if kind not in kinds():
        raise InputError(f"no writer '{kind}'", do=did_you_mean(kind, kinds()))
    return importlib.import_module(f"{__name__}.{kind}")
