"""The machine's resources: cores and memory; the one place that sets the number of threads."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from efields.errors import InputError

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_LIMIT_OF_A_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def usable_cores() -> int:
    """Cores that this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_threads(count: int) -> int:
    """Use `count` threads for all numerics of this process, every usable core for 0; return the number set.

    Libraries that are loaded later read it from the environment; torch, if it is loaded already, is told.
    Raises `InputError` for a negative count.
    """
    if count < 0:
        raise InputError(f"{count} threads are not possible", do="give 1 or more, or 0 for every core")
    number = count or usable_cores()
    for variable in _VARIABLES:
        os.environ[variable] = str(number)
    # Torch's OpenMP threads would wait actively on the cores that the kernels' own threads need: up to 5 times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(number)
    return number


def memory_here() -> int:
    """Bytes of memory that this process can have at most; where the system does not tell, more than anything needs."""
    try:
        bytes_here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return sys.maxsize
    try:
        return min(bytes_here, int(_LIMIT_OF_A_CONTAINER.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return bytes_here


def processor_name() -> str:
    """Name of the processor, as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
