"""Flow scores against hand-made flows whose errors are known, and what each preset counts."""

from __future__ import annotations

import numpy as np
import pytest

from efields.errors import InputError
from efields.evaluate.flow_scores import (
    FLOW_PRESETS,
    FlowPair,
    WarpLossPreset,
    counted_pixels,
    flow_preset,
    flow_table,
    flow_warp_loss,
    mean_flow_score,
    score_flow,
)

DENSE = FLOW_PRESETS["dsec"]


def constant(u: float, v: float, shape: tuple[int, int] = (4, 5)) -> np.ndarray:
    return np.broadcast_to(np.array([u, v]), (*shape, 2)).copy()


def everywhere(shape: tuple[int, int] = (4, 5)) -> np.ndarray:
    return np.ones(shape, dtype=bool)


def test_a_known_error_gives_known_scores() -> None:
    truth = constant(30.0, 40.0)
    estimate = truth.copy()
    estimate[0] += [3.0, 4.0]  # off by 5 px, a tenth of the length
    estimate[1] += [0.9, 1.2]  # off by 1.5 px
    score = score_flow(estimate, truth, everywhere(), DENSE)
    assert score is not None
    assert score.epe == pytest.approx((5 + 1.5) / 4)
    assert (score.over_1px, score.over_2px, score.over_3px) == (0.5, 0.25, 0.25)
    assert (score.outliers, score.pixels, score.maps) == (0.25, 20, 1)


def test_the_angular_error_is_that_of_u_v_1() -> None:
    score = score_flow(constant(0.0, 1.0), constant(1.0, 0.0), everywhere(), DENSE)
    assert score is not None
    assert score.angular_error_deg == pytest.approx(60.0)
    same = score_flow(constant(3.0, 4.0), constant(3.0, 4.0), everywhere(), DENSE)
    assert same is not None
    assert same.angular_error_deg == pytest.approx(0.0, abs=1e-5)
    assert same.epe == 0


def test_five_percent_forgive_a_long_flow() -> None:
    truth, estimate = constant(100.0, 0.0), constant(104.0, 0.0)
    strict, lenient = FLOW_PRESETS["mvsec_multicm"], FLOW_PRESETS["mvsec_evflownet"]
    truth[..., 1] = estimate[..., 1] = 1e-3
    marks = everywhere()
    assert score_flow(estimate, truth, marks, strict, marks).outliers == 1.0  # type: ignore[union-attr]
    assert score_flow(estimate, truth, marks, lenient, marks).outliers == 0.0  # type: ignore[union-attr]


def test_what_is_zero_is_unknown_to_mvsec_only() -> None:
    truth = constant(1.0, 1.0)
    truth[0] = 0.0
    truth[1, :, 0] = 0.0
    truth[2] = np.inf
    counts = {
        name: counted_pixels(truth, everywhere(), preset, everywhere()).sum() for name, preset in FLOW_PRESETS.items()
    }
    assert counts == {"mvsec_evflownet": 10, "mvsec_multicm": 5, "mvsec_eraft": 10, "dsec": 15, "simulated": 15}


def test_crops_rows_and_events() -> None:
    truth, valid = constant(1.0, 1.0, (260, 346)), everywhere((260, 346))
    events = np.zeros_like(valid)
    events[:, ::2] = True
    cut = {name: counted_pixels(truth, valid, preset, events, outdoors=True) for name, preset in FLOW_PRESETS.items()}
    rows = {name: np.flatnonzero(mask.any(axis=1)) for name, mask in cut.items()}
    assert (rows["mvsec_evflownet"][0], rows["mvsec_evflownet"][-1]) == (2, 191)
    assert (rows["mvsec_eraft"][0], rows["mvsec_eraft"][-1]) == (2, 192)
    assert len(rows["mvsec_multicm"]) == 260
    assert cut["mvsec_evflownet"].sum() == 190 * 128
    assert cut["mvsec_eraft"].sum() == 191 * 256
    assert cut["mvsec_multicm"].sum() == 260 * 173
    assert cut["dsec"].all()
    indoors = counted_pixels(truth, valid, FLOW_PRESETS["mvsec_evflownet"], events)
    assert indoors.sum() == 256 * 128


def test_means_weigh_maps_alike_and_skip_empty_ones() -> None:
    one = score_flow(constant(1.0, 0.0), constant(0.0, 0.0), everywhere(), DENSE)
    small = score_flow(constant(4.0, 0.0, (1, 1)), constant(0.0, 0.0, (1, 1)), everywhere((1, 1)), DENSE)
    none = score_flow(constant(1.0, 0.0), constant(0.0, 0.0), ~everywhere(), DENSE)
    assert none is None
    mean = mean_flow_score([one, none, small])
    assert mean is not None
    assert (mean.epe, mean.over_3px, mean.pixels, mean.maps) == (2.5, 0.5, 21, 2)
    assert mean_flow_score([None]) is None


def test_a_table_holds_zero_flow() -> None:
    table = flow_table([FlowPair(constant(3.0, 3.0), constant(3.0, 4.0), everywhere())], DENSE)
    assert list(table) == ["estimate", "zero flow"]
    assert table["estimate"].epe == pytest.approx(1.0)  # type: ignore[union-attr]
    assert table["zero flow"].epe == pytest.approx(5.0)  # type: ignore[union-attr]


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="did you mean 'mvsec_eraft'"):
        flow_preset("mvsec_eraf")
    with pytest.raises(InputError, match="pixels with events only"):
        score_flow(constant(1, 1), constant(1, 1), everywhere(), FLOW_PRESETS["mvsec_multicm"])
    with pytest.raises(InputError, match="maps of one size"):
        score_flow(constant(1, 1), constant(1, 1, (3, 3)), everywhere((3, 3)), DENSE)
    with pytest.raises(InputError, match="not finite"):
        score_flow(constant(np.nan, 1), constant(1, 1), everywhere(), DENSE)
    for preset in FLOW_PRESETS.values():
        assert preset.text.endswith(".")


def test_warping_onto_an_edge_scores_above_one_and_smearing_below() -> None:
    rng = np.random.default_rng(3)
    spread = np.column_stack((rng.uniform(10, 30, 1000), rng.uniform(5, 35, 1000)))
    sharp = spread.copy()
    sharp[:, 0] = 20.0
    preset = WarpLossPreset(events=1000, blur_px=1.0)
    better = flow_warp_loss(spread, sharp, 40, 40, preset)
    worse = flow_warp_loss(sharp, spread, 40, 40, preset)
    assert better is not None
    assert worse is not None
    assert better > 1.5
    assert worse == pytest.approx(1 / better)
    assert flow_warp_loss(spread, spread, 40, 40, preset) == pytest.approx(1.0)
    assert flow_warp_loss(spread[:999], sharp[:999], 40, 40, preset) is None
    assert "above 1 is sharper" in preset.text


def test_the_score_takes_a_fixed_number_of_events_from_the_middle() -> None:
    rng = np.random.default_rng(4)
    place = rng.uniform(5, 35, (900, 2))
    warped = place.copy()
    warped[:300], warped[600:] = 20.0, 20.0
    assert flow_warp_loss(place, warped, 40, 40, WarpLossPreset(events=300)) == pytest.approx(1.0)
    with pytest.raises(InputError, match="give both"):
        flow_warp_loss(place, warped[1:], 40, 40)
