from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efields.errors import InputError
from efields.evaluate.protocols import (
    EVENTNERF_EPSILON,
    GAMMA,
    PROTOCOLS,
    RADIANCE_FLOOR,
    REFERENCE_FLOOR,
    fit_gauge,
    protocol_named,
)
from efields.evaluate.scores import psnr

A, B = np.array([0.8, 1.3, 1.0]), np.array([0.4, -0.7, 1.0])


def radiance(seed: int = 0, shape: tuple[int, ...] = (4, 9, 11, 3), low: float = 0.05) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, 1.0, shape)


def in_gauge(pred: np.ndarray, a: np.ndarray = A, b: np.ndarray = B) -> np.ndarray:
    return np.exp(a * np.log(pred) + b)


def test_robust_recovers_scale_and_offset_of_each_channel() -> None:
    pred = radiance()
    truth = in_gauge(pred)
    gauge = fit_gauge(pred, truth, "robust")
    np.testing.assert_allclose(gauge.a, A, atol=1e-6)
    np.testing.assert_allclose(gauge.b, B, atol=1e-6)
    np.testing.assert_allclose(gauge.apply(pred), truth, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(a=st.floats(0.2, 3.0), b=st.floats(-3.0, 3.0), seed=st.integers(0, 1000))
def test_robust_recovers_any_gauge(a: float, b: float, seed: int) -> None:
    pred = radiance(seed, (2, 5, 6, 1), low=0.5)
    gauge = fit_gauge(pred, np.exp(a * np.log(pred) + b), "robust")
    assert gauge.a[0] == pytest.approx(a, abs=1e-6) and gauge.b[0] == pytest.approx(b, abs=1e-6)


def test_fit_equals_lstsq_over_the_whole_set() -> None:
    pred = radiance(1)
    truth = in_gauge(pred) * np.random.default_rng(2).lognormal(0, 0.3, pred.shape)
    gauge = fit_gauge(pred, truth, "robust")
    floor = truth.max() * REFERENCE_FLOOR
    for c in range(3):
        x, y = np.log(pred[..., c].ravel()), np.log(np.maximum(truth[..., c].ravel(), floor))
        expected = np.linalg.lstsq(np.stack([x, np.ones_like(x)], axis=1), y, rcond=None)[0]
        np.testing.assert_allclose([gauge.a[c], gauge.b[c]], expected, atol=1e-6)


def test_views_of_different_gains_are_not_fitted_one_by_one() -> None:
    """Each view alone is a perfect affine copy, so a fit per image would score 100 dB; the set as a whole is not."""
    pred = radiance(3, (2, 16, 16, 1))
    truth = pred * np.array([0.5, 1.5])[:, None, None, None]
    span = truth.max() - truth.min()
    whole = fit_gauge(pred, truth, "robust").apply(pred)
    alone = [fit_gauge(pred[i : i + 1], truth[i : i + 1], "robust").apply(pred[i : i + 1]) for i in range(2)]
    assert all(psnr(x, truth[i : i + 1], span) > 90 for i, x in enumerate(alone))
    assert all(psnr(x, y, span) < 20 for x, y in zip(whole, truth, strict=True))


def test_offset_has_unit_scale_and_the_mean_log_ratio() -> None:
    pred = radiance(4)
    truth = in_gauge(pred)
    gauge = fit_gauge(pred, truth, "offset")
    floor = truth.max() * REFERENCE_FLOOR
    expected = np.mean(np.log(np.maximum(truth, floor)) - np.log(pred), axis=(0, 1, 2))
    np.testing.assert_array_equal(gauge.a, 1.0)
    np.testing.assert_allclose(gauge.b, expected, atol=1e-6)


def test_none_changes_nothing() -> None:
    pred = radiance(5).astype(np.float32)
    gauge = fit_gauge(pred, in_gauge(pred), "none")
    np.testing.assert_allclose(gauge.apply(pred), pred, rtol=1e-6)
    assert gauge.a.tolist() == [1, 1, 1] and gauge.b.tolist() == [0, 0, 0]


def test_protocols_order_by_the_freedom_that_they_remove() -> None:
    """A wrong gain and gamma: `none` sees both, `offset` the gamma alone, `robust` neither."""
    pred = radiance(6)
    truth = in_gauge(pred, np.full(3, 1.2), np.full(3, -0.6))
    span = truth.max() - truth.min()
    score = {name: psnr(fit_gauge(pred, truth, name).apply(pred), truth, span) for name in ("none", "offset", "robust")}
    assert score["none"] < score["offset"] < score["robust"]
    assert score["robust"] > 90


def test_eventnerf_recovers_a_truth_in_its_own_gauge() -> None:
    """log(v^2.2 + 0.1) affine in log(g pred + 0.1): with a = 1, b = 0 and any gain the display values come back."""
    linear = radiance(7, low=0.0)
    linear[0, 0, 0] = 1.0
    shown = linear ** (1 / GAMMA)
    gauge = fit_gauge(np.maximum(linear, 0.05) * 7.0, np.maximum(shown, 0.05 ** (1 / GAMMA)), "eventnerf", "display")
    assert gauge.epsilon == EVENTNERF_EPSILON and gauge.decoding == 1 / GAMMA
    np.testing.assert_allclose(gauge.gain, 1 / 7, rtol=1e-5)
    np.testing.assert_allclose(gauge.a, 1.0, atol=1e-5)
    np.testing.assert_allclose(gauge.b, 0.0, atol=1e-5)


def test_eventnerf_compares_clipped_display_values_with_peak_one() -> None:
    rule, linear = protocol_named("eventnerf"), radiance(8) * 5.0
    reference = rule.reference(linear, "linear")
    np.testing.assert_allclose(reference, (linear / linear.max()) ** (1 / GAMMA), rtol=1e-5)
    assert rule.data_range(reference) == 1.0
    aligned = fit_gauge(linear * 3.0, linear, rule).apply(linear * np.geomspace(1e-6, 1e6, 4)[:, None, None, None])
    assert aligned.min() >= 0 and aligned.max() == 1.0


def test_range_of_robust_is_the_spread_of_the_set() -> None:
    truth = np.array([[0.2, 0.5], [0.4, 0.9]]).reshape(2, 1, 2, 1)
    assert PROTOCOLS["robust"].data_range(truth) == pytest.approx(0.7)


def test_display_truth_of_a_calibrated_model_has_unit_gauge() -> None:
    pred = radiance(10)
    for name in ("robust", "offset", "none"):
        gauge = fit_gauge(pred, pred ** (1 / GAMMA), name, "display")
        np.testing.assert_allclose(gauge.a, 1.0, atol=1e-5)
        np.testing.assert_allclose(gauge.b, 0.0, atol=1e-5)
        np.testing.assert_allclose(gauge.apply(pred), pred ** (1 / GAMMA), rtol=1e-5)


def test_black_reference_pixels_are_floored_at_half_a_grey_level() -> None:
    pred, truth = radiance(11, (1, 8, 8, 1)), radiance(11, (1, 8, 8, 1))
    truth[0, 0, 0] = 0.0
    floored = truth.copy()
    floored[0, 0, 0] = truth.max() / 512
    ours, expected = fit_gauge(pred, truth, "robust"), fit_gauge(pred, floored, "robust")
    np.testing.assert_allclose(ours.a, expected.a, atol=1e-6)
    assert np.isfinite(ours.b).all()


def test_constant_prediction_gives_a_zero_scale_and_the_mean() -> None:
    truth = radiance(12, (1, 8, 8, 1))
    gauge = fit_gauge(np.full_like(truth, 0.3), truth, "robust")
    assert gauge.a[0] == 0 and gauge.b[0] == pytest.approx(np.log(truth).mean(), abs=1e-6)


def test_dark_renders_are_floored() -> None:
    truth = radiance(13, (1, 4, 4, 1))
    assert np.isfinite(fit_gauge(np.zeros_like(truth), truth, "offset").b).all()
    gauge = fit_gauge(truth, truth, "none")
    np.testing.assert_allclose(gauge.apply(np.zeros((2, 2, 1))), RADIANCE_FLOOR, rtol=1e-6)


@pytest.mark.parametrize(
    ("pred", "truth", "says"),
    [
        (np.full((1, 2, 2, 1), np.nan), radiance(0, (1, 2, 2, 1)), "the model renders"),
        (radiance(0, (1, 2, 2, 1)), np.full((1, 2, 2, 1), np.inf), "reference views hold"),
        (radiance(0, (1, 2, 2, 1)), np.full((1, 2, 2, 1), 0.5), "constant"),
        (radiance(0, (1, 2, 2, 1)), radiance(0, (1, 2, 2, 3)), "shape"),
        (np.zeros((0, 2, 2, 1)), np.zeros((0, 2, 2, 1)), "no reference views"),
    ],
)
def test_what_cannot_be_fitted_is_refused(pred: np.ndarray, truth: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        fit_gauge(pred, truth, "robust")


def test_unknown_protocol_names_all_known_ones() -> None:
    with pytest.raises(InputError, match="robust, eventnerf, offset, none"):
        protocol_named("robustt")


def test_sentences_name_the_number_of_views() -> None:
    for rule in PROTOCOLS.values():
        assert "12 views" in rule.sentence(12) and "the one view" in rule.sentence(1)
        assert rule.sentence(12).endswith(".") and "{" not in rule.sentence(12)


def test_gauge_is_plain_json() -> None:
    table = fit_gauge(radiance(), in_gauge(radiance()), "eventnerf").as_dict()
    assert set(table) == {"a", "b", "gain", "epsilon", "encoding", "decoding"}
    assert all(isinstance(x, float) for key in ("a", "b", "gain") for x in table[key])  # type: ignore[union-attr]
