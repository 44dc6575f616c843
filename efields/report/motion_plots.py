"""Curves of motion over time, beside the gyroscope and the truth where they are known, as inline SVG."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from jaxtyping import Float64, Int64
from matplotlib.figure import Figure

from efields.motion.motion import Motion
from efields.report.plots import _INK, _SETTINGS, AMBER, BLUE, _svg

GREEN = "#2a9d8f"


@dataclass(frozen=True)
class Reference:
    """Angular velocity that something else says."""

    name: str
    """What says it, such as 'gyroscope'."""
    t_us: Int64[np.ndarray, " n"]
    """Absolute times in microseconds."""
    angular_velocity: Float64[np.ndarray, "n 3"]
    """Angular velocity in the camera's axes, rad/s."""


def angular_velocity_plot(motion: Motion, references: tuple[Reference, ...]) -> str:
    """Three axes of the angular velocity in deg/s with two standard deviations, one above the other."""
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(10.4, 5.6), layout="constrained")
        seconds = (motion.t_us - motion.t_us[0]) * 1e-6
        sigma = np.degrees(np.sqrt(np.maximum(np.diagonal(motion.covariance, axis1=1, axis2=2), 0.0)))
        for k, axis in enumerate("xyz"):
            axes = figure.add_subplot(3, 1, k + 1)
            value = np.degrees(motion.angular_velocity[:, k])
            axes.fill_between(seconds, value - 2 * sigma[:, k], value + 2 * sigma[:, k], color=BLUE, alpha=0.18, lw=0)
            for number, reference in enumerate(references):
                t, w = (reference.t_us - motion.t_us[0]) * 1e-6, np.degrees(reference.angular_velocity[:, k])
                near = (t >= seconds[0] - 0.05) & (t <= seconds[-1] + 0.05)
                colour, dash = ((AMBER, "--"), (GREEN, "-."))[number % 2]
                axes.plot(t[near], w[near], color=colour, linestyle=dash, linewidth=1.2, label=reference.name)
            axes.plot(
                seconds, value, color=BLUE, linewidth=1.7, label="efields", marker="o" if len(motion) < 40 else "", ms=3
            )
            axes.set_ylabel(f"{axis}, deg/s")
            if k == 0:
                axes.set_title("Angular velocity, camera axes", loc="left", fontsize=11, color=_INK)
                axes.legend(fontsize=9, loc="upper right", ncols=3)
        figure.axes[-1].set_xlabel("seconds from the first estimate")
        return _svg(figure, "rotation")


def direction_plot(motion: Motion) -> str | None:
    """Components of the direction of translation; None where it is observable in no window."""
    known = np.isfinite(motion.direction).all(axis=1)
    if not known.any():
        return None
    with matplotlib.rc_context(_SETTINGS):
        figure = Figure(figsize=(10.4, 2.9), layout="constrained")
        axes = figure.add_subplot()
        seconds = (motion.t_us - motion.t_us[0]) * 1e-6
        for k, (axis, colour, dash) in enumerate(
            (("x right", BLUE, "-"), ("y down", AMBER, "--"), ("z forward", GREEN, "-."))
        ):
            axes.plot(
                seconds, np.where(known, motion.direction[:, k], np.nan), color=colour, linestyle=dash, label=axis
            )
        axes.set_ylim(-1.05, 1.05)
        axes.set_title("Direction of translation (unit vector, camera axes)", loc="left", fontsize=11, color=_INK)
        axes.set_xlabel("seconds from the first estimate")
        axes.legend(fontsize=9, loc="lower right", ncols=3)
        return _svg(figure, "direction")
