"""The settings of the simulated event camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from efields.errors import InputError
from efields.ranges import NotNegative, Positive, Range, Seed, Share, check_ranges

MIN_THRESHOLD = 0.01
"""Smallest contrast threshold that a pixel may have, in log intensity, however large the mismatch (as in v2e)."""

BAYER_PATTERNS = ("", "RGGB", "BGGR", "GRBG", "GBRG")

RefractoryMode = Literal["hold", "delay", "drop"]


@dataclass(frozen=True)
class EventCamera:
    """An event camera: ideal by default, with one setting for every departure from the ideal.

    An event of any origin (signal, noise, hot) resets its pixel: the reference becomes the log intensity of that moment
    and the refractory period begins. Noise that falls into a refractory period is lost.
    """

    c_pos: Annotated[float, Range(MIN_THRESHOLD, 100)] = 0.25
    """Contrast threshold of ON events: increase of the natural logarithm of intensity."""
    c_neg: Annotated[float, Range(MIN_THRESHOLD, 100)] = 0.25
    """Contrast threshold of OFF events: decrease of the natural logarithm of intensity."""
    threshold_sigma: Annotated[float, Range(0, 100)] = 0.0
    """Standard deviation of the thresholds from pixel to pixel, fixed for the recording, in log intensity."""
    threshold_jitter: Annotated[float, Range(0, 100)] = 0.0
    """Standard deviation of the thresholds from event to event, in log intensity; drawn again after every event."""
    refractory_us: Annotated[float, Range(0, 1e9)] = 0.0
    """Time after an event during which its pixel emits no further event, in microseconds."""
    refractory_mode: RefractoryMode = "hold"
    """What a pixel does in its refractory period. hold: it stays in reset, and starts from the log intensity at the end
    of the period (closest to the circuit). delay: the reference waits, and a change still beyond the threshold at the
    end of the period fires then. drop: crossings are dropped but still move the reference (as ESIM does)."""
    cutoff_hz: Annotated[float, Range(0, 1e9)] = 0.0
    """Cut-off frequency of the first-order low-pass at white, in Hz; 0 switches it off."""
    cutoff_floor: Positive = 0.08
    """Fraction of the bandwidth that is left in the dark: tau = tau0 / (I / intensity_white + cutoff_floor)."""
    leak_rate_hz: Annotated[float, Range(0, 1000)] = 0.0
    """ON events per second and pixel caused by leakage in a static scene; each pixel starts at a random phase."""
    shot_noise_rate_hz: Annotated[float, Range(0, 1000)] = 0.0
    """Poisson noise events per second and pixel in the dark, both polarities together."""
    shot_noise_white: Share = 0.25
    """Fraction of the dark noise rate that is left at white (linear in between)."""
    hot_pixel_share: Share = 0.0
    """Fraction of the pixels that are hot, 0 to 1; they are drawn once."""
    hot_pixel_rate_hz: Annotated[float, Range(0, 1e5)] = 100.0
    """Poisson rate of the ON events of a hot pixel, per second."""
    bayer: str = ""
    """Colour filter, top left, top right, bottom left, bottom right ("RGGB"); "" is a monochrome sensor (luminance)."""
    readout_rate_cap: NotNegative = 0.0
    """Most events per second; a surplus in any `readout_window_us` is thinned evenly. 0: no limit."""
    readout_window_us: Annotated[float, Range(above=0, most=1e9)] = 1000.0
    """Time over which the readout counts events against its limit, in microseconds."""
    intensity_white: Positive = 1.0
    """Intensity of white, in the unit of the frames, with full bandwidth and least shot noise."""
    log_eps: Positive = 0.5 / 255
    """Intensity added before the logarithm is taken."""
    seed: Seed = 0
    """Seed of all randomness: the same seed gives exactly the same events."""

    def __post_init__(self) -> None:
        check_ranges(self)
        if self.refractory_mode not in ("hold", "delay", "drop"):
            raise InputError(
                f"unknown refractory_mode {self.refractory_mode!r}", "event camera", "choose hold, delay or drop"
            )
        if self.bayer not in BAYER_PATTERNS:
            raise InputError(
                f"unknown bayer pattern {self.bayer!r}",
                "event camera",
                "choose RGGB, BGGR, GRBG, GBRG or leave it empty",
            )

    @property
    def leak_per_us(self) -> float:
        """Drift of the reference by leakage, in log intensity per microsecond (the same current in every pixel)."""
        return self.leak_rate_hz * self.c_pos * 1e-6
