"""Implementations: each file has one `Backend`; the reference defines the functions, the others must equal it."""

from __future__ import annotations

import importlib
import pkgutil

import torch

from efields.backends.reference import Backend
from efields.backends.said import say_once
from efields.devices import CPU
from efields.errors import InputError

PREFERENCE = ("native", "reference")
"""Backends from fastest to slowest, the order in which `auto` tries them."""


def backend_names() -> list[str]:
    """Every backend of the folder, fastest first."""
    found = {m.name for m in pkgutil.iter_modules(__path__)} & set(PREFERENCE)
    return [name for name in PREFERENCE if name in found]


def choose_backend(name: str, device: torch.device = CPU) -> Backend:
    """The backend of that name, or for "auto" the fastest that is made for the device and can run here.

    "auto" says once why it takes none that is faster. Raises `InputError` for a name that is unknown, not made for the
    device, or cannot run here, with what to do.
    """
    names = backend_names()
    if name not in ("auto", *names):
        raise InputError(f"unknown backend '{name}'", do=f"known: auto, {', '.join(names)}")
    if name != "auto":
        backend = _class(name)
        if device.type not in backend.devices:
            what = f"backend '{name}' does not run on device '{device}'"
            raise InputError(what, do=f"use backend auto, or device {' or '.join(backend.devices)}")
        if (reason := backend.unavailable()) is not None:
            raise InputError(f"backend '{name}' cannot run here", do=reason)
        return backend()
    elsewhere: list[str] = []
    missed: list[str] = []
    for candidate in names:
        backend = _class(candidate)
        if device.type not in backend.devices:
            elsewhere.append(f"'{candidate}' is only for {' and '.join(backend.devices)}")
        elif (reason := backend.unavailable()) is not None:
            missed.append(f"'{candidate}': {reason}")
        else:
            if missed:
                say_once(f"backend '{candidate}', many times slower than {'; '.join(missed)}")
            if elsewhere:
                say_once(f"backend '{candidate}' on device {device}: {'; '.join(elsewhere)}")
            return backend()
    raise InputError("no backend can run here", do="install torch")


def _class(name: str) -> type[Backend]:
    return importlib.import_module(f"efields.backends.{name}").Backend
