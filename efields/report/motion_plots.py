"""Curves of motion over time, beside the gyroscope and the poses where they are known, as inline SVG."""

from __future__ import annotations

import matplotlib
import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from efields.evaluate.motion_agreement import Reference
from efields.motion.motion import UNKNOWN, Motion
from efields.report.plots import _INK, _SETTINGS, AMBER, BLUE, _svg

GREEN = "#2a9d8f"
_FEW = 60
"""So many windows or fewer are marked one by one."""


def angular_velocity_plot(motion: Motion, references: tuple[Reference, ...], span_us: tuple[int, int]) -> str:
    """Three axes of the angular velocity in deg/s with two standard deviations, one above the other.

    Time counts from the first of `span_us`, the first and last events looked at. Windows that give no angular velocity
    of their own have no standard deviation.
    """
    own = np.array([status not in UNKNOWN for status in motion.status])
    sigma = np.degrees(np.sqrt(np.maximum(np.diagonal(motion.covariance, axis1=1, axis2=2), 0.0)))
    sigma = np.where(own[:, None], sigma, np.nan)
    seconds, marker = (motion.t_us - span_us[0]) * 1e-6, "o" if len(motion) < _FEW else ""
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(10.4, 5.4), layout="constrained")
        rows: list[Axes] = list(figure.subplots(3, 1, sharex=True))
        for k, (axes, axis) in enumerate(zip(rows, "xyz", strict=True)):
            value = np.degrees(motion.angular_velocity[:, k])
            for number, reference in enumerate(references):
                _draw_reference(axes, reference, k, span_us, (AMBER, GREEN, _INK)[number % 3])
            band = value + np.array([[-2], [2]]) * sigma[:, k]
            axes.fill_between(seconds, band[0], band[1], color=BLUE, alpha=0.18, lw=0)
            if len(motion) == 1:
                axes.errorbar(seconds, value, 2 * np.nan_to_num(sigma[:, k]), color=BLUE, alpha=0.4, capsize=4)
            axes.plot(seconds, value, color=BLUE, linewidth=1.7, label="efields", marker=marker, ms=3)
            axes.set_ylabel(f"{axis}, deg/s")
        rows[0].set_title("Angular velocity, camera axes", loc="left", fontsize=11, color=_INK)
        rows[0].legend(fontsize=9, loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=4, frameon=False)
        _time_axis(rows[-1], span_us)
        return _svg(figure, "rotation")


def direction_plot(motion: Motion, span_us: tuple[int, int]) -> str | None:
    """Components of the translation direction; None where no window gives one."""
    known = np.isfinite(motion.direction).all(axis=1)
    if not known.any():
        return None
    seconds = (motion.t_us - span_us[0]) * 1e-6
    lines = (("x right", BLUE, "-"), ("y down", AMBER, "--"), ("z forward", GREEN, "-."))
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(10.4, 2.9), layout="constrained")
        axes = figure.add_subplot()
        for k, (axis, colour, dash) in enumerate(lines):
            value: Float64[np.ndarray, " m"] = np.where(known, motion.direction[:, k], np.nan)
            axes.plot(seconds, value, color=colour, linestyle=dash, label=axis, marker="o", ms=3.5)
        axes.set_ylim(-1.08, 1.08)
        axes.set_title("Translation direction (unit vector, camera axes)", loc="left", fontsize=11, color=_INK)
        axes.legend(fontsize=9, loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=3, frameon=False)
        _time_axis(axes, span_us)
        return _svg(figure, "direction")


def _draw_reference(axes: Axes, reference: Reference, axis: int, span_us: tuple[int, int], colour: str) -> None:
    """One axis of a reference in the time that is looked at: many samples as a thin line, few as a dashed one."""
    near = (reference.t_us >= span_us[0]) & (reference.t_us <= span_us[1])
    many = int(near.sum()) > 5 * _FEW
    axes.plot(
        (reference.t_us[near] - span_us[0]) * 1e-6,
        np.degrees(reference.angular_velocity[near, axis]),
        color=colour, linestyle="-" if many else "--", linewidth=0.7 if many else 1.3, label=reference.name,
    )  # fmt: skip


def _time_axis(axes: Axes, span_us: tuple[int, int]) -> None:
    axes.set_xlim(0.0, max((span_us[1] - span_us[0]) * 1e-6, 1e-6))
    axes.set_xlabel("seconds from the first event looked at")
