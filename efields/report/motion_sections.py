"""Sections of the page of motion: curves, agreement, sharpened events, flow."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from efields.evaluate.motion_agreement import GYROSCOPE, Agreement
from efields.motion.motion import UNKNOWN, Motion
from efields.report import markup
from efields.report.images import data_uri
from efields.report.motion_pictures import arrows, flow_colours, wheel
from efields.report.motion_plots import angular_velocity_plot, direction_plot

if TYPE_CHECKING:
    from efields.report.motion_page import MotionPage

_GIVEN = {"rotation": "angular velocity", "full": "angular velocity and translation direction"}
_STATUS = {
    "rotation only": "no parallax beyond noise, angular velocity alone",
    "two-fold": "a plane, whose flow two motions explain equally well: one of them is given",
    "uncertain direction": "angular velocity, less certain, and no translation direction, which is ambiguous",
    "still": "the image hardly moves",
    "too few events": "too few events",
    "no gain": "warping sharpens nothing",
}


def windows_in_words(motion: Motion) -> str:
    """The model and the results of its windows, in two sentences."""
    instead = (
        "the angular velocity of neighbouring windows is given" if set(motion.status) - set(UNKNOWN) else "0 is given"
    )
    model = {"rotation": "rotation alone", "full": "rotation, translation direction and flow together"}[motion.model]
    told = []
    for status in dict.fromkeys(motion.status):
        words = _GIVEN[motion.model] if status == "ok" else _STATUS[status]
        words += f", {instead}" if status in UNKNOWN else ""
        told.append(f"{_windows(motion.status.count(status), len(motion))}: {words}")
    assumed = " The focal length is assumed, and angular velocities depend on it."
    said = f"Model “{motion.model}” ({model}). {'; '.join(told)}."
    return said + assumed if motion.calibration == "assumed" else said


def _windows(count: int, total: int) -> str:
    if total == 1:
        return "The one window"
    return f"All {total} windows" if count == total else f"{count} of {total} windows"


def number(value: float, digits: int) -> str:
    """A number with a proper minus sign; no minus before zero."""
    written = f"{value:.{digits}f}"
    return written.lstrip("-") if not float(written) else written.replace("-", markup.MINUS)


def curves(page: MotionPage) -> str:
    """Angular velocity and translation direction over time."""
    motion = page.motion
    label = "Angular velocity about the camera's axes over time"
    bands = {
        "rotation": "two standard deviations, from the curvature of the contrast.",
        "full": "two standard deviations, from the residual of the flow.",
    }[motion.model]
    bands = f"{'The bar is' if len(motion) == 1 else 'Bands are'} {bands}"
    parts = [
        *([markup.paragraph(windows_in_words(motion))] if page.command == "flow" else []),
        markup.figure(angular_velocity_plot(motion, page.references, page.span_us), label),
        markup.paragraph(bands, "note"),
    ]
    direction = direction_plot(motion, page.span_us)
    if direction is not None:
        parts.append(markup.figure(direction, "Translation direction over time"))
    elif motion.model == "full":
        parts.append(markup.missing("No window gives a translation direction."))
    return markup.section("Motion", *parts, anchor="motion")


def compared(page: MotionPage) -> str:
    """Errors against each reference, beside those of no rotation."""
    if not page.agreement:
        names = " or ".join(reference.name for reference in page.references)
        text = (
            f"Not compared: the middle of no window lies within the time of {names}."
            if names
            else "Not compared: the recording has neither gyroscope samples nor poses."
        )
        return markup.section("Agreement", markup.missing(text), anchor="agreement")
    head = [
        "Compared with", "Windows", "RMS error, deg/s", "Mean error, deg/s", "Zero rotation: RMS, deg/s",
        "Zero rotation: mean, deg/s",
    ]  # fmt: skip
    courses = any(one.correlation is not None for one in page.agreement)
    parts = [
        markup.table(
            [*head, "Correlation", "Slope"] if courses else head,
            [_row(one, len(page.motion), courses) for one in page.agreement],
            "scores",
        ),
        markup.paragraph(
            "Errors are lengths of the difference of the two angular velocities, at the middles of windows, next to "
            "the errors of zero rotation."
            + (" Correlation and slope are about the axis about which the reference changes most." if courses else ""),
            "note",
        ),
    ]
    if any(one.reference == GYROSCOPE for one in page.agreement):
        parts.append(
            markup.paragraph(
                "The gyroscope's axes are assumed to be the camera's, and its bias is not removed.", "note"
            )
        )
    return markup.section("Agreement", *parts, anchor="agreement")


def _row(one: Agreement, windows: int, courses: bool) -> list[str]:
    values = (one.rms_deg_s, one.mean_deg_s, one.zero_rotation_rms_deg_s, one.zero_rotation_mean_deg_s)
    course = ["" if value is None else number(value, 2) for value in (one.correlation, one.slope)] if courses else []
    return [escape(one.reference), f"{one.windows} of {windows}", *(f"{value:.2f}" for value in values), *course]


def sharpness(page: MotionPage) -> str:
    """Events of one window, unwarped and warped."""
    how = "the rotation" if page.motion.model == "rotation" else "the flow"
    body = _pair((_image(page.before, "unwarped"), "unwarped"), (_image(page.after, "warped"), f"warped by {how}"))
    text = markup.paragraph(
        "Images of the events of the middle window: the better the estimate, the sharper the image.", "note"
    )
    return markup.section("Events of one window", body, text, anchor="sharpness")


def flow(page: MotionPage) -> str:
    """A film or a picture of the flow, arrows, and the colour wheel."""
    shown = page.flow
    if shown is None:
        return ""
    colours = flow_colours(shown.picture, shown.fastest)
    faint = (255 - (255 - colours.astype(np.float32)) * 0.35).astype(np.uint8)
    first = (_image(colours, "flow as colours"), f"at {shown.at_s:.3g} s")
    if shown.film:
        uri = "data:video/mp4;base64," + base64.b64encode(shown.film).decode("ascii")
        poster = escape(data_uri(colours))
        player = f'<video controls loop muted playsinline poster="{poster}" src="{uri}"></video>'
        slowed = f", slowed down {shown.slowed:.0f} times" if shown.slowed >= 1.5 else ""
        first = (player, f"video of {page.span_s:.3g} s{slowed}")
    arrowed = (_image(arrows(faint, shown.picture, shown.fastest), "flow as arrows"), f"arrows, at {shown.at_s:.3g} s")
    legend = markup.picture(data_uri(wheel()), "colour wheel: hue is the direction, saturation the speed", "wheel")
    scale = markup.paragraph(
        f"Hue is the direction of motion, saturation the speed: {shown.fastest:.0f} px/s or more at the rim of the "
        "wheel. Flow far from events is extrapolated.",
        "note",
    )
    return markup.section("Optical flow", _pair(first, arrowed), legend, scale, anchor="flow")


def _image(image: UInt8[np.ndarray, "h w 3"], label: str) -> str:
    return markup.picture(data_uri(image), label)


def _pair(*shown: tuple[str, str]) -> str:
    """Pictures side by side, with their captions."""
    figures = (f"<figure>{html}<figcaption>{escape(caption)}</figcaption></figure>" for html, caption in shown)
    return f'<div class="pair">{"".join(figures)}</div>'
