"""Evaluation protocols: which ambiguity of brightness is removed, fitted over what, and where PSNR is computed.

Events measure changes of log intensity, never its value, so a reconstruction is known up to a gauge: an offset in log
intensity per channel always, and a scale too where the contrast threshold is not known. Numbers of two protocols cannot
be compared. Every fit runs over all pixels of all views at once in float64, never per image, which would inflate PSNR.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32, Float64

from efields.errors import InputError

log = logging.getLogger(__name__)

RADIANCE_FLOOR = 1e-3
"""Smallest predicted radiance, as the fields' softplus + 1e-3 has it; guards the log against other renderers."""
REFERENCE_FLOOR = 1.0 / 512.0
"""Smallest reference value, as a fraction of the largest: half a grey level of 8 bits, (0 + 0.5) / 256."""
GAMMA = 2.2
"""Exponent between display values and linear light."""
EVENTNERF_EPSILON = 0.1
"""The constant that EventNeRF adds before its logarithm, on a scale where white is 1."""

ColorSpace = Literal["linear", "display"]
Pictures = Sequence[Float[np.ndarray, "_ _ _"]] | Float[np.ndarray, "_ _ _ _"]
"""Images `[h, w, c]`, whose sizes may differ; an array of all, `[n, h, w, c]`, where they do not."""


@dataclass(frozen=True)
class Protocol:
    """One way to compare renders with reference images."""

    name: str
    """Name on the command line and in metrics.json."""
    summary: str
    """What is corrected and where PSNR is computed, in one plain sentence; `{views}` is replaced by their number."""
    fit: Literal["affine", "offset", "none"]
    """What is removed per channel in log intensity: scale and offset, offset alone, or nothing."""
    gamma_space: bool = False
    """Compare display values clipped to 0..1 with peak 1 (EventNeRF), instead of the reference as it is stored."""

    def reference(self, truth: Pictures, color_space: ColorSpace) -> list[Float32[np.ndarray, "_ _ c"]]:
        """The images that renders are compared with: the truth as stored, or its display values where white is 1."""
        stored = [np.asarray(image, dtype=np.float32) for image in truth]
        if not self.gamma_space:
            return stored
        white = _white(truth, color_space)
        shown = [np.clip(image / np.float32(white), 0.0, 1.0) for image in stored]
        return shown if color_space == "display" else [image ** np.float32(1.0 / GAMMA) for image in shown]

    def data_range(self, reference: Pictures) -> float:
        """Peak of PSNR and range of SSIM: largest minus smallest reference value of the set, or 1 in gamma space."""
        return 1.0 if self.gamma_space else largest(reference) - smallest(reference)

    def sentence(self, views: int) -> str:
        """The summary for this number of views."""
        return self.summary.format(views=f"all {views} views" if views != 1 else "the one view")


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "robust",
            "One scale and one offset per channel in log intensity, fitted by least squares over {views} at once; "
            "the peak is the largest minus the smallest reference value.",
            fit="affine",
        ),
        Protocol(
            "eventnerf",
            "One scale and one offset per channel in log(v^2.2 + 0.1), fitted by least squares over {views} at once; "
            "display values clipped to 0..1, the peak is 1.",
            fit="affine",
            gamma_space=True,
        ),
        Protocol(
            "offset",
            "One offset per channel in log intensity, fitted by least squares over {views} at once; "
            "the peak is the largest minus the smallest reference value.",
            fit="offset",
        ),
        Protocol(
            "none",
            "Renders are compared without any correction; the peak is the largest minus the smallest "
            "reference value of {views}.",
            fit="none",
        ),
    )
}


def protocol_named(name: str) -> Protocol:
    """The protocol with this name; raises `InputError` that lists them all."""
    if name not in PROTOCOLS:
        raise InputError(f"unknown protocol {name!r}", do=f"choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


@dataclass(frozen=True)
class Gauge:
    """The brightness ambiguity removed: `log(aligned + epsilon) = a * log(gain * x + epsilon) + b`, per channel.

    x is the predicted radiance, brought into the space of the reference by the power `encoding`.
    """

    a: Float64[np.ndarray, " c"]
    """Scale in log intensity per channel."""
    b: Float64[np.ndarray, " c"]
    """Offset in log intensity per channel."""
    gain: Float64[np.ndarray, " c"]
    """Gain per channel before `epsilon` is added; 1 unless the protocol has an epsilon, which needs a scale."""
    epsilon: float = 0.0
    """Constant inside the logarithm, on the scale where white is 1."""
    encoding: float = 1.0
    """Power that takes predicted linear radiance to the space of the fit: 1, or 1/2.2 for display-encoded truth."""
    decoding: float = 1.0
    """Power applied last, after a clip to 0..1: 1/2.2 in gamma space; 1 means neither clip nor power."""

    def apply(self, radiance: Float[np.ndarray, "*view c"]) -> Float32[np.ndarray, "*view c"]:
        """Predicted linear radiance to the values that the reference is compared with."""
        x = _encoded(radiance, self.encoding) * self.gain + self.epsilon
        aligned = x**self.a * np.exp(self.b) - self.epsilon
        if self.decoding != 1.0:
            aligned = np.clip(aligned, 0.0, 1.0) ** self.decoding
        return aligned.astype(np.float32)

    def apply_to_each(self, pictures: Pictures) -> list[Float32[np.ndarray, "_ _ c"]]:
        """`apply` of every image."""
        return [self.apply(image) for image in pictures]

    def as_dict(self) -> dict[str, object]:
        """Plain numbers for JSON."""
        return {
            "a": self.a.tolist(),
            "b": self.b.tolist(),
            "gain": self.gain.tolist(),
            "epsilon": self.epsilon,
            "encoding": self.encoding,
            "decoding": self.decoding,
        }


def fit_gauge(
    pred: Pictures,
    truth: Pictures,
    protocol: Protocol | str,
    color_space: ColorSpace = "linear",
) -> Gauge:
    """Fit the gauge of `protocol` by linear least squares in float64 over every pixel of every view at once.

    `robust` (Robust e-NeRF, ICCV 2023): `log truth ~ a log pred + b`. The truth is taken as stored and floored at 1/512
    of its largest value; a display-encoded truth is met by `pred^(1/2.2)`, so that a calibrated render has a = 1.
    `eventnerf` (EventNeRF, CVPR 2023): v is the display value of the truth, where a linear truth is divided by the
    largest value of the set and raised to 1/2.2; `log(v^2.2 + 0.1) ~ a log(g pred + 0.1) + b` is fitted, and
    `clip(exp(.) - 0.1, 0, 1)^(1/2.2)` is compared with v. The gain g, which EventNeRF does not have, is the `offset`
    fit: without it our radiance has no scale on which 0.1 means anything.
    `offset`: `log truth ~ log pred + b`. `none`: nothing is fitted.
    Raises `InputError` on values that are not finite or shapes that differ.
    """
    rule = protocol_named(protocol) if isinstance(protocol, str) else protocol
    _check(pred, truth)
    channels = truth[0].shape[-1]
    one, zero = np.ones(channels), np.zeros(channels)
    reference = rule.reference(truth, color_space)
    if rule.gamma_space:
        linear = [image ** np.float32(GAMMA) for image in reference]
        _, offset = _least_squares(
            pred, linear, lambda x: np.log(_encoded(x, 1.0)), _log_reference(linear), slope=False
        )
        gain = np.exp(offset)
        a, b = _least_squares(
            pred,
            linear,
            lambda x: np.log(_encoded(x, 1.0) * gain + EVENTNERF_EPSILON),
            lambda y: np.log(y.astype(np.float64) + EVENTNERF_EPSILON),
            slope=True,
        )
        return Gauge(a, b, gain, epsilon=EVENTNERF_EPSILON, decoding=1.0 / GAMMA)
    encoding = 1.0 if color_space == "linear" else 1.0 / GAMMA
    if rule.fit == "none":
        return Gauge(one, zero, one, encoding=encoding)
    a, b = _least_squares(
        pred,
        reference,
        lambda x: np.log(_encoded(x, encoding)),
        _log_reference(reference),
        slope=rule.fit == "affine",
    )
    if (a < 0).any():
        log.warning("the fitted scale is negative (%s): the reconstruction has inverted contrast", a.tolist())
    return Gauge(a, b, one, encoding=encoding)


def _encoded(radiance: np.ndarray, power: float) -> np.ndarray:
    """Floored radiance to a power, float64."""
    floored = np.maximum(np.asarray(radiance, dtype=np.float64), RADIANCE_FLOOR)
    return floored if power == 1.0 else floored**power


def largest(pictures: Pictures) -> float:
    """The largest value of all images."""
    return max(float(image.max()) for image in pictures)


def smallest(pictures: Pictures) -> float:
    """The smallest value of all images."""
    return min(float(image.min()) for image in pictures)


def _log_reference(reference: Pictures) -> Callable[[np.ndarray], np.ndarray]:
    """Logarithm of reference values, floored at a share of the largest of the whole set."""
    floor = largest(reference) * REFERENCE_FLOOR
    return lambda values: np.log(np.maximum(values.astype(np.float64), floor))


def _white(truth: Pictures, color_space: ColorSpace) -> float:
    """The value that counts as 1 in gamma space: 1 for display values up to 1, else the largest of the set."""
    high = largest(truth)
    return max(1.0, high) if color_space == "display" else high


def _check(pred: Pictures, truth: Pictures) -> None:
    """Refuse input that cannot be fitted."""
    shapes = [[image.shape for image in pictures] for pictures in (pred, truth)]
    if shapes[0] != shapes[1]:
        first, other = next(
            (pair for pair in zip(*shapes, strict=False) if pair[0] != pair[1]), (len(pred), len(truth))
        )
        raise InputError(f"renders of shape {first} cannot be compared with references of shape {other}")
    if not any(image.size for image in truth):
        raise InputError("there are no reference views")
    if not all(np.isfinite(image).all() for image in truth):
        raise InputError("reference views hold values that are not finite", do="repair or remove those images")
    if not all(np.isfinite(image).all() for image in pred):
        raise InputError("the model renders values that are not finite", do="train again with a lower learning rate")
    if largest(truth) <= smallest(truth):
        raise InputError(f"reference views are constant ({largest(truth):g}): so nothing can be compared with them")


def _least_squares(
    pred: Pictures,
    reference: Pictures,
    log_pred: Callable[[np.ndarray], np.ndarray],
    log_reference: Callable[[np.ndarray], np.ndarray],
    *,
    slope: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset per channel of `log_reference(reference) ~ a log_pred(pred) + b`, or offset alone (a = 1).

    The closed form with centred sums equals lstsq and holds one view in float64 at a time. A prediction that is
    constant in a channel gets a = 0.
    """
    channels = reference[0].shape[-1]

    def rows() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for x, y in zip(pred, reference, strict=True):
            yield log_pred(x).reshape(-1, channels), log_reference(y).reshape(-1, channels)

    count = sum(image.size for image in reference) // channels
    x_mean, y_mean = np.zeros(channels), np.zeros(channels)
    for x, y in rows():
        x_mean += x.sum(0) / count
        y_mean += y.sum(0) / count
    if not slope:
        return np.ones(channels), y_mean - x_mean
    xx, xy = np.zeros(channels), np.zeros(channels)
    for x, y in rows():
        centred = x - x_mean
        xx += (centred * centred).sum(0)
        xy += (centred * (y - y_mean)).sum(0)
    # A constant prediction leaves only rounding in xx; no scale fits it, and 0 says that it carries nothing.
    varies = xx > count * (1e-12 * np.maximum(np.abs(x_mean), 1.0)) ** 2
    a = np.where(varies, xy / np.where(varies, xx, 1.0), 0.0)
    return a, y_mean - a * x_mean
