"""Randomness of the simulated sensor: mismatch, jitter, shot noise and hot pixels, all from one seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8, UInt64

from efields.simulation.sensor_model import MIN_THRESHOLD, EventCamera

SIGNAL, NOISE, HOT = 0, 1, 2
"""Labels of events: a change of the scene (or leakage), shot noise, a hot pixel."""

# separate random streams from one seed, so that switching one effect on leaves the others unchanged
_MISMATCH, _HOT_PIXELS, _LEAK_PHASE, _SHOT_NOISE, _HOT_EVENTS = range(5)


def fixed_thresholds(camera: EventCamera, pixels: int) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """ON and OFF thresholds of every pixel: normal about c_pos and c_neg, at least 0.01."""
    normals = np.random.default_rng([camera.seed, _MISMATCH]).standard_normal((2, pixels))
    on, off = camera.c_pos + camera.threshold_sigma * normals[0], camera.c_neg + camera.threshold_sigma * normals[1]
    return np.maximum(on, MIN_THRESHOLD), np.maximum(off, MIN_THRESHOLD)


def leak_phases(camera: EventCamera, pixels: int) -> Float64[np.ndarray, " n"]:
    """Share of its ON threshold, in [0, 1), that leakage has used up in every pixel when the recording starts."""
    return np.random.default_rng([camera.seed, _LEAK_PHASE]).random(pixels)


def hot_pixels(camera: EventCamera, pixels: int) -> Int64[np.ndarray, " k"]:
    """Row-major numbers of the hot pixels, sorted."""
    count = round(camera.hot_pixel_share * pixels)
    chosen = np.random.default_rng([camera.seed, _HOT_PIXELS]).choice(pixels, size=count, replace=False)
    return np.sort(chosen).astype(np.int64)


def _mixed(value: UInt64[np.ndarray, " m"]) -> UInt64[np.ndarray, " m"]:
    """Scatter 64-bit integers (the finaliser of Steele, Lea and Flood's SplitMix, 2014)."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def jitter_normals(
    seed: int, pixel: Int64[np.ndarray, " m"], ordinal: Int64[np.ndarray, " m"]
) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
    """Two standard normal numbers for the `ordinal`-th event of each pixel.

    They depend on the seed, the pixel and the ordinal alone, and so not on the order in which pixels are simulated.
    """
    key = _mixed(np.full(1, seed % 2**64, dtype=np.uint64))
    key = _mixed(_mixed(key ^ pixel.astype(np.uint64)) ^ ordinal.astype(np.uint64))
    first = ((key >> np.uint64(11)) + np.uint64(1)) * 2.0**-53
    second = (_mixed(key) >> np.uint64(11)) * 2.0**-53
    radius, angle = np.sqrt(-2.0 * np.log(first)), 2.0 * np.pi * second
    return radius * np.cos(angle), radius * np.sin(angle)


@dataclass(frozen=True)
class NoiseEvents:
    """Events that no change of light caused, between two frames, sorted by pixel and then by time.

    Entry 0 is a sentinel at infinite time, so that "no further noise event" is an index like any other.
    """

    pixel: Int64[np.ndarray, " k"]
    """Row-major pixel numbers; -1 in the sentinel."""
    t_us: Float64[np.ndarray, " k"]
    """Times in microseconds."""
    polarity: Bool[np.ndarray, " k"]
    """True for ON."""
    label: UInt8[np.ndarray, " k"]
    """1 shot noise, 2 hot pixel."""
    following: Int64[np.ndarray, " k"]
    """Index of the next noise event of the same pixel; 0 if there is none."""
    first: Int64[np.ndarray, " f"]
    """Indices of the first noise event of each pixel that has one."""

    @staticmethod
    def sorted(
        pixel: Int64[np.ndarray, " k"],
        t_us: Float64[np.ndarray, " k"],
        polarity: Bool[np.ndarray, " k"],
        label: UInt8[np.ndarray, " k"],
    ) -> NoiseEvents:
        """Sort by pixel and time, and link the events of each pixel."""
        order = np.lexsort((t_us, pixel))
        pixel = np.concatenate([[-1], pixel[order]])
        same = np.append(pixel[1:] == pixel[:-1], False)
        following = np.where(same, np.arange(1, len(pixel) + 1), 0)
        first = np.flatnonzero(np.diff(pixel)) + 1
        return NoiseEvents(
            pixel,
            np.concatenate([[np.inf], t_us[order]]),
            np.concatenate([[False], polarity[order]]),
            np.concatenate([np.zeros(1, np.uint8), label[order]]),
            following,
            first,
        )


class NoiseSource:
    """Draws the shot noise and the events of hot pixels, interval by interval."""

    def __init__(self, camera: EventCamera, on: Float64[np.ndarray, " n"], off: Float64[np.ndarray, " n"]) -> None:
        """`on`, `off`: fixed thresholds of every pixel; a low threshold lets more noise through (as in v2e)."""
        self._camera = camera
        rate = np.concatenate([camera.c_pos / on, camera.c_neg / off]) * (0.5e-6 * camera.shot_noise_rate_hz)
        self._dark_edges = np.cumsum(rate)  # per microsecond: ON of every pixel, then OFF of every pixel
        self._hot = hot_pixels(camera, len(on))

    @property
    def silent(self) -> bool:
        """Whether no noise can ever come."""
        return self._camera.shot_noise_rate_hz == 0 and (not len(self._hot) or self._camera.hot_pixel_rate_hz == 0)

    def draw(
        self,
        interval: int,
        before: Float64[np.ndarray, " n"],
        after: Float64[np.ndarray, " n"],
        t0_us: float,
        t1_us: float,
    ) -> NoiseEvents:
        """Noise events of the `interval`-th pair of frames, whose log intensities are given."""
        shot_rng = np.random.default_rng([self._camera.seed, _SHOT_NOISE, interval])
        shot, shot_polarity = self._shot_pixels(shot_rng, before, after, t1_us - t0_us)
        hot_rng = np.random.default_rng([self._camera.seed, _HOT_EVENTS, interval])
        count = hot_rng.poisson(self._camera.hot_pixel_rate_hz * 1e-6 * (t1_us - t0_us) * len(self._hot))
        hot = self._hot[hot_rng.integers(0, max(len(self._hot), 1), count)]
        t_us = [shot_rng.uniform(t0_us, t1_us, len(shot)), hot_rng.uniform(t0_us, t1_us, len(hot))]
        return NoiseEvents.sorted(
            np.concatenate([shot, hot]),
            np.concatenate(t_us),
            np.concatenate([shot_polarity, np.ones(len(hot), bool)]),
            np.repeat(np.array([NOISE, HOT], np.uint8), [len(shot), len(hot)]),
        )

    def _shot_pixels(
        self,
        rng: np.random.Generator,
        before: Float64[np.ndarray, " n"],
        after: Float64[np.ndarray, " n"],
        width_us: float,
    ) -> tuple[Int64[np.ndarray, " k"], Bool[np.ndarray, " k"]]:
        """Pixels and polarities of shot noise: drawn at the rates of darkness, then thinned by the light (exact)."""
        edges, pixels = self._dark_edges, len(before)
        if edges[-1] == 0:
            return np.empty(0, np.int64), np.empty(0, bool)
        count = rng.poisson(edges[-1] * width_us)
        drawn = np.searchsorted(edges, rng.random(count) * edges[-1], side="right")
        is_off, pixel = np.divmod(np.minimum(drawn, len(edges) - 1), pixels)
        intensity = np.exp(0.5 * (before[pixel] + after[pixel])) - self._camera.log_eps
        light = np.clip(intensity / self._camera.intensity_white, 0.0, 1.0)
        kept = rng.random(count) < 1.0 - (1.0 - self._camera.shot_noise_white) * light
        return pixel[kept], is_off[kept] == 0
