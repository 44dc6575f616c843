from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from efields.errors import InputError
from efields.evaluate import evaluate_run, evaluate_views, heldout_psnr
from efields.evaluate.heldout import NO_REFERENCE, finite, match_channels, spread
from efields.recordings.recording import Views
from efields.report.images import pictures_of
from tests.evaluate import sphere

REQUIRED = {
    "protocol", "views", "psnr", "ssim", "lpips", "lpips_reason", "depth_abs_rel", "train_seconds", "events", "steps",
    "backend", "seed", "gauge", "view_scores", "fitted_on",
}  # fmt: skip


def constant_free(value: str) -> Any:
    raise AssertionError(f"{value} is not JSON")


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(), parse_constant=constant_free)


def test_a_model_in_another_gauge_scores_perfectly_under_robust() -> None:
    result = evaluate_views(sphere.SphereRenderer(gain=3.0, power=0.8), sphere.views())  # type: ignore[arg-type]
    assert result.metrics["psnr"] > 80 and result.metrics["ssim"] > 0.9999
    np.testing.assert_allclose(result.gauge.a, 1 / 0.8, atol=1e-5)  # type: ignore[union-attr]
    np.testing.assert_allclose(result.gauge.b, -np.log(3) / 0.8, atol=1e-5)  # type: ignore[union-attr]
    assert result.metrics["depth_abs_rel"] == 0 and result.metrics["depth_coverage"] == 1
    assert result.metrics["views_are"] == "novel views"


def test_protocols_differ_on_the_same_model() -> None:
    renderer, views = sphere.SphereRenderer(gain=2.0, power=0.7), sphere.views()
    psnr = {p: evaluate_views(renderer, views, p).metrics["psnr"] for p in ("none", "offset", "eventnerf", "robust")}  # type: ignore[arg-type]
    assert psnr["none"] < psnr["offset"] < psnr["eventnerf"] < psnr["robust"]


def test_scores_are_means_of_the_views_with_one_range() -> None:
    result = evaluate_views(sphere.SphereRenderer(noise=0.1), sphere.views())  # type: ignore[arg-type]
    each = result.metrics["view_scores"]
    assert [row["name"] for row in each] == ["view_000", "view_001", "view_002"]
    assert result.metrics["psnr"] == pytest.approx(np.mean([row["psnr"] for row in each]))
    truth = sphere.views().image
    assert result.metrics["data_range"] == pytest.approx(float(truth.max() - truth.min()))
    mse = np.mean((result.render[1].astype(np.float64) - truth[1]) ** 2)
    assert each[1]["psnr"] == pytest.approx(10 * np.log10(result.metrics["data_range"] ** 2 / mse))


def test_grey_models_are_compared_with_luminance() -> None:
    colour, grey = np.random.default_rng(0).random((2, 3, 3, 3)), np.ones((2, 3, 3, 1))
    _, truth = match_channels(grey, colour)
    np.testing.assert_allclose(np.stack(truth)[..., 0], colour @ [0.2126, 0.7152, 0.0722], rtol=1e-6)
    render, _ = match_channels(colour, grey)
    assert np.stack(render).shape == grey.shape
    with pytest.raises(InputError, match="2 channels"):
        match_channels(np.ones((1, 2, 2, 2)), colour)


def test_quick_score_equals_the_full_score_of_the_same_views() -> None:
    renderer, views = sphere.SphereRenderer(noise=0.1), sphere.views(5)
    some = views.take(spread(5, 2))
    expected = evaluate_views(renderer, some, "offset").metrics["psnr"]  # type: ignore[arg-type]
    assert heldout_psnr(renderer, views, "offset", count=2) == pytest.approx(expected)  # type: ignore[arg-type]


def test_spread_is_even_unique_and_inside() -> None:
    assert spread(40, 8) == [2, 7, 12, 17, 22, 27, 32, 37]
    assert spread(3, 8) == [0, 1, 2] and spread(0, 4) == [] and spread(9, 1) == [4]


def test_evaluate_run_writes_metrics_pictures_and_events(tmp_path: Path) -> None:
    run = sphere.SphereRun(tmp_path / "run", sphere.SphereRenderer(gain=2.0)).create()
    seen: list[tuple[int, int]] = []
    views = sphere.views()
    evaluate_run(run, sphere.recording(views), on_view=lambda i, n: seen.append((i, n)))  # type: ignore[arg-type]
    metrics = read(run.path / "metrics.json")
    assert set(metrics) >= REQUIRED
    assert (metrics["protocol"], metrics["views"], metrics["seed"]) == ("robust", 3, 7)
    assert (metrics["steps"], metrics["train_seconds"], metrics["backend"]) == (1000, 90.0, "reference")
    assert metrics["lpips"] is None and metrics["lpips_reason"]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    with np.load(run.path / "heldout.npz") as held:
        assert held["truth"].dtype == np.float16 and held["names"].tolist() == list(views.names)
        np.testing.assert_allclose(held["render"], views.image, atol=2e-3)
        np.testing.assert_allclose(held["depth_truth"], views.depth, rtol=1e-3)
        assert int(held["channels"]) == 3 and held["T_world_camera"].shape == (3, 4, 4)
    with np.load(run.path / "events.npz") as stored:
        assert stored["measured"].shape == stored["predicted"].shape == (3, 32, 32)
        assert (stored["t1_us"] > stored["t0_us"]).all()


def test_views_of_several_sizes_are_scored_together_and_kept(tmp_path: Path) -> None:
    large, small = sphere.views(2), sphere.views(2, size=20)
    mixed = Views.joined(
        [*large.images, *small.images],
        np.concatenate([large.T_world_camera, small.T_world_camera]),
        [*large.camera_of_each, *small.camera_of_each],
        ("a", "b", "c", "d"),
        depths=[*(large.depths or ()), *(small.depths or ())],
    )
    run = sphere.SphereRun(tmp_path / "run", sphere.SphereRenderer(gain=2.0)).create()
    evaluate_run(run, sphere.recording(mixed))  # type: ignore[arg-type]
    assert read(run.path / "metrics.json")["psnr"] > 80  # the gain is one for all
    with np.load(run.path / "heldout.npz") as held:
        kept = {key: held[key] for key in held.files}
    assert kept["size"].tolist() == [[32, 32], [32, 32], [20, 20], [20, 20]]
    np.testing.assert_allclose(pictures_of(kept, "render", [3])[0], small.images[1], atol=2e-3)
    from efields.report import write_report

    page = write_report(run).read_text()  # type: ignore[arg-type]
    assert page.count("render of view") == 4


def test_without_reference_views_nothing_is_scored_and_nothing_is_infinite(tmp_path: Path) -> None:
    run = sphere.SphereRun(tmp_path / "run").create()
    result = evaluate_run(run, sphere.recording(None))  # type: ignore[arg-type]
    metrics = read(run.path / "metrics.json")
    assert set(metrics) >= REQUIRED and metrics["views"] == 0
    assert metrics["psnr"] is None and metrics["psnr_reason"] == NO_REFERENCE
    assert result.reference is None and len(result.render) == 8
    with np.load(run.path / "heldout.npz") as held:
        assert "truth" not in held.files


def test_frames_are_told_from_novel_views(tmp_path: Path) -> None:
    run = sphere.SphereRun(tmp_path / "run").create()
    frames = replace(sphere.recording(None), frames=sphere.views(times=True))
    assert evaluate_run(run, frames).metrics["views_are"] == "the camera's own frames"  # type: ignore[arg-type]
    with np.load(run.path / "heldout.npz") as held:
        assert held["t_us"].tolist() == frames.frames.t_us.tolist()  # type: ignore[union-attr]


def test_a_model_that_renders_nan_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    run = sphere.SphereRun(tmp_path / "run", sphere.SphereRenderer(gain=math.nan)).create()
    with pytest.raises(InputError, match="renders values that are not finite"):
        evaluate_run(run, sphere.recording(sphere.views()))  # type: ignore[arg-type]
    assert not (run.path / "metrics.json").exists()


def test_evaluation_leaves_no_gradient_and_repeats_to_the_bit() -> None:
    renderer = sphere.SphereRenderer(noise=0.2)
    renderer.register_parameter("scale", torch.nn.Parameter(torch.ones(())))
    first, second = (evaluate_views(renderer, sphere.views()) for _ in range(2))  # type: ignore[arg-type]
    assert first.metrics == second.metrics
    np.testing.assert_array_equal(first.render, second.render)


def test_finite_replaces_what_json_cannot_hold() -> None:
    given = {"a": [1.0, math.nan], "b": (math.inf, np.float32(2), np.int64(3)), "c": None, "d": "x"}
    assert finite(given) == {"a": [1.0, None], "b": [None, 2.0, 3], "c": None, "d": "x"}
