"""The page of an estimate of motion: curves, sharpened events, flow, agreement with what else is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from efields.atomic import write_text
from efields.motion.motion import Motion
from efields.report import markup
from efields.report.images import data_uri
from efields.report.motion_pictures import arrows, flow_colours, wheel
from efields.report.motion_plots import Reference, angular_velocity_plot, direction_plot
from efields.report.page import document

STATUS = {
    "ok": "rotation and direction of translation",
    "rotation only": "no parallax beyond noise: rotation alone, no direction",
    "two-fold": "a plane: its other interpretation fits as well",
    "uncertain direction": "directions far apart explain the flow: rotation, less certain, and no direction",
    "too few events": "too few events: the neighbour's estimate",
    "no gain": "warping sharpens nothing: the neighbour's estimate",
    "still": "the camera stood still",
}


@dataclass(frozen=True)
class MotionPage:
    """What the page shows."""

    name: str
    """Name of the recording."""
    motion: Motion | None
    """The motion; None where the camera is not calibrated and only flow is known."""
    before: UInt8[np.ndarray, "h w 3"] | None = None
    """Events of one window as they came."""
    after: UInt8[np.ndarray, "h w 3"] | None = None
    """The same events warped."""
    flow: Float[np.ndarray, "h w 2"] | None = None
    """Flow at one time, px/s."""
    fastest: float = 1.0
    """Speed of the colour wheel's rim, px/s."""
    references: tuple[Reference, ...] = ()
    """Gyroscope, ground truth."""
    agreement: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Scores by reference, then by name, each beside its baseline."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How it was estimated."""
    notes: tuple[str, ...] = ()
    """What a user should know, a sentence each."""


def write_motion_page(path: Path, page: MotionPage) -> None:
    """Write the page as one file that needs no network."""
    parts = [
        _headline(page),
        *_curves(page),
        _sharpness(page),
        _flow(page),
        _agreement(page),
        _notes(page),
        _settings(page),
    ]
    write_text(path, document(f"{page.name} · motion", f"efields motion · {page.name}", page.name, parts))


def _headline(page: MotionPage) -> str:
    motion = page.motion
    if motion is None:
        return markup.missing(
            "The camera is not calibrated: 2D flow is shown, and no egomotion. Give --camera for both."
        )
    weight = motion.events / max(float(motion.events.sum()), 1.0)
    mean = np.degrees(weight @ motion.angular_velocity)
    speed = np.degrees(weight @ np.linalg.norm(motion.angular_velocity, axis=1))
    span_s = float(motion.t_us[-1] - motion.t_us[0]) * 1e-6
    count = "one window" if len(motion) == 1 else f"{len(motion)} windows"
    cards = [
        markup.card(
            f"{speed:.1f} °/s", "Angular speed", "mean: " + ", ".join(f"{v:.1f}" for v in mean) + " °/s about x, y, z"
        ),
        markup.card(
            f"{float(np.median(motion.gain)):.2f}",
            "Sharpening (FWL)",
            "variance of warped over unwarped events, median",
        ),
        markup.card(markup.duration(motion.seconds), "Time", f"{count} over {span_s:.2f} s"),
        markup.card(markup.show(int(motion.events.sum())), "Events", "in all windows together"),
    ]
    counted = {status: motion.status.count(status) for status in dict.fromkeys(motion.status)}
    said = "; ".join(f"{count} of {len(motion)} windows: {STATUS[status]}" for status, count in counted.items())
    return f'<div class="cards">{"".join(cards)}</div>' + markup.paragraph(f"Model “{motion.model}”. {said}.", "lead")


def _curves(page: MotionPage) -> list[str]:
    if page.motion is None:
        return []
    label = "Angular velocity about the camera's axes over time"
    parts = [markup.figure(angular_velocity_plot(page.motion, page.references), label)]
    parts.append(markup.paragraph("Bands are two standard deviations, from the curvature of the contrast.", "note"))
    direction = direction_plot(page.motion)
    if direction is not None:
        parts.append(markup.figure(direction, "Direction of translation over time"))
    elif page.motion.model == "full":
        parts.append(markup.missing("No direction of translation: it was not observable."))
    return [markup.section("Motion", *parts, anchor="motion")]


def _sharpness(page: MotionPage) -> str:
    if page.before is None or page.after is None:
        return ""
    cells = [
        f"<figure>{markup.picture(data_uri(image), label)}<figcaption>{escape(label)}</figcaption></figure>"
        for image, label in ((page.before, "as they came"), (page.after, "warped by the estimate"))
    ]
    body = f'<div class="pair">{"".join(cells)}</div>'
    return markup.section("Events of one window", body, anchor="sharpness")


def _flow(page: MotionPage) -> str:
    if page.flow is None:
        return ""
    colours = flow_colours(page.flow, page.fastest)
    faint = (255 - (255 - colours.astype(np.float32)) * 0.35).astype(np.uint8)
    pictures = [
        ("speed and direction", data_uri(colours)),
        ("arrows", data_uri(arrows(faint, page.flow, page.fastest))),
    ]
    cells = [
        f"<figure>{markup.picture(uri, label)}<figcaption>{escape(label)}</figcaption></figure>"
        for label, uri in pictures
    ]
    legend = markup.picture(data_uri(wheel()), "colour wheel: hue is the direction, saturation the speed", "wheel")
    scale = markup.paragraph(f"Rim of the wheel: {page.fastest:.0f} px/s.", "note")
    return markup.section("Optical flow", f'<div class="pair">{"".join(cells)}</div>', legend, scale, anchor="flow")


def _agreement(page: MotionPage) -> str:
    if not page.agreement:
        text = "Nothing to compare with: the recording holds neither a gyroscope nor a truth."
        return markup.section("Agreement", markup.missing(text), anchor="agreement")
    names = list(dict.fromkeys(name for scores in page.agreement.values() for name in scores))
    rows = [
        [escape(reference), *("" if name not in scores else f"{scores[name]:.3f}" for name in names)]
        for reference, scores in page.agreement.items()
    ]
    return markup.section("Agreement", markup.table(["compared with", *names], rows), anchor="agreement")


def _notes(page: MotionPage) -> str:
    said = [
        *page.notes,
        "The speed of translation is never known from one camera; its direction is, where there is parallax.",
    ]
    return markup.section(
        "What to know", "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in said) + "</ul>", anchor="notes"
    )


def _settings(page: MotionPage) -> str:
    return markup.section("Settings", markup.facts(page.settings.items()), anchor="settings")
