"""From radiance to brightness on a screen: display = clip(exp(offset + scale log radiance), 0, 1)^(1/gamma)."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from efields.evaluate.protocols import GAMMA
from efields.export.contract import AlignedTone, ToneDocument

PERCENTILES = (1.0, 99.0)
"""Percentiles of log radiance that automatic brightness shows as dark and as white."""
LONGEST_RANGE = 6.0
"""Range of log radiance that fits on a screen (exp(-6) shows as 7 % grey); a longer one is compressed."""


def auto_tone(log_radiance: Float[np.ndarray, "n c"]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Offset and scale per channel: the 99th percentile becomes white, contrast is kept where it fits the screen."""
    low, high = np.percentile(log_radiance, PERCENTILES, axis=0)
    scale = np.minimum(1.0, LONGEST_RANGE / np.maximum(high - low, 1e-6))
    return tuple((-scale * high).tolist()), tuple(scale.tolist())


def aligned_tone(metrics: dict[str, Any], run_path: Path, channels: int) -> AlignedTone | None:
    """The gauge that the evaluation fitted to reference views, as offset and scale; None where it is not log-affine.

    With `log aligned = a (log gain + encoding log radiance) + b` and white at the largest reference value, display
    values follow exactly. A gauge with a constant inside the logarithm (`eventnerf`) has no such form.
    """
    gauge = metrics.get("gauge")
    if not gauge or gauge["epsilon"] != 0 or gauge["decoding"] != 1 or len(gauge["a"]) != channels:
        return None
    a, b, gain = (np.asarray(gauge[key], dtype=np.float64) for key in ("a", "b", "gain"))
    if not (np.isfinite(a).all() and np.isfinite(b).all() and (gain > 0).all()):
        return None
    encoding = float(gauge["encoding"])
    power = 1.0 if encoding == 1.0 else GAMMA  # display-encoded values are raised back to linear light
    offset = power * (a * np.log(gain) + b - math.log(_white(run_path)))
    source = (
        f"One scale and one offset per channel in log intensity, fitted to {metrics.get('views', 0)} reference views "
        f"(protocol {metrics.get('protocol', 'unknown')})."
    )
    return AlignedTone(tuple(offset.tolist()), tuple((power * a * encoding).tolist()), source)


def tone_document(log_radiance: Float[np.ndarray, "n c"], aligned: AlignedTone | None) -> ToneDocument:
    """The part `tone` of a scene document."""
    if aligned is not None:
        return ToneDocument("aligned", aligned.offset, aligned.scale, GAMMA, aligned.source, aligned)
    source = "The 99th percentile of log radiance over a few views of the trajectory is white."
    return ToneDocument("auto", *auto_tone(log_radiance), GAMMA, source, None)


def _white(run_path: Path) -> float:
    """The largest reference value that the run kept; 1 if it kept none."""
    try:
        with np.load(run_path / "heldout.npz", allow_pickle=False) as stored:
            largest = float(np.nanmax(stored["truth"]))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return 1.0
    return largest if math.isfinite(largest) and largest > 0 else 1.0
