"""Events at fractional pixels, as in rectified recordings: the nearest pixel, and the position on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

NOTE = (
    "Pixels are fractional, as in rectified events: motion is estimated from them as they are, and rays are traced "
    "through the mean position in each pixel; images, filters and converted files use the nearest pixel."
)
"""A note about them for the user."""
_MOST = 0.5
"""Share of events between pixels from which a recording is one of rectified events; fewer are damage."""


def are_fractional(heads: Sequence[np.ndarray]) -> bool:
    """Whether most of these first columns and rows lie between pixels."""
    return all(head.dtype.kind == "f" and len(head) and (head != np.rint(head)).mean() > _MOST for head in heads)


def nearest_pixels(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, Float32[np.ndarray, "n 2"]]:
    """The nearest pixel of each event, and its place less the centre of that; what is no number stays as it is."""
    column, row = np.rint(x) + 0.0, np.rint(y) + 0.0  # + 0 makes 0 of -0
    with np.errstate(invalid="ignore"):
        return column, row, np.stack([x - column, y - row], axis=1).astype(np.float32)
