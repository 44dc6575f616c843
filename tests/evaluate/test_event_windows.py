from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from efields.evaluate.event_windows import choose_windows, compare_windows, own_channel, pose_at
from efields.events.sensor import Sensor
from efields.events.stream import EventStream
from efields.render.image import render_view
from tests.evaluate import sphere


def model(bayer: str = "RGGB", sensor: Sensor | None = None) -> SimpleNamespace:
    return SimpleNamespace(
        renderer=sphere.SphereRenderer(),
        camera=sphere.camera(32, bayer),
        trajectory=sphere.trajectory(),
        sensor=sensor or Sensor(0.3, 0.2),
    )


def stream(rows: list[tuple[int, int, int, bool]]) -> EventStream:
    x, y, t_us, polarity = (np.array(column) for column in zip(*rows, strict=True))
    return EventStream.from_arrays(x, y, t_us, polarity, 32, 32)


def test_measured_change_counts_the_window_without_its_start() -> None:
    rows = [(3, 4, 100, True), (3, 4, 200, True), (3, 4, 300, True), (5, 6, 250, False), (5, 6, 301, False)]
    result = compare_windows(model(), stream(rows), [(100, 300)])  # type: ignore[arg-type]
    expected = np.zeros((32, 32))
    expected[4, 3], expected[6, 5] = 2 * 0.3, -0.2
    np.testing.assert_allclose(result.measured[0], expected, atol=1e-7)


def test_predicted_change_is_the_log_ratio_in_each_pixels_own_channel() -> None:
    m = model()
    result = compare_windows(m, sphere.events(), [(200_000, 260_000)])  # type: ignore[arg-type]
    before, after = (render_view(m.renderer, m.camera, pose_at(m.trajectory, t)).radiance for t in (200_000, 260_000))
    change = np.log(after) - np.log(before)
    for (y, x), c in {(16, 16): 0, (16, 17): 1, (17, 16): 1, (17, 17): 2}.items():
        assert result.predicted[0, y, x] == pytest.approx(change[y, x, c], abs=1e-5)
    assert np.abs(result.predicted).max() > 0.05


def test_without_a_filter_the_luminance_is_seen_and_one_channel_is_itself() -> None:
    radiance = np.random.default_rng(0).random((32, 32, 3), dtype=np.float32)
    np.testing.assert_allclose(
        own_channel(radiance, sphere.camera()), radiance @ np.float32([0.2126, 0.7152, 0.0722]), rtol=1e-6
    )
    np.testing.assert_array_equal(own_channel(radiance[..., :1], sphere.camera()), radiance[..., 0])


def test_pose_at_a_knot_is_the_pose_given() -> None:
    path = sphere.trajectory()
    np.testing.assert_allclose(pose_at(path, int(path.t_us[7])), sphere.poses(40)[7], atol=1e-9)


def test_windows_are_spread_equal_in_events_and_inside_the_trajectory() -> None:
    events, path = sphere.events(n=9000), sphere.trajectory()
    windows = choose_windows(events, path)
    assert len(windows) == 3
    assert all(path.start_us <= a < b <= path.end_us for a, b in windows)
    counts = [len(events.between(a + 1, b + 1)) for a, b in windows]
    assert max(counts) - min(counts) <= 3 and abs(counts[0] - 512) <= 3
    middle = [np.searchsorted(events.t_us, (a + b) / 2) / len(events) for a, b in windows]
    np.testing.assert_allclose(middle, [1 / 6, 3 / 6, 5 / 6], atol=0.02)


def test_too_few_events_give_no_window() -> None:
    few = stream([(1, 1, 10, True), (2, 2, 20, True)])
    assert choose_windows(few, sphere.trajectory()) == []
    empty = compare_windows(model(), few, [])  # type: ignore[arg-type]
    assert empty.measured.shape == (0, 32, 32) and empty.summary() == []


def test_summary_measures_the_residual() -> None:
    result = compare_windows(model(), sphere.events(), [(200_000, 260_000)])  # type: ignore[arg-type]
    (row,) = result.summary()
    assert row["residual_rms"] == pytest.approx(float(np.sqrt(np.mean((result.measured - result.predicted) ** 2))))
    assert row["t1_us"] == 260_000 and row["correlation"] is not None
