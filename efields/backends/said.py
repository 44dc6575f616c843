"""Messages of backends to the user: each line once per process, however many backends are made in it."""

from __future__ import annotations

import logging
from functools import lru_cache

log = logging.getLogger(__name__)


@lru_cache(maxsize=64)
def say_once(line: str) -> None:
    """Training, scoring and rendering in one process each choose a backend; one line is enough."""
    log.warning(line)
