"""The page of motion says what the model gives, of the windows that there are."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from efields.evaluate.motion_agreement import GYROSCOPE, Reference, agreement
from efields.motion.flow_maps import Speeds
from efields.motion.motion import Calibration, Motion, Status
from efields.report.markup import MINUS
from efields.report.motion_page import MotionPage, ShownFlow, write_motion_page
from efields.report.motion_sections import windows_in_words

IMAGE = np.full((18, 24, 3), 255, np.uint8)
FLOW = ShownFlow(np.full((18, 24, 2), 30.0), 0.05, 60.0, Speeds(41.0, 42.0, 43.0), film=b"film", slowed=20.0)


def motion(model: str, *status: Status, calibration: Calibration = "given") -> Motion:
    count = len(status)
    w = np.tile(np.radians([0.0, 6.0, -8.0]), (count, 1))
    direction = np.full((count, 3), np.nan)
    direction[[k for k, one in enumerate(status) if model == "full" and one in ("ok", "two-fold")]] = (1.0, 0.0, 0.0)
    return Motion(
        "full" if model == "full" else "rotation", 1_000_000 + 50_000 * np.arange(count), w,
        np.tile(np.eye(3) * 1e-4, (count, 1, 1)), direction, status, np.full(count, 800), np.full(count, 1.25),
        distinct_events=1200, calibration=calibration,
    )  # fmt: skip


def written(tmp_path: Path, command: str, found: Motion, **more: object) -> str:
    page = MotionPage(
        command=command, name="there", motion=found, span_us=(950_000, 1_250_000), seconds=3.2, before=IMAGE,
        after=IMAGE, settings={"estimate": {"window_events": 800, "fit": {"rate": 0.5}}},
    )  # fmt: skip
    write_motion_page(tmp_path / "page.html", replace(page, **more))
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_rotation_model_claims_no_translation(tmp_path: Path) -> None:
    page = written(tmp_path, "egomotion", motion("rotation", "ok", "ok", "still"))
    assert "2 of 3 windows: angular velocity; 1 of 3 windows: the image hardly moves." in page
    assert "irection of translation" not in page and "ranslation direction" not in page
    assert "curvature of the contrast" in page
    # The length of the mean angular velocity, its axes, and events that overlapping windows share, once.
    assert "10.0 °/s" in page and f"0.0, 6.0, {MINUS}8.0 °/s" in page
    assert "1\u202f200" in page and "2\u202f400" not in page


def test_the_full_model_says_what_each_window_gives(tmp_path: Path) -> None:
    statuses: tuple[Status, ...] = ("ok", "rotation only", "two-fold", "uncertain direction", "no gain", "still")
    page = written(tmp_path, "egomotion", motion("full", *statuses), flow=FLOW)
    assert "1 of 6 windows: angular velocity and translation direction" in page
    assert "from the residual of the flow" in page and "curvature" not in page
    assert "Translation direction over time" in page
    none = written(tmp_path, "egomotion", motion("full", "rotation only"), flow=FLOW)
    assert "No window gives a translation direction." in none


def test_windows_that_say_nothing_say_what_stands_in_their_place() -> None:
    assert "warping sharpens nothing, the angular velocity of neighbouring windows is given" in windows_in_words(
        motion("rotation", "ok", "no gain")
    )
    assert "All 2 windows: warping sharpens nothing, 0 is given." in windows_in_words(
        motion("rotation", "no gain", "no gain")
    )
    assert "The one window: angular velocity." in windows_in_words(motion("rotation", "ok"))


@pytest.mark.parametrize(("calibration", "claimed"), [("given", True), ("assumed", True), ("none", False)])
def test_flow_comes_first_and_motion_only_with_a_calibration(
    tmp_path: Path, calibration: Calibration, claimed: bool
) -> None:
    page = written(tmp_path, "flow", motion("full", "ok", "ok", calibration=calibration), flow=FLOW)
    order = re.findall(r'<section id="(\w+)"', page)
    assert order[:2] == ["flow", "sharpness"] and order[-1] == "settings"
    assert ("motion" in order, "agreement" in order) == (claimed, claimed)
    assert ("The focal length is assumed" in page) == (calibration == "assumed")
    assert ("rotation" in page.split("<section")[3]) == claimed
    for said in ("42 px/s", "mean 41 px/s", "43 px/s", "data:video/mp4;base64,", "slowed down 20 times", "fit.rate"):
        assert said in page
    assert "torch" in page and "processor" in page


def test_agreement_is_of_one_quantity_at_the_windows_that_are_covered(tmp_path: Path) -> None:
    found = motion("rotation", "ok", "ok", "ok", "ok")
    half = Reference(GYROSCOPE, np.array([1_000_000, 1_060_000]), np.radians([[0.0, 6.0, -5.0], [0.0, 6.0, -5.0]]))
    (one,) = agreement(found, [half])
    assert (one.windows, one.correlation) == (2, None)
    # Both vectors differ by 3 deg/s, and the reference has 7.8.
    assert (one.rms_deg_s, one.mean_deg_s) == (pytest.approx(3.0), pytest.approx(3.0))
    assert one.zero_rotation_rms_deg_s == pytest.approx(np.hypot(6, 5))
    # The noise of a gyroscope at rest has no course to follow; one that changes has.
    rng, times = np.random.default_rng(0), 990_000 + 10_000 * np.arange(30)
    noise, still = np.radians(0.05 * rng.normal(size=(30, 3))), motion("rotation", *("ok",) * 5)
    assert agreement(still, [Reference(GYROSCOPE, times, noise)])[0].correlation is None
    swing = noise + np.radians(np.outer(np.sin(0.5 * np.arange(30)), [0.0, 2.0, 0.0]))
    swung = replace(still, angular_velocity=still.angular_velocity + swing[1::5][:5])
    assert agreement(swung, [Reference(GYROSCOPE, times, swing)])[0].correlation == pytest.approx(1.0, abs=0.01)
    later = Reference("poses", half.t_us + 10_000_000, half.angular_velocity)
    assert agreement(found, [later]) == ()
    page = written(tmp_path, "egomotion", found, references=(half,), agreement=(one,))
    text = re.sub(r"<[^>]*>", "", page)
    assert "Compared with Windows RMS error, deg/s Mean error, deg/s Zero rotation: RMS, deg/s" in text
    assert "gyroscope 2 of 4 3.00 3.00 7.81 7.81" in text
    page = written(tmp_path, "egomotion", found, references=(later,))
    assert "the middle of no window lies within the time of poses." in page
    assert "neither gyroscope samples nor poses" in written(tmp_path, "egomotion", found)
