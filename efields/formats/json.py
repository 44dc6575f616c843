"""JSON files whose top is an object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from efields.errors import InputError
from efields.text import read_text


def read_json(path: Path) -> dict[str, Any]:
    """The object of a JSON file. Raises `InputError` when it is missing, damaged or holds something else."""
    try:
        meta = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"is not readable as JSON ({error})", path, "copy or write it again") from None
    if not isinstance(meta, dict):
        raise InputError("is not a JSON object", path, "copy or write it again")
    return meta
