"""Objectives of contrast: gradients, closed forms, and that a sharp image scores better."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from efields.backends.reference import Backend
from efields.geometry.camera import Camera
from efields.motion.contrast import (
    MARGIN,
    gaussian_blur,
    gradient_magnitude,
    image_of_warped_events,
    multi_reference_sharpness,
    variance,
    warped_variance,
)

CAMERA = Camera(24, 18, 20.0, 20.0, 11.5, 8.5)


def test_gradients_by_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand((9, 11), generator=generator, dtype=torch.float64).requires_grad_()
    other = torch.rand((9, 11), generator=generator, dtype=torch.float64)
    for objective in (
        variance,
        gradient_magnitude,
        lambda i: multi_reference_sharpness([i, i * i], other),
    ):
        assert torch.autograd.gradcheck(objective, (image,))
    bearing = (torch.rand((40, 2), generator=generator, dtype=torch.float64) - 0.5).requires_grad_()
    for blur in (0.0, 1.0, 2.5):
        assert torch.autograd.gradcheck(lambda i, s=blur: gaussian_blur(i, s), (image,))
        assert torch.autograd.gradcheck(
            lambda b, s=blur: warped_variance(b, CAMERA, s, Backend()), (bearing,), atol=1e-3, rtol=2e-2
        )


def test_closed_forms() -> None:
    ramp = torch.arange(8.0)[None].repeat(6, 1)
    assert float(gradient_magnitude(ramp)) == pytest.approx(1.0)
    assert float(variance(torch.tensor([[0.0, 2.0], [4.0, 6.0]]))) == pytest.approx(5.0)
    assert float(multi_reference_sharpness([ramp, 2 * ramp], ramp)) == pytest.approx((1 + 0.25) / 2)


@pytest.mark.parametrize("blur", [0.0, 0.8, 2.0])
def test_blur_equals_scipy(blur: float) -> None:
    image = np.random.default_rng(0).random((20, 31))
    ours = gaussian_blur(torch.from_numpy(image), blur).numpy()
    theirs = gaussian_filter(image, blur, mode="constant", radius=int(np.ceil(3 * blur))) if blur else image
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_events_land_on_their_pixels(scale: int) -> None:
    bearing = torch.tensor([[0.0, 0.0], [0.25, -0.2]])
    image = image_of_warped_events(bearing, CAMERA, Backend(), scale=scale)
    assert float(image.sum()) == pytest.approx(2.0)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    centre = [float((image.numpy() * axis).sum() / 2) for axis in (x, y)]
    pixel = [CAMERA.cx + 0.125 * CAMERA.fx + MARGIN, CAMERA.cy - 0.1 * CAMERA.fy + MARGIN]
    assert centre == pytest.approx([(p + 0.5) / scale - 0.5 for p in pixel], abs=1e-4)


def test_coarse_pixels_do_where_the_blur_hides_them() -> None:
    generator = torch.Generator().manual_seed(1)
    edges = torch.rand((30, 1, 2), generator=generator) - 0.5
    spread = 0.08 * torch.randn((30, 20, 2), generator=generator)
    blurred, sharp = ((edges + k * spread).reshape(-1, 2) for k in (1.0, 0.1))
    for blur in (1.0, 2.0, 4.0):
        ratio = float(
            warped_variance(sharp, CAMERA, blur, Backend()) / warped_variance(blurred, CAMERA, blur, Backend())
        )
        assert ratio > 1.0


def test_an_image_that_collapses_at_one_time_is_not_preferred() -> None:
    sharp = torch.zeros((20, 20))
    sharp[10, 10] = 100.0
    plain = torch.rand((20, 20), generator=torch.Generator().manual_seed(3))
    # One reference sharp and the others smeared scores worse than all a little sharper than unwarped.
    once = multi_reference_sharpness([sharp, 0.3 * plain, 0.3 * plain], plain)
    assert float(once) > float(multi_reference_sharpness([1.2 * plain] * 3, plain))
