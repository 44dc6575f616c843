from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from efields.evaluate import scores


def image(seed: int = 0, size: int = 24, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).random((size, size, channels))


@pytest.mark.parametrize(("error", "data_range", "decibel"), [(0.1, 1.0, 20.0), (0.01, 1.0, 40.0), (0.1, 2.0, 26.0206)])
def test_psnr_of_a_constant_error(error: float, data_range: float, decibel: float) -> None:
    truth = image()
    assert scores.psnr(truth + error, truth, data_range) == pytest.approx(decibel, abs=1e-4)


def test_psnr_of_an_exact_render_is_a_number() -> None:
    assert scores.psnr(image(), image(), 1.0) == pytest.approx(100.0)


def test_ssim_is_one_for_equal_images_and_falls_with_noise() -> None:
    truth = image()
    assert scores.ssim(truth, truth, 1.0) == pytest.approx(1.0)
    noisy = [scores.ssim(truth + s * image(1), truth, 1.0) for s in (0.1, 0.5)]
    assert noisy[0] is not None and noisy[1] is not None and 1 > noisy[0] > noisy[1]


def test_ssim_of_a_constant_shift_has_its_closed_form() -> None:
    """With equal variances SSIM is (2 m n + c1) / (m^2 + n^2 + c1), Wang et al. 2004, equation 13."""
    truth, render = np.full((16, 16, 1), 0.4), np.full((16, 16, 1), 0.6)
    c1 = 0.01**2
    assert scores.ssim(render, truth, 1.0) == pytest.approx((2 * 0.24 + c1) / (0.16 + 0.36 + c1), abs=1e-9)


def test_ssim_uses_the_population_covariance_of_a_gaussian_window() -> None:
    """A naive sum over the one 11x11 window of an 11x11 image: skimage crops its result to that centre pixel."""
    x, y = image(2, 11, 1), image(3, 11, 1)
    offset = np.arange(-5, 6)
    kernel = np.exp(-(offset[:, None] ** 2 + offset[None] ** 2) / (2 * 1.5**2))[..., None]
    kernel /= kernel.sum()
    mx, my = (kernel * x).sum(), (kernel * y).sum()
    vx, vy = (kernel * x * x).sum() - mx**2, (kernel * y * y).sum() - my**2
    vxy = (kernel * x * y).sum() - mx * my
    c1, c2 = 0.01**2, 0.03**2
    naive = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert scores.ssim(y, x, 1.0) == pytest.approx(naive, abs=1e-9)


def test_ssim_of_images_below_the_window_is_none() -> None:
    assert scores.ssim(image(size=10), image(size=10), 1.0) is None


def test_lpips_without_the_package_gives_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    value, reason = scores.lpips(image()[None], image()[None])
    assert value is None and reason == "the lpips package is not installed"


def test_lpips_without_weights_never_loads_the_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _pretend(monkeypatch, tmp_path, weights=False)
    value, reason = scores.lpips(image()[None], image()[None])
    assert value is None and reason is not None and "never downloads" in reason


def test_lpips_is_fed_minus_one_to_one_in_three_channels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = _pretend(monkeypatch, tmp_path, weights=True)
    truth = image(channels=1)
    value, reason = scores.lpips(truth[None] * 2, truth[None])
    assert (value, reason) == (0.25, None)
    assert [tuple(x.shape) for x in seen] == [(1, 3, 24, 24)] * 2
    assert float(seen[0].max()) == 1.0 and -1 <= float(seen[1].min()) < -0.9


def _pretend(monkeypatch: pytest.MonkeyPatch, cache: Path, weights: bool) -> list[torch.Tensor]:
    """An lpips package that notes what it is fed, and a cache with or without weights."""
    seen: list[torch.Tensor] = []

    class LPIPS(torch.nn.Module):
        def __init__(self, net: str, verbose: bool) -> None:
            super().__init__()
            assert weights, "the network must not be built without weights"

        def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            seen.extend((first, second))
            return torch.tensor(0.25)

    package = ModuleType("lpips")
    package.LPIPS = LPIPS  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", package)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(cache))
    (cache / "checkpoints").mkdir()
    if weights:
        (cache / "checkpoints" / scores.LPIPS_BACKBONE).touch()
    return seen


def test_depth_error_counts_opaque_object_pixels_alone() -> None:
    truth = np.array([2.0, 4.0, np.inf, np.nan, 5.0, 8.0])
    pred = np.array([2.2, 3.0, 1.0, 1.0, 99.0, 8.0])
    opacity = np.array([1.0, 0.9, 1.0, 1.0, 0.4, 0.6])
    score = scores.depth_abs_rel(pred, truth, opacity)
    assert score.abs_rel == pytest.approx((0.1 + 0.25 + 0.0) / 3)
    assert score.coverage == pytest.approx(3 / 4) and score.reason is None


def test_depth_error_leaves_out_renders_that_hit_nothing() -> None:
    score = scores.depth_abs_rel(np.array([np.inf, 1.0]), np.ones(2), np.ones(2))
    assert score.abs_rel == 0.0 and score.coverage == 0.5


@pytest.mark.parametrize(
    ("truth", "opacity", "coverage", "says"),
    [
        (None, 1.0, None, "no reference depth"),
        (np.full(3, np.inf), 1.0, None, "no pixel"),
        (np.ones(3), 0.2, 0.0, "transparent"),
    ],
)
def test_depth_without_a_number_has_a_reason(
    truth: np.ndarray | None, opacity: float, coverage: float | None, says: str
) -> None:
    score = scores.depth_abs_rel(np.ones(3), truth, np.full(3, opacity))
    assert score.abs_rel is None and score.coverage == coverage
    assert score.reason is not None and says in score.reason
