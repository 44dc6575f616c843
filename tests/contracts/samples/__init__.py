"""A tiny valid recording of every format, written file by file as the format's own tools write it.

Each module here holds a dict `LOADERS`: the kind of a loader to the writer of its sample, which takes a path that is
not there yet and gives what `load` takes (a folder, or a file in that path). A loader without an entry fails the suite.
"""

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

LOADERS: dict[str, Callable[[Path], Path]] = {}
for _module in pkgutil.iter_modules(__path__):
    LOADERS |= importlib.import_module(f"{__name__}.{_module.name}").LOADERS
