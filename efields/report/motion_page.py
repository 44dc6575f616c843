"""The page about an estimate of motion or flow: the result, its agreement with references, the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from efields.atomic import write_text
from efields.evaluate.environment import environment
from efields.evaluate.motion_agreement import Agreement, Reference
from efields.motion.flow_maps import Speeds
from efields.motion.motion import Calibration, Motion
from efields.report import markup, motion_sections
from efields.report.run_page import block, document, flat


@dataclass(frozen=True)
class ShownFlow:
    """Optical flow, as the page shows it."""

    picture: Float[np.ndarray, "h w 2"]
    """Flow of every pixel in the middle of the time, px/s."""
    at_s: float
    """When that is, seconds from the first event looked at."""
    fastest: float
    """Speed at the rim of the colour wheel, px/s."""
    speeds: Speeds
    """Its speed at the events."""
    film: bytes = b""
    """An MP4 of the flow in colours; empty for none."""
    slowed: float = 1.0
    """How many times longer the video lasts than what it shows."""


@dataclass(frozen=True)
class MotionPage:
    """What the page shows."""

    command: str
    """`egomotion` or `flow`, which leads with the flow."""
    name: str
    """Name of the recording."""
    motion: Motion
    """What was estimated; without a calibration, only its flow is shown."""
    span_us: tuple[int, int]
    """Absolute times of the first and last event looked at, microseconds."""
    seconds: float
    """Duration of the whole command."""
    before: UInt8[np.ndarray, "h w 3"]
    """Events of one window as they are."""
    after: UInt8[np.ndarray, "h w 3"]
    """The same events warped."""
    flow: ShownFlow | None = None
    """The flow, where the model has one."""
    references: tuple[Reference, ...] = ()
    """Gyroscope, poses."""
    agreement: tuple[Agreement, ...] = ()
    """How the motion agrees with them."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Tables of settings by title: how it was estimated."""
    notes: tuple[str, ...] = ()
    """What a user should know, one sentence each."""

    @property
    def calibration(self) -> Calibration:
        """Where the focal length comes from."""
        return self.motion.calibration

    @property
    def span_s(self) -> float:
        """Seconds from the first event looked at to the last."""
        return (self.span_us[1] - self.span_us[0]) * 1e-6


def write_motion_page(path: Path, page: MotionPage) -> None:
    """Write the page as one file that works offline."""
    claimed = page.calibration != "none"
    motion = [motion_sections.curves(page), motion_sections.compared(page)] if claimed else []
    flow, events = motion_sections.flow(page), motion_sections.sharpness(page)
    body = [flow, events, *motion] if page.command == "flow" else [*motion, events, flow]
    parts = [_cards(page), _lead(page), *body, _notes(page), _settings(page)]
    over = f"efields {page.command} · {page.name}"
    write_text(path, document(f"{page.name} · {page.command}", over, page.name, parts))


def _cards(page: MotionPage) -> str:
    motion = page.motion
    if page.command == "flow" and page.flow is not None:
        speeds = page.flow.speeds
        first = [
            markup.card(f"{speeds.median:.0f} px/s", "Median speed", f"at the events; mean {speeds.mean:.0f} px/s"),
            markup.card(f"{speeds.fast:.0f} px/s", "Fast motion", "99 % of the events are slower"),
        ]
    else:
        mean = ", ".join(motion_sections.number(v, 1) for v in np.degrees(motion.mean()))
        speed = f"{np.degrees(motion.mean_speed()):.1f} °/s"
        first = [
            markup.card(speed, "Mean angular speed", f"mean angular velocity {mean} °/s about x, y, z"),
            markup.card(f"{motion.distinct_events:,}".replace(",", "\u202f"), "Events used", "each counted once"),
        ]
    count = "1 window" if len(motion) == 1 else f"{len(motion)} overlapping windows"
    return markup.cards(
        *first,
        markup.card(
            f"{float(np.median(motion.gain)):.2f}",
            "Sharpening (FWL)",
            "image variance of warped events relative to unwarped ones, median over windows",
        ),
        markup.card(_seconds(page.seconds), "Run time", f"{page.span_s:.3g} s of events in {count}"),
    )


def _lead(page: MotionPage) -> str:
    if page.command == "egomotion":
        said = motion_sections.windows_in_words(page.motion)
    elif page.calibration == "none":
        said = (
            "Dense optical flow, in pixels of the recorded image. The camera is not calibrated, so no egomotion is "
            "given: --camera gives both."
        )
    else:
        said = "Dense optical flow, in pixels of the undistorted image."
    return markup.paragraph(said, "lead")


def _notes(page: MotionPage) -> str:
    said = list(page.notes)
    if page.calibration != "none" and page.motion.model == "full":
        said.append("A single camera cannot observe the speed of translation: directions are unit vectors.")
    elif page.calibration != "none":
        said.append(
            "The rotation model explains all image motion by rotation: where the camera also translates, use "
            "--model full."
        )
    listed = "".join(f"<li>{escape(line)}</li>" for line in said)
    return markup.section("Notes", f"<ul>{listed}</ul>", anchor="notes") if said else ""


def _settings(page: MotionPage) -> str:
    blocks = [block(title, flat(table)) for title, table in page.settings.items()]
    blocks.append(block("versions and machine", environment().items()))
    return markup.section("Settings", f'<div class="blocks">{"".join(blocks)}</div>', anchor="settings")


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 9.95 else markup.duration(seconds)
