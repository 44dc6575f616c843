"""How fast: each file holds one `Backend`; the reference defines the functions, the others equal it."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from functools import lru_cache

from efields.backends.reference import Backend
from efields.errors import InputError

log = logging.getLogger(__name__)

PREFERENCE = ("native", "reference")
"""Backends from fastest to slowest, the order in which `auto` looks."""


def backend_names() -> list[str]:
    """Every backend of the folder, fastest first."""
    found = {m.name for m in pkgutil.iter_modules(__path__)} & set(PREFERENCE)
    return [name for name in PREFERENCE if name in found]


def choose_backend(name: str) -> Backend:
    """The backend of that name, or the fastest present for "auto", which says once why it is not the fastest.

    Raises `InputError` when it is unknown or cannot run here, with the line that installs it.
    """
    names = backend_names()
    if name not in ("auto", *names):
        raise InputError(f"unknown backend '{name}'", do=f"known: auto, {', '.join(names)}")
    missed: list[str] = []
    for candidate in names if name == "auto" else [name]:
        backend: type[Backend] = importlib.import_module(f"efields.backends.{candidate}").Backend
        reason = backend.unavailable()
        if reason is None:
            if missed:
                _say_once(f"backend '{candidate}', many times slower than {'; '.join(missed)}")
            return backend()
        if name != "auto":
            raise InputError(f"backend '{name}' cannot run here", do=reason)
        missed.append(f"'{candidate}': {reason}")
    raise InputError("no backend can run here", do="install torch")


@lru_cache(maxsize=8)
def _say_once(line: str) -> None:
    """Training, scoring and rendering in one process each choose a backend; one line is enough."""
    log.warning(line)
