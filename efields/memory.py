"""How much memory this machine has, for what is better refused than begun."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_LIMIT_OF_A_CONTAINER = Path("/sys/fs/cgroup/memory.max")


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
