"""Changes to the arrays of a sequence on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def change(path: Path, **arrays: Any) -> None:
    """Rewrite an npz with some arrays replaced, or left out where None."""
    with np.load(path) as archive:
        kept = {**archive, **arrays}
    np.savez(path, **{name: value for name, value in kept.items() if value is not None})
