"""Modules outside efields, which a `kind` with a dot names: they run code, so the user has to allow them."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from collections.abc import Iterator
from types import ModuleType

from efields.errors import InputError

VARIABLE = "EFIELDS_PLUGINS"
"""Set to 1, it allows plug-ins for all commands and in Python."""
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")


def allowed() -> bool:
    """Whether the user lets plug-ins run: by `--plugins`, or EFIELDS_PLUGINS=1 in the environment."""
    return os.environ.get(VARIABLE, "0") not in ("", "0")


@contextlib.contextmanager
def allowing(also: bool) -> Iterator[None]:
    """Allow plug-ins inside, where `also` says so; else nothing changes."""
    before = os.environ.get(VARIABLE)
    if also:
        os.environ[VARIABLE] = "1"
    try:
        yield
    finally:
        if also:
            os.environ.pop(VARIABLE)
            os.environ.update({} if before is None else {VARIABLE: before})


def require_allowed(what: str, where: str | os.PathLike[str] = "") -> None:
    """Raise `InputError` unless the user lets plug-ins run; `what` is a sentence on the code that would."""
    if not allowed():
        raise InputError(what, where, f"if you trust it, allow it with --plugins or {VARIABLE}=1")


def import_plugin(kind: str, where: str = "") -> ModuleType:
    """The module that a dotted kind names, such as `my_package.my_loss`; `where` names the table in errors.

    Raises `InputError` when it is no name of a module, when plug-ins are not allowed, or when it cannot be imported.
    """
    if not _DOTTED.fullmatch(kind):
        raise InputError(f"'{kind}' is not a module name", where, "write it like my_package.my_module")
    require_allowed(f"'{kind}' is a module outside efields, which would run its code", where)
    try:
        return importlib.import_module(kind)
    except Exception as error:  # a plug-in raises whatever its author left in it
        said = f"the module '{kind}' cannot be imported ({type(error).__name__}: {error})"
        raise InputError(said, where, "install it, or fix the kind") from error
