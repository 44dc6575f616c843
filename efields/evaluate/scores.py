"""Image and depth scores; every one is a finite number or None with a reason."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from efields.evaluate.protocols import Pictures

SMALLEST_MSE = 1e-10
"""Smallest mean squared error, as a fraction of the squared range: limits PSNR to 100 dB for an exact render."""
SSIM_WINDOW = 11
"""Side in pixels of SSIM's Gaussian window with sigma 1.5, truncated at 3.5 sigma."""
OPACITY_SEEN = 0.5
"""Opacity above which a pixel's rendered depth counts."""
LPIPS_BACKBONE = "alexnet-owt-7be5be79.pth"
"""File in torch's hub cache that LPIPS (alex) reads."""


class Scored(NamedTuple):
    """A number, or None with a reason."""

    value: float | None
    """The score."""
    reason: str | None = None
    """The reason, in plain words."""


def psnr(render: Float[np.ndarray, "*image"], truth: Float[np.ndarray, "*image"], data_range: float) -> float:
    """Peak signal-to-noise ratio in dB, `10 log10(range^2 / mse)`, at most 100."""
    mse = float(np.mean((np.asarray(render, dtype=np.float64) - np.asarray(truth, dtype=np.float64)) ** 2))
    return float(-10.0 * np.log10(max(mse / data_range**2, SMALLEST_MSE)))


def ssim(render: Float[np.ndarray, "h w c"], truth: Float[np.ndarray, "h w c"], data_range: float) -> float | None:
    """Structural similarity (Wang et al. 2004), Gaussian window of sigma 1.5, population covariance, mean of channels.

    None where an image side is shorter than the window.
    """
    from skimage.metrics import structural_similarity

    if min(truth.shape[:2]) < SSIM_WINDOW:
        return None
    score: Any = structural_similarity(
        np.asarray(truth, dtype=np.float64),
        np.asarray(render, dtype=np.float64),
        data_range=data_range,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(score)


def lpips(renders: Pictures, truths: Pictures) -> Scored:
    """Mean LPIPS (Zhang et al. 2018, AlexNet) of display values 0..1, fed as -1..1; grey is repeated three times.

    Needs the `lpips` package and AlexNet's weights in torch's own cache; nothing is ever downloaded.
    """
    import torch

    for package in ("lpips", "torchvision"):
        if importlib.util.find_spec(package) is None:
            return Scored(None, f"the {package} package is not installed")
    weights = Path(torch.hub.get_dir()) / "checkpoints" / LPIPS_BACKBONE
    if not weights.is_file():
        return Scored(
            None, f"the weights {LPIPS_BACKBONE} are not in torch's cache, and efields never downloads anything"
        )
    import lpips as package  # pyright: ignore[reportMissingImports]

    metric = package.LPIPS(net="alex", verbose=False).eval()
    scores = []
    with torch.no_grad():
        for render, truth in zip(renders, truths, strict=True):
            pair = [torch.from_numpy(np.clip(image, 0, 1).astype(np.float32) * 2 - 1) for image in (render, truth)]
            first, second = (image.permute(2, 0, 1)[None].expand(-1, 3, -1, -1) for image in pair)
            scores.append(float(metric(first, second)))
    return Scored(float(np.mean(scores)))


@dataclass(frozen=True)
class DepthScore:
    """Error of rendered depth on object pixels."""

    abs_rel: float | None
    """Mean of |rendered - true| / true where the truth is finite and the render is opaque; None without such pixels."""
    coverage: float | None
    """Fraction of the pixels with true depth that the render covers; None if no pixel has true depth."""
    reason: str | None = None
    """Why `abs_rel` is None."""


def depth_abs_rel(
    pred: Float[np.ndarray, "*views"],
    truth: Float[np.ndarray, "*views"] | None,
    opacity: Float[np.ndarray, "*views"],
) -> DepthScore:
    """Absolute relative depth error over object pixels: finite true depth and rendered opacity above 0.5."""
    if truth is None:
        return DepthScore(None, None, "not available: no reference depth")
    known = np.isfinite(truth) & (truth > 0)
    if not known.any():
        return DepthScore(None, None, "not available: no pixel of the reference depth is finite")
    used = known & (opacity > OPACITY_SEEN) & np.isfinite(pred)
    coverage = float(used.sum() / known.sum())
    if not used.any():
        return DepthScore(None, coverage, "not available: the render is transparent wherever the true depth is known")
    error = np.abs(pred[used].astype(np.float64) - truth[used]) / truth[used]
    return DepthScore(float(error.mean()), coverage)
