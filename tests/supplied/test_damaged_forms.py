"""Every form of a camera and of poses, damaged in the middle: one error of ours, or read, never another exception."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from efields.errors import InputError
from efields.poses.rows import read_pose_rows
from efields.supplied.cameras import read_camera
from tests.supplied import test_camera_forms, test_pose_forms

PUT_IN = ("nan", "-1e400", "[", "}", '"', ",,", "\n", "\x00", "é", ": ", "*a", "<b>", "%", "null", "9" * 400)


def damaged(text: str, rng: np.random.Generator) -> Iterator[str]:
    """The text with something put in, with a part left out, and cut short."""
    for word in (*rng.choice(PUT_IN, 2), ""):
        at, end = np.sort(rng.integers(0, len(text) + 1, 2))
        yield text[:at] + str(word) + text[at:]
        yield text[:at] + text[min(end, at + 20) :]
    yield text[: len(text) // 2] or " "


def cameras() -> Iterator[str]:
    f, k = test_camera_forms.drawn(0)
    for forms in (test_camera_forms.RADTAN, test_camera_forms.EQUIDISTANT):
        yield from (form(f, k) for form in forms.values())
    yield from (form(f) for form in test_camera_forms.PINHOLE.values())


def test_damaged_calibrations(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for text in cameras():
        path = tmp_path / ("camera.toml" if text.startswith("[cam_0]") else "camera")
        for broken in damaged(text, rng):
            path.write_text(broken, encoding="utf-8")
            with suppress(InputError):
                read_camera(str(path), *test_camera_forms.SIZE)


@pytest.mark.filterwarnings("error")
def test_damaged_poses(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    path = tmp_path / "poses.txt"
    for text in (*test_pose_forms.FORMS.values(), *test_pose_forms.TIMELESS.values()):
        for broken in damaged(text, rng):
            path.write_text(broken, encoding="utf-8")
            with suppress(InputError):
                read_pose_rows(path)
