"""The event camera against brute force, effect by effect, and against closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from efields.events.stream import EventStream
from efields.simulation.event_camera import EventCamera, simulate_events
from efields.simulation.pixel_bandwidth import MAX_LOG_STEP, LowPassFrontEnd
from efields.simulation.pixel_noise import NoiseSource, fixed_thresholds, jitter_normals, leak_phases
from efields.simulation.sensor_model import RefractoryMode

from .brute_force import Fire, low_pass, piecewise, pixel_events

MODES: tuple[RefractoryMode, ...] = ("hold", "delay", "drop")


def random_walks(frames: int = 30, height: int = 3, width: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log intensity between about -3 and 0 that moves by up to several thresholds a frame, at uneven times."""
    rng = np.random.default_rng(seed)
    levels = -1.5 + 1.4 * np.sin(np.cumsum(rng.normal(0, 0.45, (frames, height, width)), axis=0))
    t_s = np.cumsum(rng.uniform(0.3e-3, 2e-3, frames))
    return levels, t_s - t_s[0]


def fires_of(events: EventStream, labels: np.ndarray, x: int, y: int) -> list[Fire]:
    mine = np.flatnonzero((events.x == x) & (events.y == y))
    return [Fire(float(events.t_us[i]), bool(events.polarity[i]), int(labels[i])) for i in mine]


def assert_same(ours: list[Fire], brute: list[Fire], tolerance_us: float = 0.51) -> None:
    assert [(fire.on, fire.label) for fire in ours] == [(fire.on, fire.label) for fire in brute]
    assert [fire.t_us for fire in ours] == pytest.approx([fire.t_us for fire in brute], abs=tolerance_us)


def rate_of(camera: EventCamera, log_intensity: float) -> float:
    """1 / tau per microsecond."""
    share = max(math.exp(log_intensity) - camera.log_eps, 0.0) / camera.intensity_white
    return (share + camera.cutoff_floor) * 2e-6 * math.pi * camera.cutoff_hz


def assert_equals_brute_force(camera: EventCamera, seed: int = 0, tolerance_us: float = 0.51) -> int:
    """Compare every pixel; the number of events that were compared."""
    levels, t_s = random_walks(seed=seed)
    events, labels = simulate_events(levels, t_s, camera, is_log=True)
    frames, height, width = levels.shape
    flat, t_us = levels.reshape(frames, -1), t_s * 1e6
    on, off = fixed_thresholds(camera, height * width)
    source = NoiseSource(camera, on, off)
    drawn = [source.draw(k, flat[k - 1], flat[k], t_us[k - 1], t_us[k]) for k in range(1, frames)]
    for pixel in range(height * width):
        noise = [
            (float(d.t_us[i]), bool(d.polarity[i]), int(d.label[i]))
            for d in drawn
            for i in np.flatnonzero(d.pixel == pixel)
        ]

        def thresholds(ordinal: int, pixel: int = pixel) -> tuple[float, float]:
            if not camera.threshold_jitter:
                return on[pixel], off[pixel]
            first, second = jitter_normals(camera.seed, np.array([pixel]), np.array([ordinal]))
            sigma = camera.threshold_jitter
            return max(on[pixel] + sigma * first[0], 0.01), max(off[pixel] + sigma * second[0], 0.01)

        if camera.cutoff_hz:
            seen = low_pass(t_us, flat[:, pixel], lambda now: rate_of(camera, now), step_us=5.0)
        else:
            seen = piecewise(t_us.tolist(), flat[:, pixel].tolist())
        drift = camera.leak_rate_hz * camera.c_pos * 1e-6
        brute = pixel_events(
            lambda t, seen=seen, drift=drift: seen(t) + drift * t,
            t_us.tolist(),
            thresholds,
            period_us=camera.refractory_us,
            mode=camera.refractory_mode,
            noise=noise,
            reference=flat[0, pixel] - (leak_phases(camera, height * width)[pixel] * thresholds(0)[0] if drift else 0),
        )
        assert_same(fires_of(events, labels, pixel % width, pixel // width), brute, tolerance_us)
    return len(events)


EFFECTS = {
    "ideal": EventCamera(),
    "unequal thresholds": EventCamera(c_pos=0.31, c_neg=0.17),
    "mismatch": EventCamera(threshold_sigma=0.05, seed=3),
    "jitter": EventCamera(threshold_jitter=0.06, seed=4),
    "leak": EventCamera(leak_rate_hz=60.0),
    **{f"refractory {mode}": EventCamera(refractory_us=900.0, refractory_mode=mode) for mode in MODES},
    **{f"long refractory {mode}": EventCamera(refractory_us=7000.0, refractory_mode=mode) for mode in MODES},
    "shot noise": EventCamera(shot_noise_rate_hz=150.0),
    "hot pixels": EventCamera(hot_pixel_share=0.25, hot_pixel_rate_hz=400.0),
    **{
        f"everything {mode}": EventCamera(
            threshold_sigma=0.03, threshold_jitter=0.03, refractory_us=800.0, refractory_mode=mode, leak_rate_hz=30.0,
            shot_noise_rate_hz=300.0, hot_pixel_share=0.1, hot_pixel_rate_hz=300.0, seed=5,
        )
        for mode in MODES
    },
}  # fmt: skip


@pytest.mark.parametrize("camera", EFFECTS.values(), ids=EFFECTS.keys())
def test_equals_brute_force(camera: EventCamera) -> None:
    assert assert_equals_brute_force(camera, seed=1) > 30


@pytest.mark.parametrize("cutoff_hz", [60.0, 600.0])
@pytest.mark.parametrize(("log_step", "tolerance"), [(MAX_LOG_STEP, 1e-3), (0.02, 1e-4)])
def test_low_pass_converges_to_its_equation(
    cutoff_hz: float, log_step: float, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("efields.simulation.pixel_bandwidth.MAX_LOG_STEP", log_step)
    levels, t_s = random_walks(seed=2)
    flat, t_us = levels.reshape(len(levels), -1)[:, :4], t_s * 1e6
    camera = EventCamera(cutoff_hz=cutoff_hz)
    front = LowPassFrontEnd(camera, flat[0])
    output = [flat[0].copy()]
    for k in range(1, len(flat)):
        for _ in front.stretches(flat[k - 1], flat[k], t_us[k - 1], t_us[k]):
            pass
        output.append(front._output.copy())
    for pixel in range(4):
        fine = low_pass(t_us, flat[:, pixel], lambda now: rate_of(camera, now), step_us=5.0)
        assert np.array(output)[:, pixel] == pytest.approx([fine(t) for t in t_us], abs=tolerance)


@pytest.mark.parametrize("mode", MODES)
def test_low_pass_events_equal_brute_force(mode: RefractoryMode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("efields.simulation.pixel_bandwidth.MAX_LOG_STEP", 0.02)
    monkeypatch.setattr("efields.simulation.pixel_bandwidth.MAX_STEPS", 200)
    camera = EventCamera(
        cutoff_hz=300.0, refractory_us=500.0, refractory_mode=mode, leak_rate_hz=20.0, shot_noise_rate_hz=100.0
    )
    assert assert_equals_brute_force(camera, seed=2, tolerance_us=5.0) > 30


def test_low_pass_answers_a_step_with_an_exponential() -> None:
    camera = EventCamera(cutoff_hz=50.0, log_eps=1e-12, c_pos=0.1)
    # a step from black to white within 1 us, then white for 0.1 s
    events, _ = simulate_events(np.array([[[0.1]], [[1.0]], [[1.0]]]), np.array([0, 1e-6, 0.1]), camera)
    tau_us = 1e6 / (2 * math.pi * 50) / (1 + camera.cutoff_floor)
    change = math.log(10)
    expected = [1 + tau_us * -math.log(1 - 0.1 * k / change) for k in range(1, math.ceil(change / 0.1))]
    assert events.polarity.all()
    assert events.t_us == pytest.approx(expected, abs=1.0)


def test_low_pass_follows_a_ramp_at_a_distance_of_slope_times_tau() -> None:
    camera = EventCamera(cutoff_hz=200.0, cutoff_floor=1e9, c_pos=0.01)  # so large a floor makes tau constant
    tau_us = 1e6 / (2 * math.pi * 200)
    camera = replace(camera, cutoff_hz=200.0 / 1e9)
    frames = np.linspace(-2, 0, 21).reshape(-1, 1, 1)
    events, _ = simulate_events(frames, np.linspace(0, 0.1, 21), camera, is_log=True)
    slope = 2 / 1e5
    level = 0.01 * np.arange(1, len(events) + 1)
    t = events.t_us.astype(float)
    assert level == pytest.approx(slope * (t - tau_us * (1 - np.exp(-t / tau_us))), abs=slope)
    assert len(events) == math.floor((2 - slope * tau_us) / 0.01)


@pytest.mark.parametrize(("last", "threshold", "on", "off"), [(-0.5, 0.05, 15, 3), (-0.09, 0.93 / 18, 18, 0)])
def test_low_pass_turns_round_within_one_interval(last: float, threshold: float, on: int, off: int) -> None:
    # The input falls while the output is still rising: the output has its maximum inside the second interval. In the
    # second case that is one step of the low-pass, and only its maximum reaches the 18th threshold.
    camera = EventCamera(cutoff_hz=30.0 / 1e9, cutoff_floor=1e9, c_pos=threshold, c_neg=threshold)
    levels, t_s = np.array([-1.0, 0.0, last]).reshape(-1, 1, 1), np.array([0, 2e-3, 30e-3])
    events, _ = simulate_events(levels, t_s, camera, is_log=True)
    seen = low_pass(t_s * 1e6, levels.ravel(), lambda _: 2 * math.pi * 30 * 1e-6, step_us=2.0)
    brute = pixel_events(seen, (t_s * 1e6).tolist(), lambda _: (threshold, threshold))
    assert events.polarity.tolist() == [True] * on + [False] * off
    assert [f.on for f in brute] == events.polarity.tolist()
    assert events.t_us == pytest.approx([f.t_us for f in brute], abs=1)


def test_sine_gives_the_exact_number_of_events_at_the_exact_times() -> None:
    amplitude, threshold, cycles = 1.3, 0.25, 3
    t_s = np.linspace(0, 0.303, 20_001)  # a little more than the cycles: the last crossing of 0 counts
    log_intensity = amplitude * np.sin(2 * np.pi * cycles * t_s / 0.3)
    events, _ = simulate_events(log_intensity.reshape(-1, 1, 1), t_s, EventCamera(), is_log=True)
    # in every cycle 5 up from 0, 10 down, 5 up to 0 (1.3 / 0.25 = 5.2)
    up, down = [0.25 * k for k in range(1, 6)], [0.25 * k for k in range(4, -6, -1)]
    assert len(events) == 20 * cycles
    first = math.asin(threshold / amplitude) / (2 * np.pi * cycles / 0.3) * 1e6
    assert abs(events.t_us[0] - first) <= 1
    phase = 2 * np.pi * cycles * events.t_us[:15] * 1e-6 / 0.3
    assert amplitude * np.sin(phase) == pytest.approx(up + down, abs=amplitude * 2 * np.pi * cycles / 0.3 * 1e-6)
    assert list(events.polarity[:20]) == [True] * 5 + [False] * 10 + [True] * 5


def test_ramp_gives_events_within_a_microsecond_even_far_from_time_zero() -> None:
    t_s = 1.7e9 + np.array([0, 0.123457])
    events, _ = simulate_events(np.array([[[0.0]], [[2.6]]]), t_s, EventCamera(), is_log=True)
    expected = (t_s[0] + 0.25 * np.arange(1, 11) / 2.6 * 0.123457) * 1e6
    assert np.abs(events.t_us - expected).max() <= 1
    assert events.t_us.dtype == np.int64


def test_a_pixel_that_wakes_in_a_still_scene_keeps_its_reference() -> None:
    # the signal jumps and then stands still: no crossing is possible after frame 1, but a refractory pixel must wake
    levels = np.array([0.0, 1.0, 1.0, 1.0, 0.8, 0.8]).reshape(-1, 1, 1)
    t_s = np.arange(6) * 1e-3
    hold, delay, drop = (
        simulate_events(levels, t_s, EventCamera(refractory_us=1500.0, refractory_mode=mode), is_log=True)[0]
        for mode in MODES
    )
    assert list(hold.t_us) == [250]
    assert list(delay.t_us) == [250, 1750, 3250]
    assert list(drop.t_us) == [250]
    # hold: woken at 1.75 ms on level 1.0, a fall of 0.2 is not enough; a fall of 0.3 is
    levels[4:] = 0.7
    again = simulate_events(levels, t_s, EventCamera(refractory_us=1500.0), is_log=True)[0]
    assert list(again.t_us) == [250, 3833]
    assert list(again.polarity) == [True, False]
