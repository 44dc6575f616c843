"""Rates, statistics, colour, readout, labels and determinism of the event camera."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from efields.events.stream import EventStream
from efields.simulation.event_camera import HOT, NOISE, SIGNAL, EventCamera, read_out, simulate_events
from efields.simulation.pixel_noise import fixed_thresholds, hot_pixels, jitter_normals

SHAPE = (40, 50)
PIXELS = 2000


def still(intensity: float, dusurplusn_s: float = 2.0, frames: int = 9) -> tuple[np.ndarray, np.ndarray]:
    return np.full((frames, *SHAPE), intensity), np.linspace(0, dusurplusn_s, frames)


def per_pixel(events: EventStream, mask: np.ndarray | slice = slice(None)) -> np.ndarray:
    return np.bincount(events.pixel[mask], minlength=events.pixels)


def digest(events: EventStream, labels: np.ndarray) -> str:
    columns = (events.x, events.y, events.t_us, events.polarity, labels)
    return hashlib.sha256(b"".join(column.tobytes() for column in columns)).hexdigest()


def everything(seed: int = 0) -> EventCamera:
    return EventCamera(
        threshold_sigma=0.03, threshold_jitter=0.02, refractory_us=500, cutoff_hz=100, leak_rate_hz=1, seed=seed,
        shot_noise_rate_hz=5, hot_pixel_share=0.01, hot_pixel_rate_hz=50, bayer="RGGB", readout_rate_cap=2e5,
    )  # fmt: skip


def moving(frames: int = 12) -> tuple[np.ndarray, np.ndarray]:
    columns = np.arange(SHAPE[1])
    rows = np.stack([0.5 + 0.45 * np.sin((columns - k) / 4) for k in range(frames)])
    stack = np.broadcast_to(rows[:, None, :, None], (frames, *SHAPE, 3)) * np.array([1.0, 0.7, 0.4])
    return stack, np.arange(frames) * 2e-3


@pytest.mark.parametrize("camera", [EventCamera(), EventCamera(cutoff_hz=100, threshold_sigma=0.05, refractory_us=100)])
def test_a_still_scene_gives_no_events(camera: EventCamera) -> None:
    events, labels = simulate_events(*still(0.4), camera)
    assert len(events) == len(labels) == 0
    assert (events.width, events.height) == SHAPE[::-1]


def test_mismatch_has_the_wanted_mean_and_spread_and_a_floor() -> None:
    on, off = fixed_thresholds(EventCamera(c_pos=0.3, c_neg=0.2, threshold_sigma=0.03, seed=1), 40_000)
    assert [on.mean(), off.mean()] == pytest.approx([0.3, 0.2], abs=4 * 0.03 / 200)
    assert [on.std(), off.std()] == pytest.approx([0.03, 0.03], rel=0.02)
    assert abs(np.corrcoef(on, off)[0, 1]) < 0.02
    assert fixed_thresholds(EventCamera(threshold_sigma=0.3), 1000)[0].min() == 0.01
    # fixed: on a ramp each pixel fires at multiples of its own threshold
    camera = EventCamera(threshold_sigma=0.03, seed=2)
    ramp = np.stack([np.zeros(SHAPE), np.full(SHAPE, 3.0)])
    events, _ = simulate_events(ramp, np.array([0, 1.0]), camera, is_log=True)
    assert per_pixel(events).tolist() == np.floor(3.0 / fixed_thresholds(camera, PIXELS)[0]).astype(int).tolist()


def test_jitter_spreads_the_steps_of_one_pixel() -> None:
    ramp = np.stack([np.zeros(SHAPE), np.full(SHAPE, 25.0)])
    events, _ = simulate_events(ramp, np.array([0, 10.0]), EventCamera(threshold_jitter=0.02), is_log=True)
    order = np.lexsort((events.t_us, events.pixel))
    steps = np.diff(events.t_us[order]) * 2.5e-6
    steps = steps[np.diff(events.pixel[order]) == 0]
    assert steps.mean() == pytest.approx(0.25, abs=1e-3)
    assert steps.std() == pytest.approx(0.02, rel=0.02)
    assert abs(np.corrcoef(steps[:-1], steps[1:])[0, 1]) < 0.02


def test_jitter_numbers_are_standard_normal_and_independent() -> None:
    pixel, ordinal = (a.ravel() for a in np.meshgrid(np.arange(500), np.arange(200)))
    first, second = jitter_normals(7, pixel, ordinal)
    for values in (first, second):
        assert values.mean() == pytest.approx(0, abs=0.015)
        assert values.std() == pytest.approx(1, abs=0.01)
        assert (np.abs(values) > 3).mean() == pytest.approx(0.0027, abs=0.0008)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.015
    for grid in (first.reshape(200, 500), second.reshape(200, 500)):
        assert abs(np.corrcoef(grid[:-1].ravel(), grid[1:].ravel())[0, 1]) < 0.015
        assert abs(np.corrcoef(grid[:, :-1].ravel(), grid[:, 1:].ravel())[0, 1]) < 0.015
    assert not np.array_equal(first, jitter_normals(8, pixel, ordinal)[0])


@pytest.mark.parametrize("dusurplusn_s", [2.0, 2.37])
def test_leak_gives_on_events_at_its_rate(dusurplusn_s: float) -> None:
    events, labels = simulate_events(*still(0.4, dusurplusn_s), EventCamera(leak_rate_hz=3.0))
    assert events.polarity.all()
    assert (labels == SIGNAL).all()
    assert set(per_pixel(events)) <= {int(3 * dusurplusn_s), int(3 * dusurplusn_s) + 1}
    assert len(events) / PIXELS == pytest.approx(3 * dusurplusn_s, abs=4 * 0.5 / np.sqrt(PIXELS) + 1e-6)
    pixel = events[events.pixel == 77]
    assert np.diff(pixel.t_us) == pytest.approx(np.full(len(pixel) - 1, 1e6 / 3), abs=1)


def test_shot_noise_is_poisson_and_stronger_in_the_dark() -> None:
    camera = EventCamera(shot_noise_rate_hz=8.0, shot_noise_white=0.25)
    counts = {}
    for intensity in (0.0, 0.5, 1.0, 3.0):
        events, labels = simulate_events(*still(intensity), camera)
        assert (labels == NOISE).all()
        assert events.polarity.mean() == pytest.approx(0.5, abs=0.02)
        counts[intensity] = per_pixel(events)
    means = [counts[i].mean() / 2 for i in counts]
    assert means == pytest.approx([8.0, 8 * 0.625, 2.0, 2.0], abs=0.2)
    assert counts[0.0].var() == pytest.approx(16, rel=0.15)
    gaps = np.diff(simulate_events(*still(0.0), camera)[0].t_us)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.03)


def test_low_thresholds_let_more_shot_noise_through() -> None:
    camera = EventCamera(shot_noise_rate_hz=20.0, threshold_sigma=0.05, seed=6)
    events, _ = simulate_events(*still(0.0), camera)
    for threshold, fired in zip(fixed_thresholds(camera, PIXELS), (events.polarity, ~events.polarity), strict=True):
        expected = 20 * 0.25 / threshold  # per polarity in 2 s
        surplus = per_pixel(events, fired) - expected
        assert abs(surplus.mean()) < 4 * np.sqrt(expected.mean() / PIXELS)
        assert abs(np.corrcoef(surplus, expected)[0, 1]) < 0.1


def test_noise_resets_the_pixel() -> None:
    # a slow ramp of 0.9 thresholds never fires alone; reset by noise it must not fire either
    ramp = np.stack([np.full(SHAPE, -1.0), np.full(SHAPE, -1.0 + 0.9 * 0.25)])
    camera = EventCamera(shot_noise_rate_hz=5.0)
    events, labels = simulate_events(ramp, np.array([0, 1.0]), camera, is_log=True)
    assert len(events) > 1000
    assert (labels == NOISE).all()
    # and noise delays what would have fired: a ramp of 1.5 thresholds fires once only where noise came late or never
    ramp[1] = -1.0 + 1.5 * 0.25
    events, labels = simulate_events(ramp, np.array([0, 1.0]), camera, is_log=True)
    signal = per_pixel(events, labels == SIGNAL)
    quiet = per_pixel(events, labels == NOISE) == 0
    assert (signal[quiet] == 1).all()
    assert 0.1 < signal[~quiet].mean() < 0.9


def test_hot_pixels_are_few_fixed_and_fire_on_events_at_their_rate() -> None:
    camera = EventCamera(hot_pixel_share=0.02, hot_pixel_rate_hz=60.0, seed=9)
    events, labels = simulate_events(*still(0.4), camera)
    chosen = hot_pixels(camera, PIXELS)
    assert len(set(chosen.tolist())) == 40
    assert (labels == HOT).all()
    assert events.polarity.all()
    assert np.flatnonzero(per_pixel(events)).tolist() == chosen.tolist()
    counts = per_pixel(events)[chosen]
    assert counts.mean() == pytest.approx(120, abs=4 * np.sqrt(120 / 40))
    assert counts.var() == pytest.approx(120, rel=0.7)


def test_noise_in_a_refractory_period_is_lost() -> None:
    camera = EventCamera(hot_pixel_share=1.0, hot_pixel_rate_hz=1000.0, refractory_us=1000.0)
    events, _ = simulate_events(*still(0.4), camera)
    order = np.lexsort((events.t_us, events.pixel))
    gaps = np.diff(events.t_us[order])[np.diff(events.pixel[order]) == 0]
    assert gaps.min() >= 999
    assert len(events) / PIXELS / 2 == pytest.approx(500, rel=0.02)  # r / (1 + r tau)


def test_labels_say_what_made_each_event() -> None:
    frames, t_s = moving()
    ideal, labels = simulate_events(frames, t_s, EventCamera())
    assert (labels == SIGNAL).all()
    camera = EventCamera(shot_noise_rate_hz=5, hot_pixel_share=0.01, hot_pixel_rate_hz=500)
    events, labels = simulate_events(frames, t_s, camera)
    assert set(labels.tolist()) == {SIGNAL, NOISE, HOT}
    assert labels.dtype == np.uint8
    assert set(events.pixel[labels == HOT].tolist()) <= set(hot_pixels(camera, PIXELS).tolist())
    untouched = ~np.isin(np.arange(PIXELS), events.pixel[labels != SIGNAL])
    same = per_pixel(ideal)[untouched] == per_pixel(events)[untouched]
    assert same.all()


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_bayer_filter_is_applied_before_the_logarithm(pattern: str) -> None:
    # R doubles, G stays, B halves
    frames = np.ones((2, 4, 6, 3)) * 0.4
    frames[1] *= np.array([2.0, 1.0, 0.5])
    events, _ = simulate_events(frames, np.array([0, 0.1]), EventCamera(bayer=pattern, log_eps=1e-9))
    for row in range(4):
        for column in range(6):
            letter = pattern[2 * (row % 2) + column % 2]
            mine = events.polarity[(events.x == column) & (events.y == row)]
            assert mine.tolist() == {"R": [True] * 2, "G": [], "B": [False] * 2}[letter]  # ln 2 = 2.8 thresholds


def test_without_a_filter_colour_is_luminance() -> None:
    frames = np.ones((2, 1, 1, 3)) * 0.5
    frames[1, 0, 0] = (0.5, 1.0, 0.5)
    luminance = np.array([0.5, 0.5 + 0.5 * 0.7152])
    colour, _ = simulate_events(frames, np.array([0, 0.1]), EventCamera(c_pos=0.05))
    grey, _ = simulate_events(luminance.reshape(2, 1, 1), np.array([0, 0.1]), EventCamera(c_pos=0.05))
    logs, _ = simulate_events(np.log(frames), np.array([0, 0.1]), EventCamera(c_pos=0.05), is_log=True)
    assert colour.t_us.tolist() == grey.t_us.tolist()
    assert len(logs) == int(np.log(luminance[1] / luminance[0]) / 0.05)


def test_readout_passes_its_cap_evenly() -> None:
    t_us = np.sort(np.random.default_rng(0).integers(0, 100_000, 50_000))  # 500 events a millisecond
    read = read_out(t_us, cap_hz=123_400, window_us=1000)
    window = (t_us - t_us[0]) // 1000
    counts = np.bincount(window[read])
    assert set(counts[:-1].tolist()) <= {123, 124}
    assert read.sum() == pytest.approx(12_340, abs=2)
    # evenly: no stretch of a window is favoured
    phase = (t_us[read] - t_us[0]) % 1000
    assert np.histogram(phase, 10, (0, 1000))[0] == pytest.approx(np.full(10, 1234), rel=0.1)
    assert read_out(t_us, cap_hz=1e6, window_us=1000).all()
    sparse = np.arange(10) * 10_000
    assert read_out(sparse, cap_hz=1000, window_us=1000).all()


def test_readout_cap_keeps_columns_and_labels_together() -> None:
    frames, t_s = moving()
    camera = EventCamera(shot_noise_rate_hz=20.0)
    whole, labels = simulate_events(frames, t_s, camera)
    capped, capped_labels = simulate_events(frames, t_s, replace(camera, readout_rate_cap=2e5))
    assert len(capped) == len(capped_labels)
    assert len(capped) <= 2e5 * 0.022 + 1 < len(whole)
    every = set(zip(whole.x, whole.y, whole.t_us, whole.polarity, labels, strict=True))
    assert set(zip(capped.x, capped.y, capped.t_us, capped.polarity, capped_labels, strict=True)) <= every


def test_the_seed_decides_every_byte() -> None:
    frames, t_s = moving()
    runs = [digest(*simulate_events(frames, t_s, everything(seed))) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_events_do_not_depend_on_how_frames_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    frames, t_s = moving()
    camera = replace(everything(), readout_rate_cap=0.0)
    events, labels = simulate_events(frames, t_s, camera)
    streamed = simulate_events((frame for frame in frames), t_s, camera)
    assert digest(events, labels) == digest(*streamed)
    # nor on how many pixels are looked at together, but for the order of simultaneous events
    monkeypatch.setattr("efields.simulation.pixel_bandwidth.BLOCK", 37)
    blocks, block_labels = simulate_events(frames, t_s, camera)
    orders = [np.lexsort((e.polarity, e.pixel, e.t_us)) for e in (events, blocks)]
    assert digest(events[orders[0]], labels[orders[0]]) == digest(blocks[orders[1]], block_labels[orders[1]])


def test_events_come_sorted_and_progress_is_told() -> None:
    frames, t_s = moving()
    told: list[tuple[int, int | None]] = []
    events, _ = simulate_events(frames, t_s, everything(), on_progress=lambda *now: told.append(now))
    assert (np.diff(events.t_us) >= 0).all()
    assert events.t_us[0] >= 0
    assert events.t_us[-1] <= 22_000
    assert told == [(k, 12) for k in range(1, 13)]
