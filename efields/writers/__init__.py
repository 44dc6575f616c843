"""One module per format that events can be written to: the folder is the registry.

A writer module fits `Writer`. Adding a format is adding a file here; a kind with a dot names a module outside efields.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from efields.errors import InputError
from efields.events.columns import EventColumns
from efields.formats.about import About
from efields.plugins import import_plugin
from efields.settings import did_you_mean

__all__ = ["About", "Writer", "kinds", "writer", "writer_for"]


class Writer(Protocol):
    """What a writer module holds."""

    SUFFIX: str
    """The file suffix that selects it (`efields convert a.raw b.aedat4`), with its dot; empty for a folder."""
    STORES_SIZE: bool
    """Whether the format stores the size of the sensor."""

    def write(self, events: Iterator[EventColumns], path: Path, about: About) -> int:
        """Write sorted chunks of events inside of the sensor as a whole file or none; returns their number.

        Raises `InputError` for what the format cannot hold, a full disk, and where there is no event.
        """
        ...


def kinds() -> tuple[str, ...]:
    """Names of all writers, in alphabetical order; imports none of them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")))


def writer(kind: str) -> Writer:
    """The module of one kind; a dotted name (`my_package.my_writer`) is a plug-in outside efields.

    Raises `InputError` for an unknown kind, or a plug-in that the user does not allow.
    """
    if "." in kind:
        module = import_plugin(kind)
        if not all(hasattr(module, name) for name in ("SUFFIX", "STORES_SIZE", "write")):
            raise InputError(f"module '{kind}' is no writer", do="a writer holds SUFFIX, STORES_SIZE and write")
        return cast(Writer, module)
    if kind not in kinds():
        raise InputError(f"no writer '{kind}'", do=did_you_mean(kind, kinds()))
    return cast(Writer, importlib.import_module(f"{__name__}.{kind}"))


def writer_for(out: Path, to: str | None) -> tuple[str, Writer]:
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
    raise InputError(
        f"'{suffix}' is not a known format", out, f"use one of {known}, or no suffix for a recording folder"
    )
