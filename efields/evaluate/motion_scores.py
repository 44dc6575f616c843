"""Scores of the camera's motion: angular velocity in degrees per second, translation direction in degrees.

A direction is never given the truth's length or sign. Source of the traps: E-MoFlow's published linear velocities take
both from the truth, so that they do not compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from efields.errors import InputError
from efields.events.side_streams import Imu
from efields.text import read_text


@dataclass(frozen=True)
class RotationPreset:
    """Defines the reference and the metric for angular velocities."""

    text: str
    """The protocol in one sentence, for tables."""
    gyro_delay_s: float = 0.0
    """By how much a gyro sample's timestamp is later than its measurement, in seconds."""


ROTATION_PRESETS: Mapping[str, RotationPreset] = {
    "ecd_gyro": RotationPreset(
        "ECD rotation sequences (Mueggler et al., IJRR 2017): against the gyro, whose stamps are 2.4 ms late, linear"
        " between samples, at the middles of windows; RMS over all samples and axes in deg/s.",
        gyro_delay_s=2.4e-3,
    ),
    "truth": RotationPreset("Against true angular velocities at the middles of windows; RMS in deg/s."),
}
"""Presets by name."""


@dataclass(frozen=True)
class RotationScore:
    """Errors of angular velocities in deg/s."""

    rms: float
    """Root mean square over all samples and axes (the global one)."""
    rms_of_windows: float
    """Mean over windows of each window's root mean square over samples and axes (E-MoFlow's)."""
    rms_axes: tuple[float, float, float]
    """Root mean square about x, y, z."""
    mean_axes: tuple[float, float, float]
    """Mean absolute error about x, y, z."""
    mean_norm: float
    """Mean length of the difference of both vectors."""
    rms_norm: float
    """Root mean square length of the difference of both vectors: at least `mean_norm`, and sqrt(3) times `rms`."""
    rms_share: float | None
    """`rms` over the range (greatest less least component) of the truth; None for a constant one."""
    samples: int
    """Samples that count."""


@dataclass(frozen=True)
class RotationCourse:
    """How angular velocities follow others about the axis about which those change most, whatever their offsets.

    That of a gyroscope with a bias, say. Under pure rotation the slope is the ratio of the true focal length to the one
    that was assumed.
    """

    correlation: float
    """Correlation of both components, -1 to 1."""
    slope: float
    """By how much the estimate changes where the other changes by 1."""


@dataclass(frozen=True)
class DirectionScore:
    """Errors of translation directions in degrees, 0 to 180."""

    mean_deg: float | None
    """Mean angle; None where no sample counts."""
    median_deg: float | None
    """Median angle."""
    samples: int
    """Samples that count: the camera moves and a direction was given."""
    given: float
    """Fraction of the samples with a moving camera for which a direction was given, 0 to 1."""


def score_rotation(
    estimate: Float64[np.ndarray, "n 3"],
    truth: Float64[np.ndarray, "n 3"],
    window: Int64[np.ndarray, " n"] | None = None,
) -> RotationScore:
    """Scores of angular velocities in rad/s; `window` numbers the window of each sample, else each is its own.

    Raises `InputError` for no samples, different shapes and values that are not finite.
    """
    if estimate.shape != truth.shape or len(truth) == 0 or truth.shape[1:] != (3,):
        raise InputError(
            f"angular velocities {estimate.shape} and truth {truth.shape}", do="give both as [n, 3], n > 0"
        )
    if not (np.isfinite(estimate).all() and np.isfinite(truth).all()):
        raise InputError("angular velocities that are not finite", do="leave those samples out")
    difference = np.degrees(np.asarray(estimate, np.float64) - truth)
    square = (difference**2).mean(axis=1)
    number = np.arange(len(truth)) if window is None else np.unique(window, return_inverse=True)[1]
    of_windows = np.sqrt(np.bincount(number, square) / np.bincount(number))
    reach = float(np.degrees(truth.max() - truth.min()))
    rms = float(np.sqrt(square.mean()))
    return RotationScore(
        rms=rms,
        rms_of_windows=float(of_windows.mean()),
        rms_axes=_three(np.sqrt((difference**2).mean(axis=0))),
        mean_axes=_three(np.abs(difference).mean(axis=0)),
        mean_norm=float(np.linalg.norm(difference, axis=1).mean()),
        rms_norm=float(np.sqrt(3 * square.mean())),
        rms_share=rms / reach if reach > 0 else None,
        samples=len(truth),
    )


def rotation_course(estimate: Float64[np.ndarray, "n 3"], truth: Float64[np.ndarray, "n 3"]) -> RotationCourse | None:
    """Whether an estimate follows the truth's changes (rad/s both); None under 3 samples or where one is constant."""
    if len(truth) < 3:
        return None
    changes = truth - truth.mean(axis=0)
    axis = np.linalg.svd(changes, full_matrices=False)[2][0]
    of_truth, of_estimate = changes @ axis, (estimate - estimate.mean(axis=0)) @ axis
    sizes = float(np.linalg.norm(of_truth)), float(np.linalg.norm(of_estimate))
    if min(sizes) < 1e-9:
        return None
    both = float(of_truth @ of_estimate)
    return RotationCourse(both / (sizes[0] * sizes[1]), both / sizes[0] ** 2)


def direction_angle_deg(
    estimate: Float64[np.ndarray, "n 3"], truth: Float64[np.ndarray, "n 3"]
) -> Float64[np.ndarray, " n"]:
    """Angle between directions in degrees, 0 to 180; their lengths do not matter, their signs do.

    NaN where the estimate is (not observable) or a vector has no length. Exact for small angles, by the arc tangent.
    """
    across = np.linalg.norm(np.cross(estimate, truth), axis=1)
    along = (estimate * truth).sum(axis=1)
    known = (np.linalg.norm(estimate, axis=1) > 0) & (np.linalg.norm(truth, axis=1) > 0)
    return np.where(known, np.degrees(np.arctan2(across, along)), np.nan)


def score_direction(
    estimate: Float64[np.ndarray, "n 3"], velocity: Float64[np.ndarray, "n 3"], least_speed: float = 1e-3
) -> DirectionScore:
    """Scores of directions against true linear velocities; slower samples than `least_speed` do not count.

    An estimate of NaN is one that was not given: it lowers `given` and enters no angle.
    """
    moving = np.linalg.norm(velocity, axis=1) >= max(least_speed, 1e-300)
    angle = direction_angle_deg(estimate[moving], velocity[moving])
    held = angle[np.isfinite(angle)]
    given = len(held) / max(int(moving.sum()), 1)
    if len(held) == 0:
        return DirectionScore(None, None, 0, given)
    return DirectionScore(float(held.mean()), float(np.median(held)), len(held), given)


def rotation_table(
    estimate: Float64[np.ndarray, "n 3"],
    truth: Float64[np.ndarray, "n 3"],
    window: Int64[np.ndarray, " n"] | None = None,
) -> dict[str, RotationScore]:
    """Score of the estimate, and of zero rotation."""
    return {
        "estimate": score_rotation(estimate, truth, window),
        "zero rotation": score_rotation(np.zeros_like(truth), truth, window),
    }


def direction_table(
    estimate: Float64[np.ndarray, "n 3"], velocity: Float64[np.ndarray, "n 3"], least_speed: float = 1e-3
) -> dict[str, DirectionScore]:
    """Score of the estimate, and of constant directions that are independent of the recording.

    "constant forward" is (0, 0, 1), "constant diagonal" the (1, 1, 1) that E-MoFlow starts from.
    """
    rows = {"estimate": score_direction(estimate, velocity, least_speed)}
    for name, direction in (("constant forward", (0.0, 0.0, 1.0)), ("constant diagonal", (1.0, 1.0, 1.0))):
        rows[name] = score_direction(np.tile(direction, (len(velocity), 1)), velocity, least_speed)
    return rows


def gyro_at(
    imu: Imu, t_us: Int64[np.ndarray, " n"], preset: RotationPreset = ROTATION_PRESETS["ecd_gyro"]
) -> Float64[np.ndarray, "n 3"]:
    """Angular velocity of a gyro at absolute times, rad/s, linear between samples, its delay undone; NaN outside."""
    at = np.asarray(imu.t_us, np.float64) - preset.gyro_delay_s * 1e6
    times = np.asarray(t_us, np.float64)
    return np.stack([np.interp(times, at, axis, left=np.nan, right=np.nan) for axis in imu.gyro.T], axis=1)


def read_slice_motion(path: Path) -> Float64[np.ndarray, " 3"]:
    """Angular velocity (rad/s, camera axes) from the `motion.txt` of a slice of an ECD rotation sequence.

    Raises `InputError` for a missing file or one that does not hold three numbers.
    """
    file = path / "motion.txt" if path.is_dir() else path
    try:
        values = np.array([float(word) for word in read_text(file).split()])
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", file, "give a file of three numbers, rad/s") from None
    if values.shape != (3,) or not np.isfinite(values).all():
        raise InputError(f"holds {len(values)} numbers", file, "give three finite numbers, rad/s")
    return values


def _three(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = map(float, values)
    return x, y, z
