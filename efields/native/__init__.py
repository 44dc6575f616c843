"""The compiled kernels: found, checked, and called with plain pointers.

`build.py` compiles them, `src/` holds them. Nothing here knows torch; `efields.backends.native` does.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache, lru_cache
from typing import Any

from efields.errors import InputError
from efields.native.build import LIBRARY, BuildError, compiler, instruction_sets, source_key

REBUILD = "python -m efields.native"


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The loaded library. Raises `BuildError`, with what to do, when it is not there or does not fit its sources."""
    if not LIBRARY.is_file():
        raise BuildError(f"the kernels are not compiled: {rebuild()}")
    try:
        loaded = ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise BuildError(f"the kernels do not load ({error}): {rebuild()}") from None
    loaded.ef_key.restype = ctypes.c_char_p
    loaded.ef_scratch.restype = ctypes.c_void_p
    if loaded.ef_key().decode() != source_key():
        raise BuildError(f"the kernels are older than their sources: {rebuild()}")
    return loaded


def rebuild() -> str:
    """What to do for kernels that fit: the line that compiles them, after a compiler where there is none."""
    try:
        compiler()
    except BuildError as error:
        return f"{error}, then {REBUILD}"
    return REBUILD


def supported() -> list[str]:
    """Instruction sets that this processor runs, worst first."""
    return list(_runnable(library()))


def instruction_set() -> str:
    """The one in use: EFIELDS_ISA, or the best; with EFIELDS_BF16=0 the best whose factors are all float32.

    Where the processor multiplies bfloat16, perceptrons do: sums stay float32, views differ from float32's by less than
    a thousandth of their brightness, and fields train to the same scores.
    Raises `InputError` for a name that cannot run here.
    """
    return _in_use(library(), os.environ.get("EFIELDS_ISA", ""), os.environ.get("EFIELDS_BF16", "") == "0")


def function(name: str, isa: str = "") -> Any:
    """The kernel `name` for an instruction set, the one in use unless given; pointers and numbers go in."""
    return _kernel(library(), f"ef_{name}_{isa or instruction_set()}")


@cache
def _runnable(loaded: ctypes.CDLL) -> tuple[str, ...]:
    return tuple(instruction_sets())[: loaded.ef_best_isa() + 1]


@cache
def _in_use(loaded: ctypes.CDLL, asked: str, without_bf16: bool) -> str:
    able = _runnable(loaded)
    if asked and asked not in able:
        raise InputError(f"EFIELDS_ISA={asked} cannot run here", do=f"known: {', '.join(able)}")
    return asked or [name for name in able if not (without_bf16 and name.endswith("bf16"))][-1]


@cache
def _kernel(loaded: ctypes.CDLL, symbol: str) -> Any:
    found = getattr(loaded, symbol)
    found.restype = None
    return found


def set_threads(count: int) -> None:
    """Threads of the kernels' pool, the caller's included."""
    library().ef_set_threads(count)
